// What recovery does with the bytes of one segment file: check them, search them, keep a copy of them, write them
// again. All of it by `read` in pieces, never through a map: a bad sector is then an error and not a signal.

import { LogError } from "../base/error.ts";
import { viewOf } from "../base/bytes.ts";
import {
  baseOffsetAt,
  batchBytesAt,
  batchHeaderBytes,
  batchMagic,
  magicAt,
  producerIdAt,
} from "../record/batch-header.ts";
import type { Disk, DiskFile } from "../storage/disk.ts";
import type { LogEnd } from "./active-segment.ts";
import { type FrameDamage, frameDamage, isChecksumGood } from "./batch-frame.ts";
import { BatchWalk, type ByteSource } from "./batch-walk.ts";

const pieceBytes = 1 << 20;

/** Where the good batches end, and what stands there if it is not the end of the file. */
export interface ScanResult {
  readonly end: LogEnd;
  readonly damage: FrameDamage | null;
  /** Whether any batch names a producer. */
  readonly hasProducers: boolean;
}

/** How far a scan goes, and what it takes for a batch. */
export interface ScanLimits {
  /** Size of the file. */
  readonly size: number;
  /** No batch is larger. */
  readonly batchBytesMax: number;
  /** Below this offset compaction may have left holes; nowhere when absent. */
  readonly holesBelow?: number;
}

/** A file read by `read`; each answer is valid until the next call. */
export class FileBytes implements ByteSource {
  readonly #file: DiskFile;
  #buffer = new Uint8Array(0);

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** @throws KAFKA_STORAGE_ERROR when the file ends before the range does. */
  async bytes(position: number, length: number): Promise<Uint8Array> {
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
    const target = this.#buffer.subarray(0, length);
    const count = await this.#file.read(target, position);
    if (count === length) return target;
    const detail = `${this.#file.path} ends at byte ${position + count} while it is read`;
    throw new LogError("KAFKA_STORAGE_ERROR", detail, { facts: { position, length } });
  }
}

/**
 * Checks batches from a good place on: lengths, format, the chain of offsets (exact but for holes), checksums.
 *
 * @param from Where the first batch begins and its offset.
 * @throws     KAFKA_STORAGE_ERROR
 */
export async function scanBatches(
  file: DiskFile,
  from: LogEnd,
  limits: ScanLimits,
): Promise<ScanResult> {
  const walk = new BatchWalk(new FileBytes(file), {
    position: from.position,
    end: limits.size,
    expectedOffset: from.offset,
    isExact: true,
    isWhole: true,
    holesBelow: limits.holesBelow ?? -1,
    batchBytesMax: limits.batchBytesMax,
    pieceBytes,
    isHot: false,
  });
  let offset = from.offset;
  let hasProducers = false;
  for (let step = walk.step(); step !== "end"; step = walk.step()) {
    if (step === "load") {
      await walk.load();
      continue;
    }
    const damage = step === "damage" || walk.isChecksumGood() ? walk.damage : "checksum";
    const end = { offset, position: walk.position };
    if (damage !== null) return { end, damage, hasProducers };
    hasProducers ||= producerIdAt(walk.view, walk.at) >= 0;
    offset = walk.nextOffset;
  }
  return { end: { offset, position: walk.position }, damage: null, hasProducers };
}

/**
 * Walks headers only, to learn where a segment ends.
 * @returns As `scanBatches`, but without having looked at checksums or producers.
 */
export async function scanHeaders(
  file: DiskFile,
  from: LogEnd,
  limits: ScanLimits,
): Promise<Omit<ScanResult, "hasProducers">> {
  const walk = new BatchWalk(new FileBytes(file), {
    position: from.position,
    end: limits.size,
    expectedOffset: from.offset,
    isExact: false,
    isWhole: false,
    batchBytesMax: limits.batchBytesMax,
    pieceBytes: pieceBytes >> 2,
    isHot: false,
  });
  for (let step = walk.step(); step !== "end"; step = walk.step()) {
    if (step === "load") await walk.load();
    if (step === "damage") break;
  }
  return { end: { offset: walk.nextOffset, position: walk.position }, damage: walk.damage };
}

// A disk writes a sector whole or not at all; no disk has smaller ones.
const sectorBytes = 512;
const magicAfterBytes = 16;

/**
 * Whether what stands at a position is a batch of another format: right offset, a length that fits, another magic. A
 * torn write looks like that only where a sector ends between them, and there it is taken for one.
 */
export async function isOtherFormat(file: DiskFile, at: LogEnd, size: number): Promise<boolean> {
  if ((at.position % sectorBytes) + magicAfterBytes >= sectorBytes) return false;
  const header = new Uint8Array(batchHeaderBytes);
  const count = await file.read(header, at.position);
  const view = viewOf(header);
  if (count < batchHeaderBytes || magicAt(view, 0) === batchMagic) return false;
  const batchBytes = batchBytesAt(view, 0);
  return (
    baseOffsetAt(view, 0) === at.offset &&
    batchBytes >= batchHeaderBytes &&
    batchBytes <= size - at.position
  );
}

// Bytes may be part of so many seeming batches, on average. Records that are batches themselves are in a few; those
// that somebody made up could be in as many as there are headers' lengths, and the search would take hours.
const checksumsPerByteMax = 64;

/**
 * Whether any good batch with an offset of at least `leastOffset` begins at or after `from`, wherever it may be. Also
 * true when too much looks like batches to look at all of it: what may hold one must not be cut.
 */
export async function holdsBatch(
  file: DiskFile,
  from: { readonly position: number; readonly leastOffset: number },
  limits: ScanLimits,
): Promise<boolean> {
  const source = new FileBytes(file);
  const other = new FileBytes(file);
  let position = from.position;
  let checkableBytes = checksumsPerByteMax * (limits.size - position);
  while (limits.size - position >= batchHeaderBytes) {
    const bytes = await source.bytes(position, Math.min(pieceBytes, limits.size - position));
    const view = viewOf(bytes);
    const starts = bytes.length - batchHeaderBytes + 1;
    for (let at = 0; at < starts; at++) {
      if (bytes[at + 16] !== batchMagic) continue;
      const left = Math.min(limits.size - position - at, limits.batchBytesMax);
      if (frameDamage(view, at, at + left) !== null) continue;
      if (baseOffsetAt(view, at) < from.leastOffset) continue;
      const batch = await other.bytes(position + at, batchBytesAt(view, at));
      checkableBytes -= batch.length;
      if (checkableBytes < 0) return true;
      if (isChecksumGood(batch, viewOf(batch), 0)) return true;
    }
    position += starts;
  }
  return false;
}

/** Copies [from, to) of a file into another one, which then holds nothing else; durably but for its name. */
export async function copyRange(
  disk: Disk,
  file: DiskFile,
  range: { readonly from: number; readonly to: number; readonly path: string },
): Promise<void> {
  const copy = await disk.open(range.path, "write");
  try {
    await copy.truncate(0);
    await copyBytes(file, copy, { from: range.from, to: range.to, target: 0 });
    await copy.sync();
  } finally {
    await copy.close();
  }
}

/** Writes bytes [from, to) of one file into another (or the same) from position `target` on. */
export async function copyBytes(
  source: DiskFile,
  target: DiskFile,
  range: { readonly from: number; readonly to: number; readonly target: number },
): Promise<void> {
  const bytes = new FileBytes(source);
  for (let position = range.from; position < range.to; position += pieceBytes) {
    const piece = await bytes.bytes(position, Math.min(pieceBytes, range.to - position));
    await target.write([piece], range.target + position - range.from);
  }
}

/** True when a file begins with the header of a batch at `start.offset`. @throws KAFKA_STORAGE_ERROR */
export async function beginsAt(
  file: DiskFile,
  start: LogEnd,
  limits: ScanLimits,
): Promise<boolean> {
  const size = Math.min(limits.size, limits.batchBytesMax);
  const header = new Uint8Array(Math.min(size, batchHeaderBytes));
  const count = await file.read(header, 0);
  return count === batchHeaderBytes && baseOffsetAt(viewOf(header), 0) === start.offset;
}
