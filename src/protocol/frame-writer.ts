// Writes one frame: small values gathered in few buffers, large ones passed on as they are, without a copy.

import { LogError } from "../base/error.ts";
import { zeroUuid } from "./field.ts";

const twoTo32 = 2 ** 32;
const maxInt64 = 2 ** 63;
const maxShortText = 64;
const maxInt16 = 0x7fff;
// From this size on, bytes become a chunk of their own.
const chunkFrom = 1024;

/** The bytes of a frame in order. The large ones among them are the caller's own. */
export interface FrameChunks {
  readonly chunks: readonly Uint8Array[];
  /** Bytes of all chunks together. */
  readonly bytes: number;
}

/** A frame that grows; every write appends. */
export class FrameWriter {
  readonly #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #buffer: Buffer;
  // The buffer's bytes before this index are in the chunks already.
  #flushedTo = 0;
  #at = 0;

  /** @param roomBytes Room to begin with. */
  constructor(roomBytes: number) {
    this.#buffer = Buffer.allocUnsafe(roomBytes);
  }

  /** Bytes written. */
  get bytes(): number {
    return this.#chunkBytes + this.#at - this.#flushedTo;
  }

  /** 0 or 1. */
  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  /** The low byte. */
  int8(value: number): void {
    const at = this.#room(1);
    this.#buffer[at] = value;
  }

  /** The low two bytes. */
  int16(value: number): void {
    const at = this.#room(2);
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
  }

  /** The low four bytes. */
  int32(value: number): void {
    this.#putInt32(this.#room(4), value);
  }

  /** Eight bytes; a number outside of int64 becomes the nearest one in it. */
  int64(value: number): void {
    const at = this.#room(8);
    const isAbove = value >= maxInt64;
    const bounded = value < -maxInt64 ? -maxInt64 : value;
    this.#putInt32(at, isAbove ? 0x7fffffff : Math.floor(bounded / twoTo32));
    this.#putInt32(at + 4, isAbove ? -1 : bounded);
  }

  /** 16 bytes of dashed text. @throws INVALID_REQUEST when it is no uuid. */
  uuid(text: string): void {
    const at = this.#room(16);
    if (text === zeroUuid) {
      this.#buffer.fill(0, at, at + 16);
      return;
    }
    const digits = text.replaceAll("-", "");
    if (digits.length !== 32 || this.#buffer.write(digits, at, 16, "hex") !== 16) {
      throw new LogError("INVALID_REQUEST", `not a uuid: ${text}`);
    }
  }

  /** An unsigned number of 32 bits as LEB128. */
  uvarint(value: number): void {
    const at = this.#room(5);
    let rest = value >>> 0;
    let end = at;
    while (rest >= 0x80) {
      this.#buffer[end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[end++] = rest;
    this.#at = end;
  }

  /** Text after its length. @throws INVALID_REQUEST when it is too long for this version's length field. */
  text(value: string, isCompact: boolean): void {
    if (value.length <= maxShortText && this.#tryAscii(value, isCompact)) return;
    const length = Buffer.byteLength(value);
    this.#textLength(length, isCompact);
    const at = this.#room(length);
    this.#buffer.write(value, at, length, "utf8");
  }

  /** Bytes without a length: copied when small, a chunk of their own otherwise. */
  raw(value: Uint8Array): void {
    if (value.length < chunkFrom) {
      const at = this.#room(value.length);
      this.#buffer.set(value, at);
      return;
    }
    this.#flush();
    this.#chunks.push(value);
    this.#chunkBytes += value.length;
  }

  /** All that was written. The writer is at its end. */
  finish(): FrameChunks {
    this.#flush();
    return { chunks: this.#chunks, bytes: this.#chunkBytes };
  }

  /** All that was written, with an int32 of the bytes after it at the front. The first write was an int32. */
  finishFrame(): FrameChunks {
    const frame = this.finish();
    const first = frame.chunks[0];
    if (first !== undefined) {
      new DataView(first.buffer, first.byteOffset).setInt32(0, frame.bytes - 4);
    }
    return frame;
  }

  #tryAscii(value: string, isCompact: boolean): boolean {
    const start = this.#at;
    this.#textLength(value.length, isCompact);
    const at = this.#room(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) {
        this.#at = start;
        return false;
      }
      this.#buffer[at + i] = code;
    }
    return true;
  }

  #textLength(length: number, isCompact: boolean): void {
    if (isCompact) {
      this.uvarint(length + 1);
      return;
    }
    if (length > maxInt16) {
      throw new LogError(
        "INVALID_REQUEST",
        `text of ${length} bytes: this version takes ${maxInt16}`,
      );
    }
    this.int16(length);
  }

  #putInt32(at: number, value: number): void {
    this.#buffer[at] = value >>> 24;
    this.#buffer[at + 1] = value >>> 16;
    this.#buffer[at + 2] = value >>> 8;
    this.#buffer[at + 3] = value >>> 0;
  }

  #room(length: number): number {
    const at = this.#at;
    if (at + length > this.#buffer.length) return this.#grow(length);
    this.#at = at + length;
    return at;
  }

  // Only what is in no chunk yet moves to the new buffer.
  #grow(length: number): number {
    const kept = this.#at - this.#flushedTo;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, kept + length));
    this.#buffer.copy(grown, 0, this.#flushedTo, this.#at);
    this.#buffer = grown;
    this.#flushedTo = 0;
    this.#at = kept + length;
    return kept;
  }

  #flush(): void {
    if (this.#at === this.#flushedTo) return;
    this.#chunks.push(this.#buffer.subarray(this.#flushedTo, this.#at));
    this.#chunkBytes += this.#at - this.#flushedTo;
    this.#flushedTo = this.#at;
  }
}
