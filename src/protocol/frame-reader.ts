// Reads the primitive values of one frame of untrusted bytes. Nothing is allocated for a length or a count before it
// was checked against the bytes that are left.

import { isUtf8 } from "node:buffer";
import { LogError } from "../base/error.ts";
import { zeroUuid } from "./field.ts";

const twoTo32 = 2 ** 32;

/** Array items that one frame may have in all: an item takes far more memory than its few bytes in the frame. */
export const maxItems = 500_000;

/** A place in a frame; every read moves it on. All reads throw INVALID_REQUEST when the frame is broken. */
export class FrameReader {
  /** Index of the next byte to read. */
  at: number;
  /** Index that reading must not pass. */
  end: number;
  readonly #bytes: Buffer;
  #itemsLeft = maxItems;

  /**
   * @param frame Bytes to read; views of them are given out.
   * @param at    Index of the first byte to read.
   */
  constructor(frame: Uint8Array, at: number) {
    this.#bytes = Buffer.isBuffer(frame)
      ? frame
      : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    this.at = at;
    this.end = frame.length;
  }

  /** A byte that is 0 for false, anything else for true. */
  bool(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  /** A signed byte. */
  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  /** Two bytes, signed. */
  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  /** Four bytes, signed. */
  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  /** Eight bytes, signed, as the nearest number. */
  int64(): number {
    const at = this.#take(8);
    return this.#bytes.readInt32BE(at) * twoTo32 + this.#bytes.readUInt32BE(at + 4);
  }

  /** 16 bytes as dashed text in lower case. */
  uuid(): string {
    const at = this.#take(16);
    const hex = this.#bytes.toString("hex", at, at + 16);
    if (hex === "00000000000000000000000000000000") return zeroUuid;
    const head = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}`;
    return `${head}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** An unsigned LEB128 number of 32 bits. */
  uvarint(): number {
    const first = this.#bytes[this.#take(1)] ?? 0;
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#take(1)] ?? 0;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw this.broken("varint is longer than 32 bits");
  }

  /** Text of a known length in bytes. */
  text(length: number): string {
    const at = this.#take(length);
    const end = at + length;
    for (let i = at; i < end; i++) {
      if ((this.#bytes[i] ?? 0) < 0x80) continue;
      if (!isUtf8(this.#bytes.subarray(at, end))) throw this.broken("text is not UTF-8");
      return this.#bytes.toString("utf8", at, end);
    }
    return this.#bytes.toString("latin1", at, end);
  }

  /** A view of the next bytes; they are not copied. */
  view(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Moves on without looking. */
  advance(length: number): void {
    this.#take(length);
  }

  /**
   * Checks a number of things to come.
   *
   * @param count      How many the frame says there are; -1 stands for null.
   * @param leastBytes Bytes that each of them takes at least.
   * @returns          `count`, when that many can be in the bytes left.
   */
  checkCount(count: number, leastBytes: number): number {
    if (count < -1 || count * leastBytes > this.end - this.at) {
      throw this.broken(`${count} items of ${leastBytes} bytes or more`);
    }
    return count;
  }

  /** Checks the number of an array's items as `checkCount` does, and that the frame has not too many in all. */
  checkItems(count: number, leastBytes: number): number {
    this.checkCount(count, leastBytes);
    this.#itemsLeft -= Math.max(0, count);
    if (this.#itemsLeft < 0) throw this.broken(`more than ${maxItems} items`);
    return count;
  }

  /** The error that says what is wrong, and where. */
  broken(what: string): LogError {
    const left = `at byte ${this.at} of ${this.end}`;
    return new LogError("INVALID_REQUEST", `broken message ${left}: ${what}`);
  }

  #take(length: number): number {
    const at = this.at;
    if (length > this.end - at) throw this.broken(`${length} bytes are wanted`);
    this.at = at + length;
    return at;
  }
}
