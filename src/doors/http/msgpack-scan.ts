// Walks MessagePack as bytes without building anything, with every length checked before it is believed.
//
// Layout: https://github.com/msgpack/msgpack/blob/master/spec.md; all numbers are big-endian.

import { viewOf } from "../../base/bytes.ts";

/** Containers inside containers deeper than this are refused. */
export const msgpackDepthMax = 200;

/** What kind of value comes next. */
export type MsgpackKind = "nil" | "boolean" | "number" | "text" | "bytes" | "array" | "map" | "ext";

/** A place in MessagePack. After a method failed (false or -1), the bytes are not what the caller wanted there. */
export class MsgpackScanner {
  /** The message. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The next byte to look at. */
  at = 0;
  /** Start of the last text or bytes taken. */
  spanStart = 0;
  /** One past the end of the last text or bytes taken. */
  spanEnd = 0;
  #view = viewOf(this.bytes);

  /** Starts over on a whole message. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
    this.at = 0;
  }

  /** True after the last byte. */
  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  /** The kind of the next value; null at the end and for the one byte that means nothing (0xc1). */
  kind(): MsgpackKind | null {
    if (this.isAtEnd) return null;
    const byte = this.bytes[this.at] ?? 0xc1;
    if (byte <= 0x7f || byte >= 0xe0) return "number";
    if (byte <= 0x8f) return "map";
    if (byte <= 0x9f) return "array";
    if (byte <= 0xbf) return "text";
    return kindsFromC0[byte - 0xc0] ?? null;
  }

  /** Steps over a nil, if it is one. */
  nil(): boolean {
    if (this.isAtEnd || this.bytes[this.at] !== 0xc0) return false;
    this.at++;
    return true;
  }

  /** Steps over the head of a map; its count of pairs, or -1. */
  map(): number {
    return this.#head({ fixed: 0x80, short: 0xde, long: 0xdf });
  }

  /** Steps over the head of an array; its count of values, or -1. */
  array(): number {
    return this.#head({ fixed: 0x90, short: 0xdc, long: 0xdd });
  }

  /** Steps over a text or bytes value; its span is then in `spanStart` and `spanEnd`. */
  span(): boolean {
    if (this.isAtEnd) return false;
    const byte = this.bytes[this.at] ?? 0;
    if (byte >= 0xa0 && byte <= 0xbf) return this.#spanOf(1, byte & 31);
    const width = spanWidth(byte);
    const length = width === 0 ? -1 : this.#unsigned(this.at + 1, width);
    return length >= 0 && this.#spanOf(1 + width, length);
  }

  /** Steps over a number; NaN when it is none. Integers beyond 2^53 come out rounded, hence not safe integers. */
  number(): number {
    if (this.isAtEnd) return Number.NaN;
    const byte = this.bytes[this.at] ?? 0xc1;
    const width = byte <= 0x7f || byte >= 0xe0 ? 0 : (numberWidths[byte] ?? -1);
    const from = this.at + 1;
    if (width < 0 || from + width > this.bytes.length) return Number.NaN;
    this.at = from + width;
    const view = this.#view;
    switch (byte) {
      case 0xca:
        return view.getFloat32(from);
      case 0xcb:
        return view.getFloat64(from);
      case 0xcc:
        return view.getUint8(from);
      case 0xcd:
        return view.getUint16(from);
      case 0xce:
        return view.getUint32(from);
      case 0xcf:
        return view.getUint32(from) * 2 ** 32 + view.getUint32(from + 4);
      case 0xd0:
        return view.getInt8(from);
      case 0xd1:
        return view.getInt16(from);
      case 0xd2:
        return view.getInt32(from);
      case 0xd3:
        return view.getInt32(from) * 2 ** 32 + view.getUint32(from + 4);
      default:
        return byte <= 0x7f ? byte : byte - 256;
    }
  }

  /** Steps over any one value; false when it is cut short, nested too deep, or has an extension type in it. */
  value(): boolean {
    const left: number[] = [1];
    while (left.length > 0) {
      const rest = left.pop() ?? 0;
      if (rest > 1) left.push(rest - 1);
      const kind = this.kind();
      if (kind === "map" || kind === "array") {
        const count = kind === "map" ? this.map() * 2 : this.array();
        if (count < 0 || left.length >= msgpackDepthMax) return false;
        if (count > 0) left.push(count);
      } else if (!this.#skipScalar(kind)) {
        return false;
      }
    }
    return true;
  }

  #skipScalar(kind: MsgpackKind | null): boolean {
    if (kind === "text" || kind === "bytes") return this.span();
    const from = this.at;
    if (kind === "number") this.number();
    else if (kind === "nil" || kind === "boolean") this.at++;
    return this.at > from;
  }

  #head(codes: { readonly fixed: number; readonly short: number; readonly long: number }): number {
    if (this.isAtEnd) return -1;
    const byte = this.bytes[this.at] ?? 0;
    if ((byte & 0xf0) === codes.fixed) {
      this.at++;
      return byte & 15;
    }
    const width = byte === codes.short ? 2 : byte === codes.long ? 4 : 0;
    const count = width === 0 ? -1 : this.#unsigned(this.at + 1, width);
    if (count >= 0) this.at += 1 + width;
    return count;
  }

  #spanOf(headBytes: number, length: number): boolean {
    const start = this.at + headBytes;
    if (start + length > this.bytes.length) return false;
    this.spanStart = start;
    this.spanEnd = start + length;
    this.at = this.spanEnd;
    return true;
  }

  #unsigned(at: number, width: number): number {
    if (at + width > this.bytes.length) return -1;
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
}

const numberWidths: Readonly<Record<number, number>> = {
  0xca: 4,
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
};

// The kinds of 0xc0 to 0xdf, in order.
const kindsFromC0: readonly (MsgpackKind | null)[] = [
  ["nil", null, "boolean", "boolean", "bytes", "bytes", "bytes", "ext", "ext", "ext"] as const,
  Array.from({ length: 10 }, () => "number" as const),
  ["ext", "ext", "ext", "ext", "ext", "text", "text", "text"] as const,
  ["array", "array", "map", "map"] as const,
].flat();

// Width of the length field of str 8/16/32 and bin 8/16/32.
function spanWidth(byte: number): number {
  if (byte === 0xd9 || byte === 0xc4) return 1;
  if (byte === 0xda || byte === 0xc5) return 2;
  return byte === 0xdb || byte === 0xc6 ? 4 : 0;
}
