// Fetch: reads many partitions within byte budgets, and waits for more when there is too little.
//
// Partitions are read in the order of the request. The first batch found is returned however large (KIP-74); after it a
// batch that does not fit the rest of the budget is left for the next fetch. A fetch that found less than `minBytes` is
// parked on its partitions and reads again when enough bytes became readable, when one of them was deleted, or at its
// deadline; when the client has gone it ends empty.

import type { ByteBudget } from "../base/byte-budget.ts";
import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { LogReadResult } from "../log/log-types.ts";
import type {
  FetchPartition,
  FetchPartitionResult,
  FetchRequest,
  FetchResult,
  IsolationLevel,
} from "../services.ts";
import { FetchWaiter } from "./fetch-waiter.ts";
import type { Partition } from "./partition.ts";
import { type Topics, unknownPartition } from "./topics.ts";

/** What fetches of a process work with. */
export interface FetcherOptions {
  readonly topics: Topics;
  readonly clock: Clock;
  /** Bytes lent out in replies that were not released yet. */
  readonly budget: ByteBudget;
  /** Largest reply, save for a single batch that is larger. */
  readonly replyBytesMax: number;
  /** At most this many fetches wait; more are refused. */
  readonly parkedMax: number;
  /** Hears how many bytes a reply carries. Must not throw. */
  readonly onAnswered: (bytes: number) => void;
}

/** A partition of the request, looked up once: a topic made anew under the name is not read by mistake. */
interface Target {
  readonly request: FetchPartition;
  readonly partition: Partition | null;
}

/** One reading of all partitions. */
interface Reading {
  readonly results: readonly FetchPartitionResult[];
  readonly leases: readonly LogReadResult[];
  readonly bytes: number;
  /** Something that must be answered at once: an error, or a partition that filled its own limit. */
  readonly isUrgent: boolean;
  /** Bytes taken from the budget, given back on release. */
  readonly heldBytes: number;
}

const nothing = new Uint8Array(0);

/** Reads for clients. */
export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #parked = new Set<FetchWaiter>();
  #isClosed = false;
  #runningCount = 0;
  #onIdle: (() => void) | null = null;

  /** @param options Topics, clock and bounds. */
  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** How many fetches wait. */
  get parkedCount(): number {
    return this.#parked.size;
  }

  /**
   * Reads, waiting up to `maxWaitMs` for `minBytes`. Release the result when its bytes have been used.
   *
   * @throws SERVER_OVERLOADED when no room for a reply came up in time, THROTTLING_QUOTA_EXCEEDED when too many fetches
   *         wait, SERVER_STOPPING.
   */
  async fetch(request: FetchRequest): Promise<FetchResult> {
    if (this.#isClosed) throw new LogError("SERVER_STOPPING", "the server is stopping");
    this.#runningCount++;
    try {
      return await this.#fetch(request);
    } finally {
      this.#runningCount--;
      if (this.#runningCount === 0) this.#onIdle?.();
    }
  }

  /**
   * Lets parked fetches answer with what there is and refuses later ones; resolves when all have been answered. Replies
   * stay valid until they are released.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiter of this.#parked) waiter.wake();
    if (this.#runningCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async #fetch(request: FetchRequest): Promise<FetchResult> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + request.maxWaitMs;
    const targets = request.partitions.map((part) => ({
      request: part,
      partition: this.#options.topics.findPartition(part.topic, part.partition),
    }));
    for (;;) {
      const readableBytes = readableBytesOf(targets, request.isolation);
      const reading = await this.#read(request, targets);
      const waitMs = deadlineMs - clock.monotonicMs();
      const missingBytes = this.#minBytesOf(request) - reading.bytes;
      const isEnough = missingBytes <= 0 || reading.isUrgent || targets.length === 0;
      if (isEnough || waitMs <= 0 || this.#isClosed) return this.#answer(reading);
      this.#release(reading);
      await this.#park({ request, targets, waitMs, wakeAtBytes: readableBytes + missingBytes });
      if (request.signal?.aborted === true) return this.#answer(emptyReading(targets));
    }
  }

  #minBytesOf(request: FetchRequest): number {
    return Math.min(request.minBytes, request.maxBytes, this.#options.replyBytesMax);
  }

  async #park(wait: {
    readonly request: FetchRequest;
    readonly targets: readonly Target[];
    readonly waitMs: number;
    readonly wakeAtBytes: number;
  }): Promise<void> {
    const { parkedMax, clock } = this.#options;
    if (this.#parked.size >= parkedMax) {
      const detail = `${parkedMax} fetches wait already, which is the limit`;
      throw new LogError("THROTTLING_QUOTA_EXCEEDED", detail);
    }
    const partitions = wait.targets.flatMap(({ partition }) => partition ?? []);
    const { waitMs, wakeAtBytes } = wait;
    const { isolation } = wait.request;
    const waiter = new FetchWaiter({ clock, partitions, isolation, waitMs, wakeAtBytes });
    this.#parked.add(waiter);
    try {
      await waiter.wait(wait.request.signal);
    } finally {
      this.#parked.delete(waiter);
    }
  }

  async #read(request: FetchRequest, targets: readonly Target[]): Promise<Reading> {
    const { budget, replyBytesMax } = this.#options;
    const maxBytes = Math.max(0, Math.min(request.maxBytes, replyBytesMax));
    if (!budget.tryTake(maxBytes)) await budget.take(maxBytes);
    const results: FetchPartitionResult[] = [];
    const leases: LogReadResult[] = [];
    let bytes = 0;
    let isUrgent = false;
    try {
      for (const target of targets) {
        const limitBytes = Math.max(0, Math.min(target.request.maxBytes, maxBytes - bytes));
        const { isolation } = request;
        const read = await readTarget(target, { limitBytes, isFirst: bytes === 0, isolation });
        if (read.lease !== null) leases.push(read.lease);
        bytes += read.result.batches.length;
        isUrgent ||= read.result.error !== null || read.isFull;
        results.push(read.result);
      }
    } catch (error) {
      for (const lease of leases) lease.release();
      budget.give(maxBytes);
      throw error;
    }
    // Only what is lent out stays taken; a first batch beyond the limit is not counted above it.
    const heldBytes = Math.min(bytes, maxBytes);
    budget.give(maxBytes - heldBytes);
    return { results, leases, bytes, isUrgent, heldBytes };
  }

  #answer(reading: Reading): FetchResult {
    let isReleased = false;
    this.#options.onAnswered(reading.bytes);
    return {
      partitions: reading.results,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#release(reading);
      },
    };
  }

  #release(reading: Reading): void {
    for (const lease of reading.leases) lease.release();
    this.#options.budget.give(reading.heldBytes);
  }
}

interface TargetRead {
  readonly result: FetchPartitionResult;
  readonly lease: LogReadResult | null;
  /** There is more to read than this reply can carry, so waiting brings nothing. */
  readonly isFull: boolean;
}

interface ReadLimits {
  readonly limitBytes: number;
  /** The first batch of a reply is returned however large. */
  readonly isFirst: boolean;
  readonly isolation: IsolationLevel;
}

async function readTarget(
  target: Target,
  { limitBytes, isFirst, isolation }: ReadLimits,
): Promise<TargetRead> {
  const { request, partition } = target;
  if (partition === null) {
    const detail = unknownPartition(request.topic, request.partition);
    return failed(target, new LogError("UNKNOWN_TOPIC_OR_PARTITION", detail));
  }
  try {
    const log = partition.log();
    const { logStartOffset, logEndOffset, ...positions } = log.positions();
    const upTo = isolation === "read_committed" ? "lastStableOffset" : "highWatermark";
    const endOffset = positions[upTo];
    const offset = request.fetchOffset;
    if (offset < logStartOffset || offset > logEndOffset) return outside(target, partition);
    if (offset >= endOffset) return found(target, null);
    if (limitBytes === 0 && !isFirst) return { ...found(target, null), isFull: true };
    const lease = await log.read({ offset, maxBytes: limitBytes, upTo });
    if (lease.bytes.length > limitBytes && !isFirst) {
      lease.release();
      return { ...found(target, null), isFull: true };
    }
    return { ...found(target, lease), isFull: lease.nextOffset < endOffset };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return failed(target, error);
  }
}

function found(target: Target, lease: LogReadResult | null): TargetRead {
  const read = { batches: lease?.bytes ?? nothing, aborted: lease?.aborted ?? [] };
  return { result: resultOf(target, { error: null, ...read }), lease, isFull: false };
}

function failed(target: Target, error: LogError): TargetRead {
  const result = resultOf(target, { error, batches: nothing, aborted: [] });
  return { result, lease: null, isFull: false };
}

function emptyReading(targets: readonly Target[]): Reading {
  const results = targets.map((target) => found(target, null).result);
  return { results, leases: [], bytes: 0, isUrgent: false, heldBytes: 0 };
}

function outside(target: Target, partition: Partition): TargetRead {
  const { request } = target;
  const { logStartOffset, logEndOffset } = partition.positions();
  const isBelow = request.fetchOffset < logStartOffset;
  const error = new LogError(
    isBelow ? "OFFSET_BELOW_LOG_START" : "OFFSET_OUT_OF_RANGE",
    `offset ${request.fetchOffset} of ${partition.directoryName} is ` +
      (isBelow ? `below the log start ${logStartOffset}` : `above the log end ${logEndOffset}`),
  );
  return failed(target, error);
}

function resultOf(
  { request, partition }: Target,
  {
    error,
    batches,
    aborted,
  }: Pick<LogReadResult, "aborted"> & {
    readonly error: LogError | null;
    readonly batches: Uint8Array;
  },
): FetchPartitionResult {
  const positions = partition?.positions();
  return {
    topic: request.topic,
    partition: request.partition,
    error: error?.code ?? null,
    detail: error?.message ?? null,
    highWatermark: positions?.highWatermark ?? -1,
    lastStableOffset: positions?.lastStableOffset ?? -1,
    logStartOffset: positions?.logStartOffset ?? -1,
    abortedTransactions: aborted.map(({ producerId, firstOffset }) => ({
      producerId,
      firstOffset,
    })),
    batches,
  };
}

function readableBytesOf(targets: readonly Target[], isolation: IsolationLevel): number {
  let total = 0;
  for (const { partition } of targets) total += partition?.readableBytes(isolation) ?? 0;
  return total;
}
