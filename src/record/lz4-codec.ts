// LZ4 as record batches carry it: one frame, little-endian.
//
//   magic 184D2204 | FLG | BD | [content size 8] | header checksum 1 | blocks | 0 (int32) | [content checksum 4]
//   block: int32 size, its top bit set when the data is stored as it is | data | [checksum 4]
//   FLG: version 01 in bits 7-6, 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum,
//        0 dictionary
//   BD:  largest block in bits 6-4: 4 is 64 KiB, 5 256 KiB, 6 1 MiB, 7 4 MiB
//
// The frame is walked before it is expanded, because the decoder itself has no bound on what it returns.
// Source: LZ4 frame format 1.6.

import { createRequire } from "node:module";
import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";

interface Lz4Package {
  compressFrameSync(data: Buffer): Uint8Array;
  decompressFrameSync(data: Buffer): Uint8Array;
}

const require = createRequire(import.meta.url);
const frameMagic = 0x184d2204;
const storedBit = 0x80000000;
// A byte of a block yields at most 255 of output.
const expansionMax = 255;

let loaded: Lz4Package | null = null;

function lz4(): Lz4Package {
  try {
    loaded ??= require("lz4-napi") as Lz4Package;
    return loaded;
  } catch (cause) {
    throw new LogError("UNSUPPORTED_COMPRESSION_TYPE", "lz4 cannot be loaded", { cause });
  }
}

/** Compresses to one frame of independent blocks. @throws UNSUPPORTED_COMPRESSION_TYPE where lz4 cannot be loaded. */
export function compressLz4(bytes: Uint8Array): Uint8Array {
  return lz4().compressFrameSync(asBuffer(bytes));
}

/** Expands one frame. @throws as `decompress` in `compression.ts`. */
export function decompressLz4(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const frame = readFrame(bytes);
  if (frame.expandedBytesMax > maxBytes && exactSizeOf(bytes, frame) > maxBytes) {
    throw new LogError("MESSAGE_TOO_LARGE", `records expand to more than ${maxBytes} bytes`);
  }
  const codec = lz4();
  try {
    return codec.decompressFrameSync(asBuffer(bytes));
  } catch (cause) {
    throw new LogError("INVALID_RECORD", "records cannot be read as lz4", { cause });
  }
}

interface Frame {
  /** Start and end of each block's data, in pairs; the start is negated where the data is stored as it is. */
  readonly blocks: readonly number[];
  /** The frame cannot expand to more. */
  readonly expandedBytesMax: number;
}

function readFrame(bytes: Uint8Array): Frame {
  const view = viewOf(bytes);
  const flags = bytes[4] ?? 0;
  const sizeCode = ((bytes[5] ?? 0) >> 4) & 7;
  if (bytes.length < 11 || view.getUint32(0, true) !== frameMagic || flags >> 6 !== 1) {
    throw invalid("does not begin as a frame");
  }
  if ((flags & 0x01) !== 0) throw invalid("needs a dictionary");
  if (sizeCode < 4) throw invalid("has an unknown block size");
  const blockBytesMax = 2 ** (2 * sizeCode + 8);
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  const hasContentSize = (flags & 0x08) !== 0;
  const blocks: number[] = [];
  let expandedBytesMax = 0;
  let at = hasContentSize ? 15 : 7;
  for (;;) {
    if (at + 4 > bytes.length) throw invalid("is cut off");
    const field = view.getUint32(at, true);
    at += 4;
    if (field === 0) break;
    const isStored = field >= storedBit;
    const length = isStored ? field - storedBit : field;
    if (length > blockBytesMax) throw invalid("has a block above its own limit");
    if (at + length + checksumBytes > bytes.length) throw invalid("is cut off");
    blocks.push(isStored ? -at : at, at + length);
    expandedBytesMax += isStored ? length : Math.min(blockBytesMax, length * expansionMax);
    at += length + checksumBytes;
  }
  if ((flags & 0x04) !== 0) at += 4;
  if (at !== bytes.length) throw invalid("is not as long as the records");
  // The decoder may take memory for the size the header declares.
  const declaredHigh = hasContentSize ? view.getUint32(10, true) : 0;
  const declaredLow = hasContentSize ? view.getUint32(6, true) : 0;
  if (declaredHigh !== 0 || declaredLow > expandedBytesMax) {
    throw invalid("declares a size it cannot have");
  }
  return { blocks, expandedBytesMax };
}

// Adds up the lengths of literals and matches without copying any.
function exactSizeOf(bytes: Uint8Array, frame: Frame): number {
  let total = 0;
  for (let index = 0; index < frame.blocks.length; index += 2) {
    const start = frame.blocks[index] ?? 0;
    const end = frame.blocks[index + 1] ?? 0;
    total += start < 0 ? end + start : exactBlockSize(bytes, start, end);
  }
  return total;
}

function exactBlockSize(bytes: Uint8Array, start: number, end: number): number {
  let total = 0;
  let at = start;
  const extended = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (let byte = 255; byte === 255 && at < end; ) {
      byte = bytes[at++] ?? 0;
      length += byte;
    }
    return length;
  };
  while (at < end) {
    const token = bytes[at++] ?? 0;
    const literals = extended(token >> 4);
    total += literals;
    at += literals;
    if (at >= end) break;
    at += 2;
    total += extended(token & 0x0f) + 4;
  }
  return total;
}

function invalid(what: string): LogError {
  return new LogError("INVALID_RECORD", `records cannot be read as lz4: the frame ${what}`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
