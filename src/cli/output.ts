// Output that waits for its reader, and ends quietly when the reader has gone.

import type { Writable } from "node:stream";
import { OutputClosed } from "./exit.ts";

/** Writes to standard output with backpressure. Throws OutputClosed when nobody reads any more. */
export class Output {
  readonly #stream: Writable;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  /** @param stream Where to; its errors belong to this object from now on. */
  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      const isGone = error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED";
      this.#failure ??= isGone ? new OutputClosed() : error;
      this.#wake?.();
    });
    stream.on("close", () => {
      this.#failure ??= new OutputClosed();
      this.#wake?.();
    });
  }

  /** Writes; resolves when more may be written. The bytes must not change afterwards. */
  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#stream.write(chunk)) return;
    await this.#until((done) => this.#stream.once("drain", done));
  }

  /** Writes a line. */
  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Resolves when everything written has been taken by the system. */
  async flush(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    await this.#until((done) => this.#stream.write("", () => done()));
  }

  async #until(start: (done: () => void) => void): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      start(resolve);
    });
    this.#wake = null;
    if (this.#failure !== null) throw this.#failure;
  }
}
