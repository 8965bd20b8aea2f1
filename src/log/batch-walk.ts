// Walks the stored batches of a file in order, a piece of the file at a time, and checks each header on the way.
//
// The loop of the caller is synchronous except where bytes must be fetched:
//   for (let step = walk.step(); step !== "end"; step = walk.step()) { if (step === "load") await walk.load(); ... }

import { viewOf } from "../base/bytes.ts";
import {
  baseOffsetAt,
  batchBytesAt,
  batchHeaderBytes,
  lastOffsetDeltaAt,
} from "../record/batch-header.ts";
import { type FrameDamage, headerDamage, isChecksumGood } from "./batch-frame.ts";

/** Where bytes come from: a leased segment, or a file read piece by piece. */
export interface ByteSource {
  /** The bytes of a range inside the file; valid as long as the source says. */
  bytes(position: number, length: number, isHot: boolean): Promise<Uint8Array>;
}

/** What to walk. */
export interface WalkRange {
  /** Where the first batch begins. */
  readonly position: number;
  /** No batch reaches past this position. */
  readonly end: number;
  /** The least base offset the first batch may have. */
  readonly expectedOffset: number;
  /** True when each base offset must be the expected one; false when compaction may have left holes. */
  readonly isExact: boolean;
  /** With `isExact`: holes that end at or below this offset are allowed all the same; none when absent. */
  readonly holesBelow?: number;
  /** True to have every batch whole in `bytes`; false when headers are enough. */
  readonly isWhole: boolean;
  /** A batch that says it is larger is damaged. */
  readonly batchBytesMax: number;
  /** How much to fetch at a time. */
  readonly pieceBytes: number;
  /** See `FileLease.bytes`. */
  readonly isHot: boolean;
}

/** What a step found: a batch, the end, damage at `position`, or that `load` must be awaited before the next step. */
export type WalkStep = "batch" | "end" | "damage" | "load";

/** A walk; the fields describe the batch of the last step that answered "batch". */
export class BatchWalk {
  readonly #source: ByteSource;
  readonly #range: WalkRange;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = viewOf(this.#bytes);
  #pieceStart: number;
  #wanted = 0;
  /** Where the batch (or the damage, or the end) is in the file. */
  position: number;
  /** Size of the batch; 0 before the first. */
  batchBytes = 0;
  /** Offset after the batch, or the least expected one. */
  nextOffset: number;
  /** What is wrong at `position`, after "damage". */
  damage: FrameDamage | null = null;

  constructor(source: ByteSource, range: WalkRange) {
    this.#source = source;
    this.#range = range;
    this.position = range.position;
    this.#pieceStart = range.position;
    this.nextOffset = range.expectedOffset;
  }

  /** The piece of the file at hand. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** A view of `bytes`. */
  get view(): DataView {
    return this.#view;
  }

  /** Where the batch begins in `bytes`. */
  get at(): number {
    return this.position - this.#pieceStart;
  }

  /** After "load": how many bytes the next step needs at the least. */
  get wantedBytes(): number {
    return this.#wanted;
  }

  /** After "load": true when the next batch's header was at hand and good, and only its records are missing. */
  get isHeaderSeen(): boolean {
    return this.#wanted > batchHeaderBytes;
  }

  /** Position of the first byte of `bytes`. */
  get pieceStart(): number {
    return this.#pieceStart;
  }

  /** Position after the batch. */
  get endPosition(): number {
    return this.position + this.batchBytes;
  }

  /** Goes on to the next batch. */
  step(): WalkStep {
    const next = this.position + this.batchBytes;
    const left = this.#range.end - next;
    if (left === 0) return this.#stop(next, "end", null);
    if (left < batchHeaderBytes) return this.#stop(next, "damage", "length");
    if (!this.#has(next, batchHeaderBytes)) return this.#need(batchHeaderBytes);
    const at = next - this.#pieceStart;
    const size = batchBytesAt(this.#view, at);
    const sizeMax = Math.min(left, this.#range.batchBytesMax);
    if (size < batchHeaderBytes || size > sizeMax) return this.#stop(next, "damage", "length");
    const damage = headerDamage(this.#view, at) ?? this.#chainDamage(at);
    if (damage !== null) return this.#stop(next, "damage", damage);
    if (this.#range.isWhole && !this.#has(next, size)) return this.#need(size);
    this.position = next;
    this.batchBytes = size;
    this.nextOffset = baseOffsetAt(this.#view, at) + lastOffsetDeltaAt(this.#view, at) + 1;
    return "batch";
  }

  /**
   * Puts the walk before the batch at `position`, further on in the piece at hand.
   * @returns False, and nothing is changed, when no batch that ends with `lastOffset` is to be seen there.
   */
  skipTo(position: number, lastOffset: number): boolean {
    if (!this.#has(position, batchHeaderBytes)) return false;
    const at = position - this.#pieceStart;
    const baseOffset = baseOffsetAt(this.#view, at);
    const isThere = baseOffset + lastOffsetDeltaAt(this.#view, at) === lastOffset;
    if (!isThere || baseOffset < this.nextOffset) return false;
    this.position = position;
    this.batchBytes = 0;
    this.nextOffset = baseOffset;
    return true;
  }

  /** Fetches what the last step lacked and up to `pieceBytes` in all. @throws what the source throws. */
  async load(pieceBytes = this.#range.pieceBytes): Promise<void> {
    const next = this.position + this.batchBytes;
    const length = Math.min(this.#range.end - next, Math.max(this.#wanted, pieceBytes));
    this.#bytes = await this.#source.bytes(next, length, this.#range.isHot);
    this.#view = viewOf(this.#bytes);
    this.#pieceStart = next;
  }

  /** True when the checksum of the batch, which is whole in `bytes`, is right. */
  isChecksumGood(): boolean {
    return isChecksumGood(this.#bytes, this.#view, this.at);
  }

  /** The bytes of the batch, which is whole in `bytes`. */
  batch(): Uint8Array {
    return this.#bytes.subarray(this.at, this.at + this.batchBytes);
  }

  #chainDamage(at: number): FrameDamage | null {
    const baseOffset = baseOffsetAt(this.#view, at);
    const { isExact, holesBelow = -1 } = this.#range;
    const isExpected =
      isExact && baseOffset > holesBelow
        ? baseOffset === this.nextOffset
        : baseOffset >= this.nextOffset && Number.isSafeInteger(baseOffset);
    return isExpected ? null : "offset";
  }

  #has(position: number, length: number): boolean {
    return (
      position >= this.#pieceStart && position + length <= this.#pieceStart + this.#bytes.length
    );
  }

  #need(length: number): "load" {
    this.#wanted = length;
    return "load";
  }

  #stop(position: number, step: WalkStep, damage: FrameDamage | null): WalkStep {
    this.position = position;
    this.batchBytes = 0;
    this.damage = damage;
    return step;
  }
}
