// Reading a topic without a group: one partition or all, from any position, to the end or on and on.
//
// The next reply is asked for while the caller works on the last one; a reader holds two replies at most.

import type { Clock } from "../base/clock.ts";
import { hasCode, invalidArgument, VarveError } from "./errors.ts";
import type { HttpTransport } from "./http-transport.ts";
import { Pacer } from "./pacer.ts";
import type { ConsumedRecord, Isolation } from "./records.ts";
import { type PartitionOffset, TopicsClient, topicPath } from "./topics-client.ts";

/** One read of one partition. What is left out takes the server's default. */
export interface ReadRequest {
  readonly topic: string;
  readonly partition: number;
  /** `earliest`, `latest`, an offset, `-N`, `@<milliseconds>` or `@<ISO 8601>`. Default `earliest`. */
  readonly from?: string | number;
  readonly maxRecords?: number;
  readonly maxBytes?: number;
  /** How long the server may wait for a record, 0 to 60,000. */
  readonly waitMs?: number;
  readonly isolation?: Isolation;
  readonly signal?: AbortSignal | null;
}

/** The answer to a read of one partition. */
export interface ReadReply {
  readonly records: readonly ConsumedRecord[];
  /** Where to read on. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  /** While a transaction is open: where it began, and `read_committed` ends. */
  readonly lastStableOffset?: number;
  readonly logStartOffset: number;
}

/** What to read and how; all but the topic may be left out. */
export interface ConsumeOptions {
  readonly topic: string;
  /** Only this partition; otherwise all of them. */
  readonly partition?: number;
  /**
   * `earliest` (default), `latest`, an offset (with `partition`, or in a topic of one), `-N` (the last N of each
   * partition), `@<milliseconds>`, `@<ISO 8601>`, or an offset for each partition.
   */
  readonly from?: string | number | readonly PartitionOffset[];
  /** True (default): goes on with what is appended later. False: stops at the end as it was at the start. */
  readonly follow?: boolean;
  /** Records in one reply at most. Default 2,000. */
  readonly maxRecords?: number;
  /** Bytes in one reply, about; a larger record comes alone. Default 1 MiB. */
  readonly maxBytes?: number;
  /** How long the server may hold a read that finds nothing, 100 to 60,000. Default 20,000. */
  readonly waitMs?: number;
  /** Default `read_committed`. */
  readonly isolation?: Isolation;
  /** Ends the reading without an error. */
  readonly signal?: AbortSignal | null;
}

interface Page {
  readonly records: readonly ConsumedRecord[];
  /** The position after the page, as text for `from`. */
  readonly next: string;
}

/** Sends one read. @throws OFFSET_OUT_OF_RANGE, OFFSET_BELOW_LOG_START, UNKNOWN_TOPIC_OR_PARTITION */
export async function read(transport: HttpTransport, request: ReadRequest): Promise<ReadReply> {
  const { topic, partition, waitMs = 0 } = request;
  const reply = await transport.call({
    method: "GET",
    path: `${topicPath(topic)}/partitions/${partition}/records`,
    query: {
      from: request.from ?? null,
      maxRecords: request.maxRecords ?? null,
      maxBytes: request.maxBytes ?? null,
      waitMs,
      isolation: request.isolation ?? null,
    },
    resend: "always",
    waitMs,
    signal: request.signal ?? null,
  });
  return reply.body as ReadReply;
}

/**
 * The records of a topic as an async iterable.
 *
 * Within a partition records come in offset order, each once. With `follow` the partitions are mixed as the server
 * finds them; without it they come one after the other. Each iteration begins at `from` anew.
 */
export class RecordReader implements AsyncIterable<ConsumedRecord> {
  readonly #options: ConsumeOptions;
  readonly #transport: HttpTransport;
  readonly #topics: TopicsClient;
  readonly #clock: Clock;

  /** @param options What to read; @param context The way to the server, and the clock. */
  constructor(
    options: ConsumeOptions,
    context: { readonly transport: HttpTransport; readonly clock: Clock },
  ) {
    this.#options = options;
    this.#transport = context.transport;
    this.#topics = new TopicsClient(context.transport);
    this.#clock = context.clock;
  }

  /** The records one by one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord, void, undefined> {
    for await (const records of this.batches()) yield* records;
  }

  /** The records in the portions they arrive in, never empty: much cheaper for many small ones. */
  async *batches(): AsyncGenerator<readonly ConsumedRecord[], void, undefined> {
    const given = this.#options.signal ?? null;
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    given?.addEventListener("abort", abort);
    try {
      if (given?.aborted === true) return;
      yield* this.#options.follow === false
        ? this.#toTheEnd(stop.signal)
        : this.#following(stop.signal);
    } catch (error) {
      if (given?.aborted !== true || !hasCode(error, "ABORTED")) throw error;
    } finally {
      given?.removeEventListener("abort", abort);
      // Ends a read that was started ahead and that nobody will take.
      stop.abort();
    }
  }

  async *#toTheEnd(signal: AbortSignal): AsyncGenerator<readonly ConsumedRecord[]> {
    const starts = await this.#starts();
    const ends = new Map<number, number>();
    const { topic, isolation } = this.#options;
    for (const end of await this.#topics.offsets(topic, "latest", isolation)) {
      ends.set(end.partition, end.offset);
    }
    for (const { partition, offset } of starts) {
      const end = ends.get(partition) ?? 0;
      // An offset beyond the end is a mistake that only the server words well: ask it once.
      if (offset > end) await this.#page(partition, String(offset), signal);
      if (offset >= end) continue;
      for await (const page of this.#pages(partition, String(offset), signal)) {
        const isLast = Number(page.next) >= end;
        const records = isLast ? page.records.filter((one) => one.offset < end) : page.records;
        if (records.length > 0) yield records;
        if (isLast) break;
      }
    }
  }

  async *#following(signal: AbortSignal): AsyncGenerator<readonly ConsumedRecord[]> {
    const starts = await this.#starts();
    const only = this.#options.partition ?? null;
    const from =
      only === null
        ? starts.map(({ partition, offset }) => `${partition}:${offset}`).join(",")
        : String(starts[0]?.offset ?? 0);
    const pacer = new Pacer(this.#clock, signal);
    for await (const page of this.#pages(only, from, signal)) {
      if (page.records.length > 0) {
        pacer.reset();
        yield page.records;
      } else {
        await pacer.afterEmpty(this.#waitMs());
      }
    }
  }

  /** Page after page, each asked for while the one before is in the caller's hands. */
  async *#pages(
    partition: number | null,
    from: string,
    signal: AbortSignal,
  ): AsyncGenerator<Page, void, undefined> {
    const ask = (position: string): Promise<Page> => {
      const page = this.#page(partition, position, signal);
      // It may fail while the caller is busy, or after it has left; awaiting it below still throws.
      page.catch(() => undefined);
      return page;
    };
    let ahead = ask(from);
    while (true) {
      const page = await ahead;
      // Nothing found: the caller decides when to ask again.
      const isEmpty = page.records.length === 0;
      if (!isEmpty) ahead = ask(page.next);
      yield page;
      if (isEmpty) ahead = ask(page.next);
    }
  }

  async #page(partition: number | null, from: string, signal: AbortSignal): Promise<Page> {
    const { topic, isolation, maxRecords = 2_000, maxBytes = 1024 * 1024 } = this.#options;
    const seen = isolation === undefined ? {} : { isolation };
    const waitMs = this.#waitMs();
    if (partition !== null) {
      const request = { topic, partition, from, maxRecords, maxBytes, waitMs, signal, ...seen };
      const reply = await read(this.#transport, request);
      return { records: reply.records, next: String(reply.nextOffset) };
    }
    const reply = await this.#transport.call({
      method: "GET",
      path: `${topicPath(topic)}/records`,
      query: { from, maxRecords, maxBytes, waitMs, ...seen },
      resend: "always",
      waitMs,
      signal,
    });
    return reply.body as Page;
  }

  /** The offset to begin at in each partition wanted, in partition order. */
  async #starts(): Promise<readonly PartitionOffset[]> {
    const { topic, isolation, from = "earliest", partition = null } = this.#options;
    const isOffset = typeof from === "number" ? from >= 0 : /^\d+$/.test(String(from));
    if (isOffset && partition !== null) return [{ partition, offset: Number(from) }];
    const at = typeof from === "object" || isOffset ? "earliest" : from;
    const offsets = [...(await this.#topics.offsets(topic, at, isolation))];
    offsets.sort((a, b) => a.partition - b.partition);
    if (isOffset && offsets.length > 1) {
      throw invalidArgument(
        `offset ${String(from)} alone does not say which of ${offsets.length} partitions; give a partition`,
      );
    }
    const given = typeof from === "object" ? from : [];
    const starts = offsets.map((start) => {
      const wanted = given.find((one) => one.partition === start.partition);
      if (wanted !== undefined) return wanted;
      return isOffset ? { partition: start.partition, offset: Number(from) } : start;
    });
    if (partition === null) return starts;
    const only = starts.find((start) => start.partition === partition);
    if (only !== undefined) return [only];
    throw new VarveError(`topic '${topic}' has no partition ${partition}`, {
      code: "UNKNOWN_TOPIC_OR_PARTITION",
      status: 404,
      facts: { topic, partition },
    });
  }

  #waitMs(): number {
    return Math.min(Math.max(this.#options.waitMs ?? 20_000, 100), 60_000);
  }
}
