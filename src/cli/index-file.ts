// Reads .index and .timeindex files as they stand, for showing and for checking them against their segment.
//
// .index      relative offset i32 | position i32       (last offset of the batch that begins at the position)
// .timeindex  timestamp i64 | relative offset i32      (largest time so far, last offset of the batch that holds it)
//
// Kafka pads the files of its active segment with zeros: an entry with relative offset 0 behind the first is the end.

import { readFile, stat } from "node:fs/promises";
import { LogError } from "../base/error.ts";
import { readInt64Nearest, viewOf } from "../base/bytes.ts";
import { offsetEntryBytes } from "../log/offset-index.ts";
import { timeEntryBytes } from "../log/time-index.ts";

/** One entry of an offset index. */
export interface OffsetEntry {
  /** Last offset of a batch. */
  readonly offset: number;
  /** Where that batch begins in the .log. */
  readonly position: number;
}

/** One entry of a time index. */
export interface TimeEntry {
  /** Largest timestamp up to here, Unix milliseconds. */
  readonly timestampMs: number;
  /** Last offset of the batch that holds it. */
  readonly offset: number;
}

// Ten times the largest index Kafka's default makes; a larger file is no index.
const indexBytesMax = 100 * 1024 * 1024;

/** An index file's bytes with the base offset of its segment. */
export class IndexFile {
  /** Bytes behind the last whole entry: 0 in a sound file. */
  readonly oddBytes: number;
  /** Entries before the padding. */
  readonly count: number;
  readonly #view: DataView;
  readonly #baseOffset: number;
  readonly #entryBytes: number;

  private constructor(bytes: Uint8Array, baseOffset: number, entryBytes: number) {
    this.#view = viewOf(bytes);
    this.#baseOffset = baseOffset;
    this.#entryBytes = entryBytes;
    this.oddBytes = bytes.length % entryBytes;
    const whole = Math.floor(bytes.length / entryBytes);
    let count = 0;
    while (count < whole && (count === 0 ? !this.#isZero(0) : this.#relativeOffset(count) !== 0)) {
      count++;
    }
    this.count = count;
  }

  /** The offset index that bytes are. */
  static ofOffsets(bytes: Uint8Array, baseOffset: number): IndexFile {
    return new IndexFile(bytes, baseOffset, offsetEntryBytes);
  }

  /** The time index that bytes are. */
  static ofTimes(bytes: Uint8Array, baseOffset: number): IndexFile {
    return new IndexFile(bytes, baseOffset, timeEntryBytes);
  }

  /** Reads an offset index. Throws what the file system throws. */
  static async openOffsets(path: string, baseOffset: number): Promise<IndexFile> {
    return IndexFile.ofOffsets(await readIndex(path), baseOffset);
  }

  /** Reads a time index. Throws what the file system throws. */
  static async openTimes(path: string, baseOffset: number): Promise<IndexFile> {
    return IndexFile.ofTimes(await readIndex(path), baseOffset);
  }

  /** Entry `index` of an offset index. */
  offsetEntry(index: number): OffsetEntry {
    const position = this.#view.getInt32(index * this.#entryBytes + 4);
    return { offset: this.#baseOffset + this.#relativeOffset(index), position };
  }

  /** Entry `index` of a time index. */
  timeEntry(index: number): TimeEntry {
    const timestampMs = readInt64Nearest(this.#view, index * this.#entryBytes);
    return { timestampMs, offset: this.#baseOffset + this.#relativeOffset(index) };
  }

  #relativeOffset(index: number): number {
    const at = index * this.#entryBytes;
    return this.#view.getInt32(this.#entryBytes === offsetEntryBytes ? at : at + 8);
  }

  #isZero(index: number): boolean {
    const at = index * this.#entryBytes;
    for (let byte = at; byte < at + this.#entryBytes; byte++) {
      if (this.#view.getUint8(byte) !== 0) return false;
    }
    return true;
  }
}

async function readIndex(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > indexBytesMax) {
    throw new LogError("CORRUPT_MESSAGE", `${path}: ${size} bytes are too many for an index`);
  }
  return readFile(path);
}
