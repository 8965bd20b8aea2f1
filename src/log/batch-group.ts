// A group of appends that are written in one call and share their two promises.

import { assert } from "../base/assert.ts";
import { viewOf } from "../base/bytes.ts";
import {
  batchBytesAt,
  maxTimestampAt,
  nextOffsetAt,
  recordCountAt,
  setBaseOffset,
  setLeaderEpoch,
} from "../record/batch-header.ts";
import { storedLeaderEpoch } from "./batch-frame.ts";

/** Whole batches with their offsets set, and what is known of them together. */
export class StampedBatches {
  readonly chunks: readonly Uint8Array[];
  readonly views: readonly DataView[];
  readonly bytes: number;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly recordCount: number;
  readonly maxTimestampMs: number;

  /**
   * Writes the base offset and leader epoch into each batch, in place.
   *
   * @param chunks     One or more whole batches, one in each; owned by this from here on.
   * @param baseOffset Offset of the first record.
   */
  constructor(chunks: readonly Uint8Array[], baseOffset: number) {
    const views: DataView[] = [];
    let bytes = 0;
    let nextOffset = baseOffset;
    let recordCount = 0;
    let maxTimestampMs = -1;
    for (const chunk of chunks) {
      const view = viewOf(chunk);
      assert(batchBytesAt(view, 0) === chunk.length, "a chunk is one whole batch");
      setBaseOffset(view, 0, nextOffset);
      setLeaderEpoch(view, 0, storedLeaderEpoch);
      const following = nextOffsetAt(view, 0);
      assert(following > nextOffset, "a batch has at least one offset");
      nextOffset = following;
      bytes += chunk.length;
      recordCount += recordCountAt(view, 0);
      maxTimestampMs = Math.max(maxTimestampMs, maxTimestampAt(view, 0));
      views.push(view);
    }
    this.chunks = chunks;
    this.views = views;
    this.bytes = bytes;
    this.baseOffset = baseOffset;
    this.nextOffset = nextOffset;
    this.recordCount = recordCount;
    this.maxTimestampMs = maxTimestampMs;
  }
}

/** A promise and the two ways to settle it; a rejection that nobody awaits is harmless. */
export class Outcome {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;

  constructor() {
    const { promise, resolve, reject } = settleable();
    promise.catch(() => undefined);
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }
}

function settleable(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
} {
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<void>((onDone, onFail) => {
    resolve = onDone;
    reject = onFail;
  });
  return { promise, resolve, reject };
}

/** Appends that go to the disk together, all into one segment. */
export class BatchGroup {
  readonly chunks: Uint8Array[] = [];
  readonly views: DataView[] = [];
  readonly written = new Outcome();
  readonly durable = new Outcome();
  /** True when a new segment begins with this group. */
  readonly isRoll: boolean;
  bytes = 0;
  batchCount = 0;
  recordCount = 0;
  nextOffset: number;
  /** True when some append of the group waits for `durable`. */
  needsSync = false;

  constructor(baseOffset: number, isRoll: boolean) {
    this.nextOffset = baseOffset;
    this.isRoll = isRoll;
  }

  /** Adds batches whose offsets follow. */
  add(batches: StampedBatches, needsSync: boolean): void {
    assert(batches.baseOffset === this.nextOffset, "offsets of a group are contiguous");
    for (const chunk of batches.chunks) this.chunks.push(chunk);
    for (const view of batches.views) this.views.push(view);
    this.bytes += batches.bytes;
    this.batchCount += batches.chunks.length;
    this.recordCount += batches.recordCount;
    this.nextOffset = batches.nextOffset;
    if (needsSync) this.needsSync = true;
  }

  /** Rejects both promises. */
  reject(error: unknown): void {
    this.written.reject(error);
    this.durable.reject(error);
  }
}
