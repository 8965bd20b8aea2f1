// Makes an input out of one that was there: a few small changes, in place, in one buffer that is used for all of them.

import type { FuzzRandom } from "./fuzz-random.ts";

/** Where the numbers of a format like to break. */
const numbers: readonly number[] = [
  0, 1, -1, 2, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffff,
  0x7ffffffe, 0x7fffffff, -0x80000000, -2, -12, 49, 61,
];

/** Varints of any kind: the longest, the largest, too long by one, cut off, and zero in too many bytes. */
const varints: readonly (readonly number[])[] = [
  [0],
  [1],
  [2],
  [0x7f],
  [0x80, 0x01],
  [0xff, 0x01],
  [0x80, 0x80, 0x04],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xfe, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x1f],
  [0x80, 0x80, 0x80, 0x80, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f],
  [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
];

/** Values of JSON that readers must tell apart from those they want. */
const jsonValues: readonly Uint8Array[] = [
  "null",
  "true",
  "false",
  "0",
  "1",
  "-1",
  "-2",
  "5",
  "255",
  "1024",
  "65536",
  "2147483647",
  "2147483648",
  "4294967296",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "-9007199254740991",
  "1e15",
  "1e300",
  "-1e300",
  "1e999",
  "0.5",
  "-0",
  "1E2",
  '""',
  '"a"',
  '"0"',
  '"\\u0000"',
  '"\\ud800"',
  '"__proto__"',
  '"\u00e9"',
  "[]",
  "{}",
  "[0]",
  "[null]",
  "[[]]",
  '[""]',
  '{"a":1}',
  '{"__proto__":{}}',
].map((text) => Buffer.from(text));

/** What a mutation may draw on. */
export interface MutationSource {
  /** Inputs to begin with and to take pieces of. */
  readonly corpus: readonly Uint8Array[];
  /** Pieces that mean something in the format. */
  readonly words: readonly Uint8Array[];
  /** True where most changes keep JSON what it is: one value for another. */
  readonly isJson: boolean;
}

/** A buffer in which inputs are made. */
export class Mutator {
  /** The input is `bytes[0, length)`. */
  readonly bytes: Buffer;
  length = 0;
  readonly #random: FuzzRandom;
  #limit = 0;

  /** @param bytesMax No input is longer. */
  constructor(random: FuzzRandom, bytesMax: number) {
    this.#random = random;
    // Its own memory, so that what is a piece of it can be told.
    this.bytes = Buffer.from(new ArrayBuffer(bytesMax));
  }

  /** The input, as a view that holds until the next one is made. */
  get input(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** Makes an input of at most `limit` bytes. */
  make({ corpus, words, isJson }: MutationSource, limit: number): void {
    const random = this.#random;
    this.#limit = Math.min(limit, this.bytes.length);
    const start = corpus[random.below(corpus.length)];
    this.length = 0;
    if (start !== undefined) this.#insert(0, start.subarray(0, this.#limit));
    let changes = 1;
    while (changes < 8 && random.below(2) === 0) changes++;
    for (; changes > 0; changes--) {
      if (isJson && random.below(4) !== 0) this.#changeJson(corpus);
      else this.#change(corpus, words);
    }
    // Formats that repeat a part are tried with very many of it.
    if (limit > 8192) this.#tile();
  }

  #change(corpus: readonly Uint8Array[], words: readonly Uint8Array[]): void {
    const random = this.#random;
    const { length, bytes } = this;
    const at = length === 0 ? 0 : random.below(length);
    switch (random.below(15)) {
      case 0:
      case 1:
        if (length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        return;
      case 2:
        if (length > 0) bytes[at] = random.bits();
        return;
      case 3:
        if (length > 0) bytes[at] = numbers[random.below(numbers.length)] ?? 0;
        return;
      case 4:
        return this.#putNumber(at);
      case 5:
        return this.#addToNumber(at);
      case 6: {
        const varint = varints[random.below(varints.length)] ?? [];
        return random.below(2) === 0 ? this.#overwrite(at, varint) : this.#replace(at, varint);
      }
      case 7:
        this.length = at;
        return;
      case 8:
        return this.#remove(at, 1 + random.below(Math.min(32, Math.max(1, length - at))));
      case 9:
        return this.#duplicate(at);
      case 10:
        return this.#insertRandom(at);
      case 11:
      case 12: {
        const word = words[random.below(Math.max(1, words.length))];
        if (word === undefined) return;
        if (random.below(2) === 0) this.#overwrite(at, word);
        else this.#insert(at, word);
        return;
      }
      case 13:
        return this.#splice(at, corpus);
      default:
        return this.#takeOver(at, corpus);
    }
  }

  // Takes a value, and mostly puts another in its place: one of the usual suspects, or one from elsewhere.
  #changeJson(corpus: readonly Uint8Array[]): void {
    const random = this.#random;
    const span = valueWithin(this.input, random.below(this.length + 1));
    if (span === null) return;
    const { start, end } = span;
    const choice = random.below(8);
    let piece = jsonValues[random.below(jsonValues.length)] ?? jsonValues[0];
    if (choice < 3) {
      const other = corpus[random.below(corpus.length)] ?? this.input;
      const found = valueWithin(other, random.below(other.length + 1));
      if (found === null) return;
      piece = Buffer.from(other.subarray(found.start, found.end));
    }
    if (choice === 7) {
      // The value again, behind a comma: one more item, or a name without its value.
      const value = Buffer.from(this.bytes.subarray(start, end));
      this.#insert(end, Buffer.concat([Buffer.from(","), value]));
      return;
    }
    this.#remove(start, end - start);
    // Without a value: a member or item that is missing.
    if (piece !== undefined && choice !== 6) this.#insert(start, piece);
  }

  #putNumber(at: number): void {
    const random = this.#random;
    const value = numbers[random.below(numbers.length)] ?? 0;
    const width = [2, 4, 8][random.below(3)] ?? 2;
    if (at + width > this.length) return;
    const { bytes } = this;
    const isLittle = random.below(4) === 0;
    if (width === 2) {
      if (isLittle) bytes.writeUInt16LE(value & 0xffff, at);
      else bytes.writeUInt16BE(value & 0xffff, at);
      return;
    }
    // Above the low half stands what makes the whole negative, very large, or the number itself.
    const high = width === 4 ? 0 : ([0, -1, 0x200000, 0x7fffffff][random.below(4)] ?? 0);
    if (isLittle) bytes.writeInt32LE(value | 0, at);
    else if (width === 4) bytes.writeInt32BE(value | 0, at);
    else {
      bytes.writeInt32BE(high, at);
      bytes.writeInt32BE(value | 0, at + 4);
    }
  }

  #addToNumber(at: number): void {
    const random = this.#random;
    const { bytes } = this;
    const change = random.below(33) - 16;
    const width = random.below(3);
    if (width === 0 && at < this.length) bytes[at] = (bytes[at] ?? 0) + change;
    else if (width === 1 && at + 2 <= this.length) {
      bytes.writeUInt16BE((bytes.readUInt16BE(at) + change) & 0xffff, at);
    } else if (width === 2 && at + 4 <= this.length) {
      bytes.writeInt32BE((bytes.readInt32BE(at) + change) | 0, at);
    }
  }

  #duplicate(at: number): void {
    const count = Math.min(1 + this.#random.below(24), this.length - at);
    if (count > 0) this.#insert(at, this.bytes.subarray(at, at + count));
  }

  #insertRandom(at: number): void {
    const count = 1 + this.#random.below(8);
    if (!this.#open(at, count)) return;
    for (let index = 0; index < count; index++) this.bytes[at + index] = this.#random.bits();
  }

  // The beginning of this one, then the end of another.
  #splice(at: number, corpus: readonly Uint8Array[]): void {
    const random = this.#random;
    const other = corpus[random.below(corpus.length)];
    if (other === undefined || other.length === 0) return;
    const from = random.below(other.length);
    this.length = at;
    this.#insert(at, other.subarray(from, from + this.#limit - at));
  }

  #takeOver(at: number, corpus: readonly Uint8Array[]): void {
    const random = this.#random;
    const other = corpus[random.below(corpus.length)];
    if (other === undefined || other.length === 0) return;
    const from = random.below(other.length);
    const to = Math.min(other.length, from + 1 + random.below(48));
    if (random.below(2) === 0) this.#insert(at, other.subarray(from, to));
    else this.#overwrite(at, other.subarray(from, to));
  }

  #tile(): void {
    if (this.length === 0) return;
    const from = this.#random.below(this.length);
    const size = 1 + this.#random.below(Math.min(64, this.length - from));
    const times = 1 + this.#random.below(4096);
    const piece = Buffer.from(this.bytes.subarray(from, from + size));
    const room = Math.floor((this.#limit - this.length) / size);
    const count = Math.min(times, room);
    if (count <= 0 || !this.#open(from, count * size)) return;
    for (let index = 0; index < count; index++) piece.copy(this.bytes, from + index * size);
  }

  #replace(at: number, piece: readonly number[]): void {
    if (this.length === 0) return;
    this.#remove(at, 1);
    if (this.#open(at, piece.length)) this.bytes.set(piece, at);
  }

  #overwrite(at: number, piece: ArrayLike<number>): void {
    const count = Math.min(piece.length, this.length - at);
    for (let index = 0; index < count; index++) this.bytes[at + index] = piece[index] ?? 0;
  }

  #remove(at: number, count: number): void {
    if (at + count > this.length) return;
    this.bytes.copyWithin(at, at + count, this.length);
    this.length -= count;
  }

  #insert(at: number, piece: Uint8Array): void {
    if (piece.length === 0) return;
    // A piece of this very buffer moves away while room is made for it.
    const kept = piece.buffer === this.bytes.buffer ? Buffer.from(piece) : piece;
    if (this.#open(at, kept.length)) this.bytes.set(kept, at);
  }

  #open(at: number, count: number): boolean {
    if (this.length + count > this.#limit) return false;
    this.bytes.copyWithin(at + count, at, this.length);
    this.length += count;
    return true;
  }
}

// A value of JSON that begins behind a colon, a bracket or a comma at or after an index.
function valueWithin(bytes: Uint8Array, from: number): { start: number; end: number } | null {
  let start = from;
  while (start < bytes.length && ![0x3a, 0x5b, 0x2c].includes(bytes[start] ?? 0)) start++;
  start++;
  if (start >= bytes.length) return null;
  let depth = 0;
  let isText = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x22 && bytes[at - 1] !== 0x5c) isText = !isText;
    if (isText) continue;
    if (byte === 0x7b || byte === 0x5b) depth++;
    const isEnd = byte === 0x7d || byte === 0x5d;
    if (isEnd && depth > 0) depth--;
    else if (depth === 0 && (isEnd || byte === 0x2c || byte < 0x20)) return { start, end: at };
  }
  return { start, end: bytes.length };
}
