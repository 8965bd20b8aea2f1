// Reads that go on: NDJSON with `follow=true`, and server-sent events (HTML standard, section 9.2).
//
// A stream holds at most one page in memory: the next is fetched when the socket has taken the last. Trouble in
// the middle ends it; a client that comes back with its position is then told by status what was wrong.

import type { FastifyReply } from "fastify";
import type { ServerResponse } from "node:http";
import { LogError } from "../../base/error.ts";
import type { RecordCursor } from "../../record/record-cursor.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { HttpContext } from "./http-context.ts";
import type { ReadTerms } from "./read-query.ts";
import { writeJsonRecord } from "./record-writer.ts";
import { whileWaiting } from "./waiting.ts";

/** What a stream is fed from: it remembers where it stands. */
export interface StreamSource {
  /**
   * Reads on, waiting for at least one record.
   *
   * @param take Called for each record, with the position to resume from behind it.
   */
  readOn(
    wait: { readonly waitMs: number; readonly signal: AbortSignal },
    take: (cursor: RecordCursor, partition: number, position: string) => void,
  ): Promise<void>;
}

const comment = Buffer.from(": still here\n\n");

/**
 * Answers with a stream. What is wrong at its start is thrown, before anything was sent.
 *
 * @throws OFFSET_OUT_OF_RANGE, OFFSET_BELOW_LOG_START, UNKNOWN_TOPIC_OR_PARTITION, RECORD_NOT_JSON,
 *         THROTTLING_QUOTA_EXCEEDED
 */
export async function sendStream(
  context: HttpContext,
  reply: FastifyReply,
  stream: { readonly terms: ReadTerms; readonly source: StreamSource },
): Promise<FastifyReply> {
  return whileWaiting(context, reply, async (signal) => {
    const pages = new StreamPages(context, stream.terms, stream.source);
    const { isFollowing, waitMs } = stream.terms;
    const first = await pages.next(isFollowing ? 0 : waitMs, signal);
    const { mediaType } = stream.terms.negotiated;
    // HEAD asks whether the stream would begin.
    if (reply.request.method === "HEAD") return reply.type(mediaType).send();
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      "content-type": mediaType,
      "cache-control": "no-store",
      "x-request-id": reply.request.id,
    });
    raw.flushHeaders();
    try {
      await write(context, raw, first);
      if (isFollowing) await goOn(context, raw, { pages, signal });
      if (!raw.destroyed) raw.end();
    } catch (error) {
      context.logger.debug({ err: error, requestId: reply.request.id }, "a stream has ended");
      // An event source comes back by itself; to others a chunked body without its end says the same.
      if (stream.terms.negotiated.encoding === "sse" && !raw.destroyed) raw.end();
      else raw.destroy();
    }
    return reply;
  });
}

async function goOn(
  context: HttpContext,
  raw: ServerResponse,
  { pages, signal }: { readonly pages: StreamPages; readonly signal: AbortSignal },
): Promise<void> {
  const { streamHeartbeatMs } = context.limits;
  while (!signal.aborted) {
    const page = await pages.next(streamHeartbeatMs, signal);
    if (page.length > 0) await write(context, raw, page);
    else if (pages.isEvents && !signal.aborted) await write(context, raw, comment);
  }
}

class StreamPages {
  /** True for server-sent events. */
  readonly isEvents: boolean;
  readonly #context: HttpContext;
  readonly #terms: ReadTerms;
  readonly #source: StreamSource;

  constructor(context: HttpContext, terms: ReadTerms, source: StreamSource) {
    this.isEvents = terms.negotiated.encoding === "sse";
    this.#context = context;
    this.#terms = terms;
    this.#source = source;
  }

  /** The next page's bytes; empty when the time passed without a record. */
  async next(waitMs: number, signal: AbortSignal): Promise<Buffer> {
    const { metrics } = this.#context;
    const { form } = this.#terms;
    const writer = new ByteWriter();
    await this.#source.readOn({ waitMs, signal }, (cursor, partition, position) => {
      if (this.isEvents) writer.ascii(`id: ${position}\ndata: `);
      writeJsonRecord(writer, cursor, { topic: null, partition, form, isLine: true });
      writer.ascii(this.isEvents ? "\n\n" : "\n");
      metrics.recordsOut++;
    });
    metrics.bytesOut += writer.length;
    return writer.bytes();
  }
}

// Resolves when the socket can take more. The bytes belong to the socket from here on.
function write(context: HttpContext, raw: ServerResponse, bytes: Buffer): Promise<void> {
  if (bytes.length === 0 || raw.destroyed) return Promise.resolve();
  // A stream that finds no room ends like one that is cut: its client comes back with its position.
  const release = context.replies.hold(raw, bytes.length);
  if (raw.write(bytes)) {
    release();
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const end = (error: Error | null): void => {
      timer.cancel();
      release();
      raw.off("drain", drained);
      raw.off("close", closed);
      if (error === null) resolve();
      else reject(error);
    };
    const drained = (): void => end(null);
    const closed = (): void => end(null);
    const timer = context.clock.after(context.limits.streamStallMs, () => {
      raw.destroy();
      end(new LogError("REQUEST_TIMED_OUT", "the reader of a stream took nothing for too long"));
    });
    raw.on("drain", drained);
    raw.on("close", closed);
  });
}
