// Learns from stored batches what their producers did: headers only, and the few bytes of each marker.

import { viewOf } from "../base/bytes.ts";
import type { Logger } from "../base/logger.ts";
import { attributesAt, baseOffsetAt, isControl, producerIdAt } from "../record/batch-header.ts";
import { type Disk, type DiskFile, readWhole } from "../storage/disk.ts";
import { BatchWalk } from "./batch-walk.ts";
import { FileBytes } from "./log-scan.ts";
import { decodeOffsetIndex } from "./offset-index.ts";
import { producerBatchAt } from "./producer-entry.ts";
import type { ProducerStates } from "./producer-states.ts";
import type { Segment } from "./segment.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

const pieceBytes = 256 << 10;
// A marker is far smaller; what is larger and says it is a control batch ends no transaction.
const markerBytesMax = 1024;

/** What a replay reads with. */
export interface ReplayOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly batchBytesMax: number;
  /** When the producers count as last heard of; Unix milliseconds. */
  readonly seenMs: number;
}

/** What to replay: the batches of one segment from an offset on. */
export interface ReplayRange {
  readonly segment: Segment;
  /** The segment's base, or where a batch of it begins. */
  readonly fromOffset: number;
  /** Where its good batches end. */
  readonly endPosition: number;
}

/**
 * Adds the batches of a range to what is known of producers. Where a header is damaged the replay ends: the log's
 * readers will come upon it too.
 *
 * @param states Knows all batches below the range.
 * @returns      The transactions whose ABORT marker is in the range, in the order of the markers.
 * @throws       KAFKA_STORAGE_ERROR
 */
export async function replayProducers(
  options: ReplayOptions,
  states: ProducerStates,
  range: ReplayRange,
): Promise<AbortedSpan[]> {
  const { disk, logger } = options;
  const { segment } = range;
  const file = await disk.open(segment.logPath, "read");
  try {
    const position = await startOf(options, file, range);
    const replay = new SegmentReplay(options, file, states);
    const damage = await replay.run(range, position);
    if (damage !== null) {
      logger.error({ path: segment.logPath, damage }, "producers are known up to the damage only");
    }
    return [...states.retireBelow(Number.POSITIVE_INFINITY)];
  } finally {
    await file.close();
  }
}

// The position of a batch at or before the one that begins at `fromOffset`, by the index if it tells the truth.
async function startOf(
  options: ReplayOptions,
  file: DiskFile,
  { segment, fromOffset, endPosition }: ReplayRange,
): Promise<number> {
  if (fromOffset === segment.baseOffset || endPosition === 0) return 0;
  const bytes = await readWhole(options.disk, segment.indexPath);
  const index = bytes === null ? null : decodeOffsetIndex(bytes, endPosition);
  const entry = index?.floor(fromOffset - segment.baseOffset) ?? -1;
  if (index === null || entry < 0) return 0;
  const position = index.positionOf(entry);
  const lastOffset = segment.baseOffset + index.relativeOffsetOf(entry);
  const walk = walkOf(options, file, { position, end: endPosition });
  for (let step = walk.step(); step === "load" || step === "batch"; step = walk.step()) {
    if (step === "batch") return walk.nextOffset === lastOffset + 1 ? position : 0;
    await walk.load();
  }
  return 0;
}

class SegmentReplay {
  readonly #options: ReplayOptions;
  readonly #file: DiskFile;
  readonly #states: ProducerStates;
  readonly #markers: FileBytes;

  constructor(options: ReplayOptions, file: DiskFile, states: ProducerStates) {
    this.#options = options;
    this.#file = file;
    this.#states = states;
    this.#markers = new FileBytes(file);
  }

  /** What is damaged where it ended early; null when it came to the end. */
  async run({ fromOffset, endPosition }: ReplayRange, position: number): Promise<string | null> {
    const walk = walkOf(this.#options, this.#file, { position, end: endPosition });
    for (let step = walk.step(); step !== "end"; step = walk.step()) {
      if (step === "load") await walk.load();
      else if (step === "damage") return `${walk.damage} at byte ${walk.position}`;
      else if (producerIdAt(walk.view, walk.at) >= 0) await this.#take(walk, fromOffset);
    }
    return null;
  }

  async #take(walk: BatchWalk, fromOffset: number): Promise<void> {
    const { at } = walk;
    const baseOffset = baseOffsetAt(walk.view, at);
    if (baseOffset < fromOffset) return;
    const isMarker = isControl(attributesAt(walk.view, at));
    if (isMarker && walk.batchBytes > markerBytesMax) return;
    const isWhole = at + walk.batchBytes <= walk.bytes.length;
    const batch =
      isMarker && !isWhole
        ? producerBatchAt(viewOf(await this.#markers.bytes(walk.position, walk.batchBytes)), 0)
        : producerBatchAt(walk.view, at);
    if (batch !== null) this.#states.replay(batch, baseOffset, this.#options.seenMs);
  }
}

function walkOf(
  { batchBytesMax }: ReplayOptions,
  file: DiskFile,
  { position, end }: { readonly position: number; readonly end: number },
): BatchWalk {
  return new BatchWalk(new FileBytes(file), {
    position,
    end,
    expectedOffset: 0,
    isExact: false,
    isWhole: false,
    batchBytesMax,
    pieceBytes,
    isHot: false,
  });
}
