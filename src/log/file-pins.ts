// Files of a log that stay where they are for a while, because somebody is about to take them by name; or that are
// being put in each other's places, so that nobody must take them.

import { assert } from "../base/assert.ts";

/** Who needs the names of a log's files to stay, and whether they are changing. */
export class FilePins {
  #count = 0;
  #isChanging = false;
  #waiting: (() => void)[] = [];

  /** True while names must stay: nothing that belongs to the log may be renamed, removed or replaced. */
  get areHeld(): boolean {
    return this.#count > 0;
  }

  /** True while files are being replaced: they must not be taken. */
  get areChanging(): boolean {
    return this.#isChanging;
  }

  /** Keeps names where they are until the returned function is called; calling it twice is harmless. */
  take(): () => void {
    assert(!this.#isChanging, "names that are changing are not taken");
    this.#count++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#count--;
      if (this.#count === 0) this.#goOn();
    };
  }

  /** Resolves when nobody holds names any more: at once, or when the last one lets go. */
  async free(): Promise<void> {
    while (this.#count > 0) await this.#next();
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    while (this.#isChanging) await this.#next();
  }

  /** Replaces files, when nobody holds their names, and lets nobody take them meanwhile; one change at a time. */
  async change<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#count > 0 || this.#isChanging) await this.#next();
    this.#isChanging = true;
    try {
      return await work();
    } finally {
      this.#isChanging = false;
      this.#goOn();
    }
  }

  async #next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #goOn(): void {
    for (const goOn of this.#waiting.splice(0)) goOn();
  }
}
