// A growing buffer for replies: bytes of stored records are copied in once, and escaped on the way where JSON asks
// for it.

const initialBytes = 4096;

// Up to here a loop is sooner done than a call into the runtime.
const loopBytesMax = 48;
const tenTo8 = 100_000_000;

const quote = 0x22;
const backslash = 0x5c;
const hexDigits = Buffer.from("0123456789abcdef", "latin1");

/** Collects a reply's bytes. */
export class ByteWriter {
  #buffer: Buffer;
  #end = 0;

  /** @param capacity Bytes to start with. */
  constructor(capacity: number = initialBytes) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  /** Bytes written. */
  get length(): number {
    return this.#end;
  }

  /** What was written, as a view: valid as long as the writer is not written to again. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  /** Goes back to a `length` seen before. */
  truncate(length: number): void {
    this.#end = length;
  }

  /** Appends text of ASCII characters only. */
  ascii(text: string): void {
    const { length } = text;
    this.#makeRoom(length);
    const buffer = this.#buffer;
    if (length <= loopBytesMax) {
      let to = this.#end;
      for (let at = 0; at < length; at++) buffer[to++] = text.charCodeAt(at);
    } else {
      buffer.write(text, this.#end, "latin1");
    }
    this.#end += length;
  }

  /** Appends any text as UTF-8. */
  utf8(text: string): void {
    this.#makeRoom(text.length * 3);
    this.#end += this.#buffer.write(text, this.#end, "utf8");
  }

  /** Appends a byte. */
  byte(value: number): void {
    this.#makeRoom(1);
    this.#buffer[this.#end++] = value;
  }

  /** Appends an integer in decimal. */
  integer(value: number): void {
    if (value < 0) {
      this.ascii(String(value));
      return;
    }
    this.#makeRoom(16);
    // Halves that fit 32 bits are divided faster than the whole.
    const high = value < tenTo8 ? 0 : Math.floor(value / tenTo8);
    if (high === 0) {
      this.#digits(value, digitsOf(value));
    } else {
      this.#digits(high, digitsOf(high));
      this.#digits(value - high * tenTo8, 8);
    }
  }

  /** Appends bytes [start, end) of `source` as they are. */
  copy(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#makeRoom(length);
    const buffer = this.#buffer;
    if (length <= loopBytesMax) {
      let to = this.#end;
      for (let at = start; at < end; at++) buffer[to++] = source[at] ?? 0;
    } else {
      buffer.set(source.subarray(start, end), this.#end);
    }
    this.#end += length;
  }

  /** Appends bytes [start, end) of `source` with line ends as spaces. */
  copyLine(source: Uint8Array, start: number, end: number): void {
    this.copy(source, start, end);
    const buffer = this.#buffer;
    for (let at = this.#end - (end - start); at < this.#end; at++) {
      if (buffer[at] === 0x0a || buffer[at] === 0x0d) buffer[at] = 0x20;
    }
  }

  /** Appends all of `source`. */
  copyAll(source: Uint8Array): void {
    this.#makeRoom(source.length);
    this.#buffer.set(source, this.#end);
    this.#end += source.length;
  }

  /** Appends bytes [start, end) of `source` as a quoted base64 string. */
  quotedBase64(source: Uint8Array, start: number, end: number): void {
    const bytes = Buffer.from(source.buffer, source.byteOffset + start, end - start);
    this.ascii(`"${bytes.toString("base64")}"`);
  }

  /**
   * Appends UTF-8 bytes [start, end) of `source` as a JSON string, quoted and escaped. The bytes must be
   * valid UTF-8.
   */
  quotedUtf8(source: Uint8Array, start: number, end: number): void {
    this.#makeRoom((end - start) * 6 + 2);
    const buffer = this.#buffer;
    let to = this.#end;
    buffer[to++] = quote;
    for (let at = start; at < end; at++) {
      const byte = source[at] ?? 0;
      if (byte >= 0x20 && byte !== quote && byte !== backslash) buffer[to++] = byte;
      else to = escape(buffer, to, byte);
    }
    buffer[to++] = quote;
    this.#end = to;
  }

  /** Appends four bytes, big-endian. */
  uint32(value: number): void {
    this.#makeRoom(4);
    const buffer = this.#buffer;
    buffer[this.#end++] = value >>> 24;
    buffer[this.#end++] = value >>> 16;
    buffer[this.#end++] = value >>> 8;
    buffer[this.#end++] = value;
  }

  /** Overwrites four bytes written before. */
  patchUint32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  /** Appends a double, big-endian. */
  float64(value: number): void {
    this.#makeRoom(8);
    this.#end = this.#buffer.writeDoubleBE(value, this.#end);
  }

  /** Appends an unsigned safe integer in eight bytes, big-endian. */
  uint64(value: number): void {
    this.uint32(Math.floor(value / 2 ** 32));
    this.uint32(value % 2 ** 32);
  }

  // `value` has at most so many digits; there is room.
  #digits(value: number, count: number): void {
    const buffer = this.#buffer;
    let rest = value;
    for (let at = this.#end + count - 1; at >= this.#end; at--) {
      const tenth = (rest / 10) | 0;
      buffer[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    this.#end += count;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#end);
    this.#buffer = grown;
  }
}

// Of 0 to 99,999,999.
function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}

function escape(buffer: Buffer, start: number, byte: number): number {
  let at = start;
  buffer[at++] = backslash;
  if (byte === quote || byte === backslash) {
    buffer[at++] = byte;
    return at;
  }
  const short = byte === 0x0a ? 0x6e : byte === 0x0d ? 0x72 : byte === 0x09 ? 0x74 : 0;
  if (short !== 0) {
    buffer[at++] = short;
    return at;
  }
  buffer[at++] = 0x75;
  buffer[at++] = 0x30;
  buffer[at++] = 0x30;
  buffer[at++] = hexDigits[byte >> 4] ?? 0;
  buffer[at++] = hexDigits[byte & 15] ?? 0;
  return at;
}
