// Cuts what arrives on a connection into frames: an int32 size, then as many bytes.
//
// A frame that lies in one piece of what arrived is handed out as a view of it, else it is gathered in memory of its
// own. Either way nobody else uses those bytes, so that batches in them may be overwritten.

import { LogError } from "../../base/error.ts";

/** What a splitter is made with. */
export interface FrameSplitterOptions {
  /** A larger frame is refused before memory is taken. */
  readonly frameBytesMax: number;
  /** Asked once for each frame when its size is known. False: come again with `admit`. */
  readonly mayTake: (bytes: number) => boolean;
}

const sizeBytes = 4;
// No request header is shorter: key, version, correlation id.
const frameBytesMin = 8;
const nothing = Buffer.alloc(0);

/** The frames of one connection, in order. */
export class FrameSplitter {
  readonly #options: FrameSplitterOptions;
  /** Arrived and not looked at; the first may be used in part. */
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  /** Size of the frame being gathered; null before it is known. */
  #frameBytes: number | null = null;
  #isAdmitted = false;
  /** Memory of a frame that spans chunks, and how much of it is filled. */
  #frame: Buffer | null = null;
  #filledBytes = 0;

  /** @param options Bounds. */
  constructor(options: FrameSplitterOptions) {
    this.#options = options;
  }

  /** True when part of a frame has arrived and the rest has not. */
  get isInFrame(): boolean {
    return this.#frameBytes !== null || this.#heldBytes > 0;
  }

  /** Takes what arrived; the bytes are given away. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
  }

  /** There is room now for the frame that `mayTake` refused. */
  admit(): void {
    this.#isAdmitted = true;
  }

  /**
   * The next whole frame without its size; null when it has not arrived or has no room yet.
   *
   * @throws INVALID_REQUEST for a size that no request has: the connection is of no use any more.
   */
  next(): Buffer | null {
    if (this.#frameBytes === null) {
      if (this.#heldBytes < sizeBytes) return null;
      this.#frameBytes = this.#readSize();
      this.#isAdmitted = this.#options.mayTake(this.#frameBytes);
    }
    if (!this.#isAdmitted) return null;
    const frame = this.#gather(this.#frameBytes);
    if (frame === null) return null;
    this.#frameBytes = null;
    this.#isAdmitted = false;
    this.#frame = null;
    this.#filledBytes = 0;
    return frame;
  }

  #readSize(): number {
    const head = this.#take(sizeBytes) ?? this.#joined(sizeBytes);
    const size = head.readInt32BE(0);
    if (size >= frameBytesMin && size <= this.#options.frameBytesMax) return size;
    throw new LogError("INVALID_REQUEST", sizeFault(head, this.#options.frameBytesMax));
  }

  #gather(bytes: number): Buffer | null {
    if (this.#frame === null) {
      const whole = this.#take(bytes);
      if (whole !== null) return whole;
      this.#frame = Buffer.allocUnsafeSlow(bytes);
    }
    const frame = this.#frame;
    while (this.#filledBytes < bytes) {
      const piece = this.#takeUpTo(bytes - this.#filledBytes);
      if (piece === null) return null;
      frame.set(piece, this.#filledBytes);
      this.#filledBytes += piece.length;
    }
    return frame;
  }

  /** So many bytes as a view, if the first chunk has them. */
  #take(bytes: number): Buffer | null {
    const first = this.#chunks[0];
    if (first === undefined || first.length < bytes) return null;
    return this.#takeUpTo(bytes);
  }

  #takeUpTo(bytes: number): Buffer | null {
    const first = this.#chunks[0];
    if (first === undefined) return null;
    const piece = first.subarray(0, bytes);
    if (piece.length === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(bytes);
    this.#heldBytes -= piece.length;
    return piece;
  }

  #joined(bytes: number): Buffer {
    const joined = Buffer.alloc(bytes);
    let at = 0;
    while (at < bytes) {
      const piece = this.#takeUpTo(bytes - at) ?? nothing;
      joined.set(piece, at);
      at += piece.length;
    }
    return joined;
  }
}

// What people really send to a Kafka port by mistake, by its first bytes.
function sizeFault(head: Buffer, frameBytesMax: number): string {
  const isTls = head[0] === 0x16 && head[1] === 0x03;
  if (isTls) return "a TLS handshake came in; this port speaks Kafka's protocol without TLS";
  const text = head.toString("latin1");
  if (/^(GET |POST|PUT |HEAD|DELE|OPTI|PATC|PRI )$/.test(text)) {
    return `an HTTP request came in ('${text.trim()}'); this port speaks Kafka's protocol`;
  }
  const size = head.readInt32BE(0);
  return `a request of ${size} bytes was announced; allowed are ${frameBytesMin} to ${frameBytesMax}`;
}
