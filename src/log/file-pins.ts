// Files of a log that stay where they are for a while, because somebody is about to take them by name.

/** Who needs the names of a log's files to stay. */
export class FilePins {
  #count = 0;
  #waiting: (() => void)[] = [];

  /** True while names must stay: nothing that belongs to the log may be renamed, removed or replaced. */
  get areHeld(): boolean {
    return this.#count > 0;
  }

  /** Keeps names where they are until the returned function is called; calling it twice is harmless. */
  take(): () => void {
    this.#count++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#count--;
      if (this.#count > 0) return;
      for (const goOn of this.#waiting.splice(0)) goOn();
    };
  }

  /** Resolves when nobody holds names any more: at once, or when the last one lets go. */
  async free(): Promise<void> {
    while (this.#count > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}
