// Holds all batches of a segment to what can be known of them: lengths, format, checksums, and the chain of offsets.

import { LogError } from "../base/error.ts";
import { baseOffsetAt } from "../record/batch-header.ts";
import type { FrameDamage } from "./batch-frame.ts";
import { BatchWalk, type ByteSource } from "./batch-walk.ts";

/** What is to be held: the bytes of a segment and the offsets they stand for. */
export interface SegmentRange {
  readonly baseOffset: number;
  /** Where the last batch ends. */
  readonly endPosition: number;
  /** The last batch ends here: the base of the next segment, or the end of the log. */
  readonly endOffset: number;
  /** True where compaction may have left holes between offsets; else one is damage. */
  readonly mayHaveHoles: boolean;
  readonly batchBytesMax: number;
}

/** A damaged place of a segment. */
export interface SegmentDamage {
  /** Byte in the `.log` file. */
  readonly position: number;
  /** The offsets that cannot be read because of it: from this one ... */
  readonly fromOffset: number;
  /** ... to below this one. */
  readonly toOffset: number;
  /** `read`: the disk does not give the bytes, or the file is shorter. */
  readonly what: FrameDamage | "read";
}

/** Sees each good batch, whole in `walk.bytes`. */
export interface BatchListener {
  (walk: BatchWalk): void;
}

const pieceBytes = 256 << 10;

/**
 * Reads all batches in order. Where there may be holes a single flipped bit is found all the same, since a base offset
 * that became too large runs into what follows.
 *
 * @returns The first damaged place; null when there is none.
 * @throws  What the source throws, but KAFKA_STORAGE_ERROR.
 */
export async function verifyBatches(
  source: ByteSource,
  range: SegmentRange,
  onBatch: BatchListener | null = null,
): Promise<SegmentDamage | null> {
  const { baseOffset, endPosition, endOffset, mayHaveHoles, batchBytesMax } = range;
  const walk = new BatchWalk(source, {
    position: 0,
    end: endPosition,
    expectedOffset: baseOffset,
    isExact: !mayHaveHoles,
    isWhole: true,
    batchBytesMax,
    pieceBytes,
    isHot: false,
  });
  const rest = (what: SegmentDamage["what"]): SegmentDamage => {
    return { position: walk.position, fromOffset: walk.nextOffset, toOffset: endOffset, what };
  };
  for (let step = walk.step(); step !== "end"; step = walk.step()) {
    if (step === "load") {
      if (!(await isLoaded(walk))) return { ...rest("read"), position: walk.endPosition };
      continue;
    }
    if (step === "damage") return rest(walk.damage ?? "length");
    const { position, nextOffset } = walk;
    const fromOffset = baseOffsetAt(walk.view, walk.at);
    if (nextOffset > endOffset) {
      return { position, fromOffset, toOffset: endOffset, what: "offset" };
    }
    if (!walk.isChecksumGood()) {
      return { position, fromOffset, toOffset: nextOffset, what: "checksum" };
    }
    onBatch?.(walk);
  }
  // A compacted segment, too, ends where the next one begins.
  return walk.nextOffset < endOffset ? rest("length") : null;
}

// What a large piece does not give, the part that is needed may: so the place is that of a batch.
async function isLoaded(walk: BatchWalk): Promise<boolean> {
  return (await isRead(() => walk.load())) || isRead(() => walk.load(0));
}

async function isRead(load: () => Promise<void>): Promise<boolean> {
  try {
    await load();
    return true;
  } catch (error) {
    if (error instanceof LogError && error.code === "KAFKA_STORAGE_ERROR") return false;
    throw error;
  }
}
