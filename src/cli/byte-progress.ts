// How far work over many bytes has come, for somebody at a terminal; silent where nobody is.

import type { Writable } from "node:stream";
import { SingleBar } from "cli-progress";

/** A bar on standard error. */
export class ByteProgress {
  readonly #bar: SingleBar | null;

  /** @param stderr Where to show it; nothing is shown when that is no terminal. */
  constructor(stderr: Writable) {
    const stream = stderr as Writable & { isTTY?: boolean };
    this.#bar = stream.isTTY === true ? newBar(stream) : null;
  }

  /** Says how many bytes there are in all, and how many of them are done. */
  show(doneBytes: number, totalBytes: number): void {
    if (this.#bar === null || totalBytes === 0) return;
    const mebibytes = { done: inMebibytes(doneBytes), all: inMebibytes(totalBytes) };
    if (this.#bar.isActive) {
      this.#bar.setTotal(totalBytes);
      this.#bar.update(Math.min(doneBytes, totalBytes), mebibytes);
    } else {
      this.#bar.start(totalBytes, doneBytes, mebibytes);
    }
  }

  /** Takes the bar away. */
  end(): void {
    this.#bar?.stop();
  }
}

/** Bytes as people like to read them: `1.5 MiB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

function inMebibytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}

function newBar(stream: NodeJS.WritableStream): SingleBar {
  return new SingleBar({
    stream,
    format: "{bar} {percentage}% | {done} of {all} MiB | {eta} s left",
    clearOnComplete: true,
    hideCursor: true,
  });
}
