// Reads the batches of a segment file in order, in pieces of 1 MiB, trusting nothing it reads.
//
// The file may be damaged, cut short, or growing under a running server. A batch that cannot be framed ends the
// reading, since nothing says where the next one begins; one with a wrong checksum does not.

import { open } from "node:fs/promises";
import { viewOf } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import {
  attributesAt,
  baseOffsetAt,
  baseSequenceAt,
  baseTimestampAt,
  batchBytesAt,
  batchHeaderBytes,
  batchMagic,
  checksummedFrom,
  codecOf,
  crcAt,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetDeltaAt,
  leaderEpochAt,
  magicAt,
  maxTimestampAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from "../record/batch-header.ts";
import { codecNameOf } from "../record/compression.ts";

/** One stored batch: its header's fields, and its bytes until the next one is read. */
export interface StoredBatch {
  /** Where it begins in the file. */
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  /** `none`, `gzip`, `snappy`, `lz4`, `zstd`, or `codec 5` for one that nobody knows. */
  readonly codec: string;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  /** True when all records carry the time of their append. */
  readonly isAppendTime: boolean;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** -1 when the batch has none. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly leaderEpoch: number;
  readonly isCrcGood: boolean;
  /** The whole batch, on loan until the next call of `next`. */
  readonly bytes: Uint8Array;
}

/** Why and where the reading ended. */
export interface SegmentEnd {
  /** The first byte that belongs to no batch; the file's size when all is well. */
  readonly position: number;
  /** Bytes from there to the end of the file. */
  readonly leftBytes: number;
  /** `cut`: the batch there may only lack its end. `damage`: the bytes there cannot begin a batch. */
  readonly kind: "end" | "cut" | "damage";
  /** What is wrong; empty at the end. */
  readonly detail: string;
}

/** The part of an open file that is needed here. */
export interface SegmentFile {
  /** As `FileHandle.read`. */
  read(
    target: Uint8Array,
    ...[at, length, position]: [number, number, number]
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

const pieceBytes = 1024 * 1024;
// Batches are bounded by max.message.bytes, in practice 16 MiB; a length beyond this is a damaged one.
const batchBytesMax = 128 * 1024 * 1024;

/** Walks a segment file. Close it. */
export class SegmentReader {
  /** The file's size when it was opened; what is appended later is not read. */
  readonly fileBytes: number;
  readonly #file: SegmentFile;
  #piece: Buffer = Buffer.alloc(0);
  #pieceStart = 0;
  #position = 0;
  #end: SegmentEnd | null = null;

  /**
   * @param file      Closed by `close`.
   * @param fileBytes Its size.
   */
  constructor(file: SegmentFile, fileBytes: number) {
    this.#file = file;
    this.fileBytes = fileBytes;
  }

  /** Opens a file for reading. Throws what the file system throws. */
  static async open(path: string): Promise<SegmentReader> {
    const file = await open(path, "r");
    try {
      return new SegmentReader(file, (await file.stat()).size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Why the reading ended; null while it goes on. */
  get end(): SegmentEnd | null {
    return this.#end;
  }

  /** The next batch, or null when `end` says why there is none. */
  async next(): Promise<StoredBatch | null> {
    if (this.#end !== null) return null;
    const leftBytes = this.fileBytes - this.#position;
    if (leftBytes === 0) return this.#stop("end", "");
    if (leftBytes < batchHeaderBytes) {
      return this.#stop("cut", `${leftBytes} bytes are too few for a batch header`);
    }
    const header = viewOf(await this.#read(batchHeaderBytes));
    const sizeBytes = batchBytesAt(header, 0);
    const magic = magicAt(header, 0);
    if (magic !== batchMagic) return this.#stop("damage", `format ${magic} instead of 2`);
    if (sizeBytes < batchHeaderBytes || sizeBytes > batchBytesMax) {
      return this.#stop("damage", `a batch cannot be ${sizeBytes} bytes long`);
    }
    if (sizeBytes > leftBytes) {
      const detail = `a batch of ${sizeBytes} bytes begins here but ${leftBytes} are left`;
      return this.#stop("cut", detail);
    }
    const bytes = await this.#read(sizeBytes);
    if (bytes.length < sizeBytes) return this.#stop("cut", "the file became shorter");
    const batch = describe(bytes, this.#position);
    this.#position += sizeBytes;
    return batch;
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  async #read(length: number): Promise<Buffer> {
    const at = this.#position - this.#pieceStart;
    if (at + length <= this.#piece.length) return this.#piece.subarray(at, at + length);
    const left = this.fileBytes - this.#position;
    const piece = Buffer.allocUnsafe(Math.min(left, Math.max(length, pieceBytes)));
    let filled = 0;
    while (filled < piece.length) {
      const position = this.#position + filled;
      const { bytesRead } = await this.#file.read(piece, filled, piece.length - filled, position);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#piece = piece.subarray(0, filled);
    this.#pieceStart = this.#position;
    return this.#piece.subarray(0, length);
  }

  #stop(kind: SegmentEnd["kind"], detail: string): null {
    const position = this.#position;
    this.#end = { position, leftBytes: this.fileBytes - position, kind, detail };
    return null;
  }
}

function describe(bytes: Uint8Array, position: number): StoredBatch {
  const view = viewOf(bytes);
  const attributes = attributesAt(view, 0);
  const baseOffset = baseOffsetAt(view, 0);
  return {
    position,
    sizeBytes: bytes.length,
    baseOffset,
    lastOffset: baseOffset + lastOffsetDeltaAt(view, 0),
    recordCount: recordCountAt(view, 0),
    codec: codecNameOf(codecOf(attributes)) ?? `codec ${codecOf(attributes)}`,
    baseTimestampMs: baseTimestampAt(view, 0),
    maxTimestampMs: maxTimestampAt(view, 0),
    isAppendTime: isLogAppendTime(attributes),
    isTransactional: isTransactional(attributes),
    isControl: isControl(attributes),
    producerId: producerIdAt(view, 0),
    producerEpoch: producerEpochAt(view, 0),
    baseSequence: baseSequenceAt(view, 0),
    leaderEpoch: leaderEpochAt(view, 0),
    isCrcGood: crc32c(bytes, checksummedFrom) === crcAt(view, 0),
    bytes,
  };
}
