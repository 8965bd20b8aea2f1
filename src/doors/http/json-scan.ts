// Walks JSON text as bytes (RFC 8259, strictly) without building anything.
//
// Why not JSON.parse: values must be stored verbatim (no number may lose digits), so their spans are needed; a
// string without escapes can go from the request's bytes to the batch without becoming a JavaScript string; and
// nesting is bounded here, before anything recursive sees it. The grammar is held to JSON.parse by a property
// test.

import { viewOf } from "../../base/bytes.ts";

/** Containers inside containers deeper than this are refused. */
export const jsonDepthMax = 200;

const objectMark = 1;
const arrayMark = 2;

/** A place in JSON text. After a method returned false, `at` is the byte that could not be there. */
export class JsonScanner {
  /** The text; must be valid UTF-8 where that matters to the caller. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The next byte to look at. */
  at = 0;
  /** One past the last byte. */
  end = 0;
  /** Inside the quotes of the last string taken. */
  stringStart = 0;
  /** One past the last byte inside the quotes of the last string taken. */
  stringEnd = 0;
  /** True when the last string taken has a backslash in it. */
  hasEscapes = false;

  readonly #open = new Uint8Array(jsonDepthMax);
  #view = viewOf(this.bytes);

  /** Starts over on bytes [at, end). */
  reset(bytes: Uint8Array, at: number, end: number): void {
    if (bytes !== this.bytes) this.#view = viewOf(bytes);
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Steps over white space; the byte after it, or -1 at the end. */
  peek(): number {
    const { bytes, end } = this;
    let at = this.at;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
        this.at = at;
        return byte ?? -1;
      }
    }
    this.at = end;
    return -1;
  }

  /** Steps over white space and, if it comes next, `byte`. */
  take(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.at++;
    return true;
  }

  /** Steps over a string; its span is then in `stringStart` and `stringEnd`. */
  string(): boolean {
    if (this.peek() !== 0x22) return false;
    const { bytes, end } = this;
    this.hasEscapes = false;
    this.stringStart = this.at + 1;
    for (let at = plainEnd(this.#view, this.at + 1, end); at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === 0x22) {
        this.stringEnd = at;
        this.at = at + 1;
        return true;
      }
      if (byte === 0x5c) {
        this.hasEscapes = true;
        const after = escapeEnd(bytes, at + 1, end);
        if (after < 0) return this.#stop(at);
        at = after - 1;
      } else if (byte < 0x20) {
        return this.#stop(at);
      }
    }
    return this.#stop(end);
  }

  /** Steps over white space and any one value. */
  value(): boolean {
    let depth = 0;
    for (;;) {
      const byte = this.peek();
      if (byte === 0x7b || byte === 0x5b) {
        this.at++;
        const isObject = byte === 0x7b;
        if (!this.take(isObject ? 0x7d : 0x5d)) {
          if (depth === jsonDepthMax) return false;
          this.#open[depth++] = isObject ? objectMark : arrayMark;
          if (isObject && !this.#name()) return false;
          continue;
        }
      } else if (!this.#scalar(byte)) {
        return false;
      }
      depth = this.#closeAll(depth);
      if (depth <= 0) return depth === 0;
    }
  }

  // After a value: steps over closing brackets up to the next comma. The depth left, 0 at the top, -1 when it is
  // not JSON.
  #closeAll(from: number): number {
    let depth = from;
    while (depth > 0) {
      const isObject = this.#open[depth - 1] === objectMark;
      if (this.take(0x2c)) return !isObject || this.#name() ? depth : -1;
      if (!this.take(isObject ? 0x7d : 0x5d)) return -1;
      depth--;
    }
    return 0;
  }

  #name(): boolean {
    return this.string() && this.take(0x3a);
  }

  #scalar(byte: number): boolean {
    if (byte === 0x22) return this.string();
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return this.#number();
    if (byte === 0x74) return this.#literal("true");
    if (byte === 0x66) return this.#literal("false");
    return byte === 0x6e && this.#literal("null");
  }

  #literal(text: string): boolean {
    for (let index = 0; index < text.length; index++) {
      const at = this.at + index;
      if (at >= this.end || this.bytes[at] !== text.charCodeAt(index)) return this.#stop(at);
    }
    this.at += text.length;
    return true;
  }

  #number(): boolean {
    const { bytes, end } = this;
    let at = this.at;
    if (bytes[at] === 0x2d) at++;
    let after = bytes[at] === 0x30 && at < end ? at + 1 : digitsEnd(bytes, at, end);
    if (after === at) return this.#stop(at);
    at = after;
    if (at < end && bytes[at] === 0x2e) {
      after = digitsEnd(bytes, at + 1, end);
      if (after === at + 1) return this.#stop(after);
      at = after;
    }
    if (at < end && ((bytes[at] ?? 0) | 0x20) === 0x65) {
      at++;
      if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
      after = digitsEnd(bytes, at, end);
      if (after === at) return this.#stop(at);
      at = after;
    }
    this.at = at;
    return true;
  }

  #stop(at: number): false {
    this.at = at;
    return false;
  }
}

const stored = new JsonScanner();

/** True when bytes [start, end) are one JSON value, white space around it allowed. UTF-8 is not looked at. */
export function isJson(bytes: Uint8Array, start: number, end: number): boolean {
  stored.reset(bytes, start, end);
  return stored.value() && stored.peek() === -1;
}

// Steps over four bytes of a string at a time while none of them is a quote, a backslash or a control character. With
// `x - 1 & ~x` the top bit of some byte of `x` is set when, and only when, a byte of `x` is zero; with 0x20 in place
// of 1, when one is less than 0x20.
function plainEnd(view: DataView, start: number, end: number): number {
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at);
    const quotes = word ^ 0x22222222;
    const slashes = word ^ 0x5c5c5c5c;
    const found =
      ((quotes - 0x01010101) & ~quotes) |
      ((slashes - 0x01010101) & ~slashes) |
      ((word - 0x20202020) & ~word);
    if ((found & 0x80808080) !== 0) break;
  }
  return at;
}

function digitsEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x30 || byte > 0x39) break;
  }
  return at;
}

// The characters that may follow a backslash by themselves: " \\ / b f n r t.
const shortEscapes: readonly number[] = [0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74];

// One past an escape whose letter is at `at`; -1 when it is none.
function escapeEnd(bytes: Uint8Array, at: number, end: number): number {
  const letter = at < end ? (bytes[at] ?? 0) : 0;
  if (shortEscapes.includes(letter)) return at + 1;
  if (letter !== 0x75 || at + 5 > end) return -1;
  for (let digit = at + 1; digit < at + 5; digit++) {
    const byte = bytes[digit] ?? 0;
    const small = byte | 0x20;
    const isHex = (byte >= 0x30 && byte <= 0x39) || (small >= 0x61 && small <= 0x66);
    if (!isHex) return -1;
  }
  return at + 5;
}
