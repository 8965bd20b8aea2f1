// Cuts a stream of bytes into lines at \n and nowhere else: a \r stays with its line, bytes of any kind survive.

const newline = 0x0a;

/** Lines from chunks. A line that lies inside one chunk is a view of it. */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #rest: Uint8Array[] = [];
  #restBytes = 0;

  /** @param lineBytesMax Longer lines make `push` throw RangeError, so that memory stays bounded. */
  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that `chunk` completes, without their \n. The chunk must not change while they are in use. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      lines.push(this.#complete(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start < chunk.length) {
      const part = chunk.subarray(start);
      this.#checkLength(this.#restBytes + part.length);
      this.#rest.push(part);
      this.#restBytes += part.length;
    }
    return lines;
  }

  /** The last line when the stream did not end with \n; null when it did. */
  finish(): Uint8Array | null {
    if (this.#restBytes === 0) return null;
    return this.#complete(new Uint8Array(0));
  }

  #complete(end: Uint8Array): Uint8Array {
    this.#checkLength(this.#restBytes + end.length);
    if (this.#restBytes === 0) return end;
    const line = Buffer.concat([...this.#rest, end]);
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }

  #checkLength(bytes: number): void {
    if (bytes > this.#lineBytesMax) {
      throw new RangeError(`a line is longer than ${this.#lineBytesMax} bytes`);
    }
  }
}
