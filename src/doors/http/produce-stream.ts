// NDJSON produce: records are taken line by line while the body streams in, in bounded memory.
//
// Up to `bodyBytesMax` of staged batches the request is all-or-none: nothing is appended before its last line was
// good. A longer stream is committed stretch by stretch as it flows; its answer is in minimal form, and an error
// then says how many records were appended before it.

import type { FastifyReply } from "fastify";
import { LogError } from "../../base/error.ts";
import type { ProducePartitionResult } from "../../services.ts";
import type { Appender } from "./appender.ts";
import type { StreamedBody } from "./bodies.ts";
import type { HttpContext } from "./http-context.ts";
import { lineText } from "./ndjson-lines.ts";
import { nameError } from "./problem.ts";
import type { ProduceTerms } from "./produce-query.ts";
import { answerSeveral, sendAccepted, sendMinimal } from "./produce-reply.ts";
import { JsonRecordReader } from "./record-json.ts";
import { RecordDraft } from "./record-draft.ts";
import type { StagingOptions } from "./staging.ts";
import { produceError, Staging, weakestDurability } from "./staging.ts";

/** One NDJSON request. */
export interface LineStream {
  readonly lines: StreamedBody;
  readonly terms: ProduceTerms;
  readonly options: StagingOptions;
  readonly appender: Appender;
  /** Sends what the packer holds for a partition, so that order is kept. */
  flush(partition: number): void;
}

const newline = 0x0a;

/**
 * Takes a whole stream.
 *
 * @returns What sends the answer.
 * @throws INVALID_RECORD and what produce answers; `appendedRecords` among the facts when some were.
 */
export async function produceStream(
  stream: LineStream,
  context: HttpContext,
): Promise<(reply: FastifyReply) => void> {
  const taking = new LineTaking(stream, context);
  try {
    await stream.lines.each((chunk) => taking.take(chunk));
    return await taking.finish();
  } catch (error) {
    throw taking.failure(error);
  } finally {
    taking.discard();
  }
}

class LineTaking {
  readonly #stream: LineStream;
  readonly #context: HttpContext;
  readonly #draft = new RecordDraft();
  readonly #reader = new JsonRecordReader(this.#draft);
  #staging: Staging;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #index = 0;
  readonly #appended: { partition: number; baseOffset: number; count: number }[] = [];
  #appendedRecords = 0;
  #durability: "fsync" | "written" = "fsync";

  constructor(stream: LineStream, context: HttpContext) {
    this.#stream = stream;
    this.#context = context;
    this.#staging = new Staging(stream.options);
  }

  /** Takes a chunk of the body; resolves when there is room for the next. */
  async take(chunk: Buffer): Promise<void> {
    const { limits, metrics } = this.#context;
    metrics.bytesIn += chunk.length;
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      if (end < 0) break;
      this.#line(this.#joined(chunk.subarray(start, end)));
      start = end + 1;
      if (this.#staging.sizeBytes > limits.bodyBytesMax) await this.#commit();
    }
    if (start === chunk.length) return;
    // A copy, so that a short rest does not keep the whole chunk in memory.
    const rest = Buffer.from(chunk.subarray(start));
    this.#partial.push(rest);
    this.#partialBytes += rest.length;
    if (this.#partialBytes > limits.bodyBytesMax) {
      throw new LogError("MESSAGE_TOO_LARGE", `line ${this.#index} is longer than a body may be`, {
        facts: { index: this.#index, bodyBytesMax: limits.bodyBytesMax },
      });
    }
  }

  /** Takes the last line, appends what is left, and prepares the answer. */
  async finish(): Promise<(reply: FastifyReply) => void> {
    const { terms } = this.#stream;
    this.#line(this.#joined(Buffer.alloc(0)));
    if (this.#index === 0) throw new LogError("INVALID_REQUEST", "there are no records");
    const staging = this.#staging;
    const isWhole = this.#appendedRecords === 0;
    if (terms.expectedEndOffset !== null) {
      if (!isWhole) throw new LogError("MESSAGE_TOO_LARGE", conditionTooLarge);
    }
    if (terms.expectedEndOffset !== null || terms.producer !== null) staging.requireOnePartition();
    const results = await this.#send(staging);
    if (terms.acks === 0) return sendAccepted;
    if (isWhole) return (reply) => answerSeveral(reply, { terms, staging, results });
    this.#note(staging, results);
    const partitions = this.#appended;
    const durability = this.#durability;
    return (reply) => sendMinimal(reply, terms, { partitions, durability });
  }

  /** An error as the client is told it. */
  failure(error: unknown): LogError {
    const named = nameError(error);
    if (this.#appendedRecords === 0) return named;
    const facts = { ...named.facts, appendedRecords: this.#appendedRecords };
    return new LogError(named.code, named.message, { facts, cause: named.cause });
  }

  /** Gives the memory back. */
  discard(): void {
    this.#staging.discard();
  }

  #line(line: Buffer): void {
    const text = lineText(line);
    if (text === null) return;
    this.#reader.readLine(text, this.#index);
    this.#staging.add(this.#draft);
    this.#index++;
  }

  #joined(last: Buffer): Buffer {
    if (this.#partialBytes === 0) return last;
    const whole = Buffer.concat([...this.#partial, last]);
    this.#partial = [];
    this.#partialBytes = 0;
    return whole;
  }

  async #commit(): Promise<void> {
    const { terms, options } = this.#stream;
    if (terms.expectedEndOffset !== null || terms.producer !== null) {
      throw new LogError("MESSAGE_TOO_LARGE", conditionTooLarge);
    }
    const staging = this.#staging;
    this.#staging = new Staging(options);
    this.#note(staging, await this.#send(staging));
  }

  async #send(staging: Staging): Promise<readonly ProducePartitionResult[]> {
    const { terms, appender, flush } = this.#stream;
    if (staging.count === 0) return [];
    const parts = staging.finish(terms.expectedEndOffset);
    for (const { partition } of parts) flush(partition);
    this.#context.metrics.recordsIn += staging.count;
    return appender.all(terms.acks, parts);
  }

  #note(staging: Staging, results: readonly ProducePartitionResult[]): void {
    let failed: LogError | null = null;
    for (const result of results) {
      const error = produceError(result);
      if (error !== null) {
        failed ??= error;
        continue;
      }
      const { partition, baseOffset } = result;
      const count = staging.countOf(partition);
      const before = this.#appended.findLast((stretch) => stretch.partition === partition);
      // Others may have appended between two stretches; only what is consecutive is told as one.
      const isNext = before !== undefined && before.baseOffset + before.count === baseOffset;
      if (isNext) before.count += count;
      else this.#appended.push({ partition, baseOffset, count });
      this.#appendedRecords += count;
    }
    if (failed !== null) throw failed;
    if (weakestDurability(results) === "written") this.#durability = "written";
  }
}

const conditionTooLarge = "a conditional or idempotent append must fit into one body; split it";
