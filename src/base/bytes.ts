// Numbers in bytes: big-endian 64-bit integers and zigzag varints, without allocation.
//
// varint: zigzag (0, -1, 1, -2 become 0, 1, 2, 3), then groups of 7 bits, low group first, bit 7 set on all but the
// last byte. At most 5 bytes for 32-bit values, 10 for 64-bit ones.

import { assert } from "./assert.ts";
import { LogError } from "./error.ts";

const twoTo32 = 2 ** 32;
const int32Min = -(2 ** 31);
const int32Max = 2 ** 31 - 1;

/** A DataView of exactly the bytes of `bytes`; it shares their memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads a big-endian int64 that the program itself wrote; the value must be a safe integer. */
export function readInt64(view: DataView, at: number): number {
  const value = readInt64Nearest(view, at);
  assert(Number.isSafeInteger(value), `int64 at ${at} is beyond 2^53`);
  return value;
}

/**
 * Reads a big-endian int64 of untrusted bytes as the nearest number: exact for safe integers, and never a safe
 * integer for any other value.
 */
export function readInt64Nearest(view: DataView, at: number): number {
  return view.getInt32(at) * twoTo32 + view.getUint32(at + 4);
}

/** Writes a safe integer as a big-endian int64. */
export function writeInt64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value), `int64 to write is not a safe integer: ${value}`);
  view.setInt32(at, Math.floor(value / twoTo32));
  view.setUint32(at + 4, value >>> 0);
}

/** Bytes that `writeVarint` takes for a safe integer: 1 to 8. */
export function varintSize(value: number): number {
  if (value >= int32Min && value <= int32Max) {
    const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    if (zigzag < 0x80) return 1;
    if (zigzag < 0x4000) return 2;
    if (zigzag < 0x200000) return 3;
    return zigzag < 0x10000000 ? 4 : 5;
  }
  let size = 1;
  // The low six bits of the magnitude share the first byte with the sign.
  let rest = Math.floor((value < 0 ? -1 - value : value) / 64);
  while (rest > 0) {
    size++;
    rest = Math.floor(rest / 128);
  }
  return size;
}

/**
 * Writes a safe integer as a zigzag varint; 32-bit and 64-bit varints of one value have the same bytes.
 *
 * @param at Where to write; there must be `varintSize(value)` bytes of room.
 * @returns  The index after the last byte written.
 */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  if (value < int32Min || value > int32Max) return writeWideVarint(bytes, at, value);
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let end = at;
  while (rest >= 0x80) {
    bytes[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[end++] = rest;
  return end;
}

// Doubling a magnitude may leave the safe integers, so the sign bit is put beside six bits of it.
function writeWideVarint(bytes: Uint8Array, at: number, value: number): number {
  assert(Number.isSafeInteger(value), `varint to write is not a safe integer: ${value}`);
  const magnitude = value < 0 ? -1 - value : value;
  let low = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0);
  let rest = Math.floor(magnitude / 64);
  let end = at;
  while (rest > 0) {
    bytes[end++] = low | 0x80;
    low = rest % 128;
    rest = Math.floor(rest / 128);
  }
  bytes[end++] = low;
  return end;
}

/** Reads zigzag varints one after the other from untrusted bytes; one reader is reused for many buffers. */
export class VarintReader {
  /** The bytes being read; they are never written. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Index of the next byte to read. */
  at = 0;
  /** Index that reading must not pass. */
  end = 0;

  /** Starts reading `bytes` from index `at`; the bytes are borrowed until the next reset. */
  reset(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.at = at;
    this.end = bytes.length;
  }

  /** The next 32-bit varint. @throws INVALID_RECORD when it is cut off or longer than 32 bits. */
  readVarint(): number {
    const first = this.at < this.end ? (this.bytes[this.at] ?? 0) : 0x80;
    if (first < 0x80) {
      this.at++;
      return (first >>> 1) ^ -(first & 1);
    }
    let zigzag = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#nextByte();
      if (shift === 28 && byte > 0x0f) break;
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    throw new LogError("INVALID_RECORD", "varint is longer than 32 bits");
  }

  /**
   * The next 64-bit varint.
   * @throws INVALID_RECORD when it is cut off, longer than 64 bits, or not a safe integer.
   */
  readVarlong(): number {
    const first = this.#nextByte();
    const isNegative = (first & 1) === 1;
    let magnitude = (first & 0x7f) >>> 1;
    let byte = first;
    let scale = 64;
    for (let count = 1; byte >= 0x80; count++) {
      byte = this.#nextByte();
      if (count === 9 && byte > 1) throw new LogError("INVALID_RECORD", "varint exceeds 64 bits");
      magnitude += (byte & 0x7f) * scale;
      scale *= 128;
    }
    const value = isNegative ? -1 - magnitude : magnitude;
    if (!Number.isSafeInteger(value)) {
      throw new LogError("INVALID_RECORD", "64-bit varint is beyond 2^53");
    }
    return value;
  }

  #nextByte(): number {
    if (this.at >= this.end) throw new LogError("INVALID_RECORD", "varint is cut off");
    return this.bytes[this.at++] ?? 0;
  }
}
