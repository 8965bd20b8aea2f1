// Reads all batches of a sealed segment in order, for work in the background: by `read`, not through a map, a piece at
// a time, and nothing is believed that was not checked.

import { LogError } from "../base/error.ts";
import { BatchWalk } from "./batch-walk.ts";
import type { LogOptions } from "./log-options.ts";
import { FileBytes } from "./log-scan.ts";
import type { Segment } from "./segment.ts";

const pieceBytes = 1 << 20;

/**
 * The batches of a segment, each valid until the next one is asked for.
 *
 * @param endOffset Where the segment must end: the base of the one behind it.
 * @throws CORRUPT_MESSAGE at the first damage, KAFKA_STORAGE_ERROR when it cannot be read.
 */
export async function* readSegment(
  { disk, limits }: LogOptions,
  segment: Segment,
  endOffset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await disk.open(segment.logPath, "read");
  try {
    const walk = new BatchWalk(new FileBytes(file), {
      position: 0,
      end: await file.size(),
      expectedOffset: segment.baseOffset,
      isExact: false,
      isWhole: true,
      batchBytesMax: limits.unsyncedBytesMax,
      pieceBytes,
      isHot: false,
    });
    for (let step = walk.step(); step !== "end"; step = walk.step()) {
      if (step === "load") {
        await walk.load();
        continue;
      }
      if (step === "damage") throw damaged(segment, walk, walk.damage ?? "length");
      if (!walk.isChecksumGood()) throw damaged(segment, walk, "checksum");
      if (walk.nextOffset > endOffset) throw damaged(segment, walk, "offset");
      yield walk.batch();
    }
    if (walk.nextOffset !== endOffset) throw damaged(segment, walk, "end");
  } finally {
    await file.close();
  }
}

function damaged(segment: Segment, { position }: BatchWalk, damage: string): LogError {
  const { baseOffset } = segment;
  return new LogError(
    "CORRUPT_MESSAGE",
    `stored batch at byte ${position} of segment ${baseOffset} is damaged (${damage})`,
    { facts: { segmentBase: baseOffset, position, damage } },
  );
}
