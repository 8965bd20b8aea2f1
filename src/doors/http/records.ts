// GET /v1/topics/{topic}/partitions/{partition}/records: one partition's records from a position on.

import type { FastifyInstance, FastifyReply } from "fastify";
import { LogError } from "../../base/error.ts";
import type { HttpContext } from "./http-context.ts";
import type { Encoding } from "./negotiation.ts";
import { mediaTypes } from "./negotiation.ts";
import { pageOutput, readQuery } from "./record-schema.ts";
import { routeSchema } from "./route-schema.ts";
import { parsePosition, resolvePosition } from "./positions.ts";
import { sendBatches } from "./read-batches.ts";
import type { ReadTerms } from "./read-query.ts";
import { readTerms } from "./read-query.ts";
import type { ReadRequest } from "./reading.ts";
import { readPartition } from "./reading.ts";
import type { PageEncoding } from "./record-page.ts";
import { RecordPage } from "./record-page.ts";
import type { StreamSource } from "./streams.ts";
import { sendStream } from "./streams.ts";
import { holdReply, whileWaiting } from "./waiting.ts";

const encodings: readonly Encoding[] = ["json", "msgpack", "ndjson", "sse", "batches"];

const path = "/v1/topics/:topic/partitions/:partition/records";
const schema = routeSchema(path, {
  tag: "records",
  summary: "Read one partition from a position",
  query: readQuery,
  replies: { 200: pageOutput },
  replyTypes: encodings.map((encoding) => mediaTypes[encoding][0]),
});

/** Registers the partition read. */
export async function recordsPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  app.get<{ Params: { topic: string; partition: string } }>(
    path,
    { schema },
    async (request, reply) => {
      const terms = readTerms(request, encodings, context);
      const partition = partitionParam(request.params.partition);
      const { topic } = request.params;
      const position = parsePosition(terms.from, "from");
      const where = { topic, partitions: [partition], isolation: terms.isolation };
      const [offset = 0] = await resolvePosition(context.services.data, position, where);
      const isFloating = position.kind === "earliest" || position.kind === "last";
      const from = { topic, partition, offset, isFloating };
      const isStream = terms.isFollowing || terms.negotiated.encoding === "sse";
      if (isStream)
        return sendStream(context, reply, { terms, source: sourceOf(context, terms, from) });
      if (terms.waitMs === 0) return answer(context, reply, { terms, from, signal: null });
      return whileWaiting(context, reply, (signal) => {
        return answer(context, reply, { terms, from, signal });
      });
    },
  );
}

/** A partition index in a path. @throws INVALID_REQUEST */
export function partitionParam(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 31) return Number(text);
  const shown = JSON.stringify(text.slice(0, 60));
  throw new LogError("INVALID_REQUEST", `a partition is an integer from 0, not ${shown}`);
}

type PartitionStart = Pick<ReadRequest, "topic" | "partition" | "offset" | "isFloating">;

function sourceOf(context: HttpContext, terms: ReadTerms, start: PartitionStart): StreamSource {
  const { maxRecords, maxBytes, isolation } = terms;
  let { offset } = start;
  return {
    readOn: async (wait, take) => {
      const request = { ...start, ...wait, offset, maxRecords, maxBytes, isolation };
      const end = await readPartition(context, request, (cursor) => {
        take(cursor, start.partition, String(cursor.offset + 1));
      });
      offset = end.nextOffset;
    },
  };
}

interface PartitionRead {
  readonly terms: ReadTerms;
  readonly from: PartitionStart;
  readonly signal: AbortSignal | null;
}

async function answer(
  context: HttpContext,
  reply: FastifyReply,
  { terms, from, signal }: PartitionRead,
): Promise<unknown> {
  const { maxRecords, maxBytes, waitMs, isolation, form, negotiated } = terms;
  const isGone = (): boolean => reply.raw.destroyed;
  const bounds = { maxRecords, maxBytes, waitMs };
  const request: ReadRequest = { ...from, ...bounds, isolation, signal, isGone };
  if (negotiated.encoding === "batches") return sendBatches(context, reply, request);
  context.replies.require();
  const page = new RecordPage(negotiated.encoding as PageEncoding);
  const isLine = negotiated.encoding === "ndjson";
  const place = { topic: null, partition: from.partition, form, isLine };
  const end = await readPartition(context, request, (cursor) => page.add(cursor, place));
  const { lastStableOffset, ...shown } = end;
  // Told while a transaction is open: that is why a reader of committed records comes no further.
  const open = lastStableOffset < end.highWatermark ? { lastStableOffset } : {};
  const body = page.close({ ...shown, ...open });
  holdReply(context, reply, body.length);
  context.metrics.recordsOut += page.count;
  context.metrics.bytesOut += body.length;
  reply.header("varve-next-offset", String(end.nextOffset));
  return reply.type(negotiated.mediaType).send(body);
}
