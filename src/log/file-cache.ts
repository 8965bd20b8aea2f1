// Open segment files and their maps, shared by all logs of a process and bounded in number: the least recently used are closed.

import type { Disk } from "../storage/disk.ts";

/** Placeholder of the cache's construction options. */
export interface FileCacheOptions {
  readonly disk: Disk;
  /** At most this many files stay open when nobody reads them. */
  readonly filesMax: number;
}

/** A bounded cache of files open for reading, with their maps. */
export class FileCache {
  readonly #options: FileCacheOptions;

  /** @param options The disk and the bound. */
  constructor(options: FileCacheOptions) {
    this.#options = options;
  }

  /** At most this many files stay open when nobody reads them. */
  get filesMax(): number {
    return this.#options.filesMax;
  }
}
