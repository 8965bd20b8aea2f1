// Segment files open for reading, with their maps and indexes, shared by all logs of a process and bounded: the least
// recently used are let go.
//
// A slot is counted: the cache holds one reference, each lease one. At zero it is unmapped and closed. Letting go of a
// slot while it is leased only means that the next reader opens the file again.

import { assert } from "../base/assert.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import type { Disk, DiskFile, FileMap } from "../storage/disk.ts";
import type { SegmentIndexes } from "./segment-indexes.ts";

/** What a cache is made of. */
export interface FileCacheOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  /** At most this many files stay open when nobody reads them. */
  readonly filesMax: number;
  /** At most this many bytes of indexes of sealed segments stay in memory. */
  readonly indexBytesMax: number;
}

/** 512 files, 64 MiB of indexes. */
export const defaultFileBounds = { filesMax: 512, indexBytesMax: 64 << 20 };

class Slot {
  readonly path: string;
  readonly capacity: number;
  readonly opened: Promise<OpenedFile>;
  references = 1;
  indexes: SegmentIndexes | null = null;

  constructor(path: string, capacity: number, opened: Promise<OpenedFile>) {
    this.path = path;
    this.capacity = capacity;
    this.opened = opened;
  }
}

interface OpenedFile {
  /** Null once a map stands in for it. */
  readonly file: DiskFile | null;
  readonly map: FileMap | null;
}

/** A bounded cache of files open for reading. */
export class FileCache {
  readonly #options: FileCacheOptions;
  // In order of use, the oldest first.
  readonly #slots = new Map<string, Slot>();
  #indexBytes = 0;

  /** @param options The disk and the bounds. */
  constructor(options: FileCacheOptions) {
    this.#options = options;
  }

  /** Files kept open for later readers. */
  get fileCount(): number {
    return this.#slots.size;
  }

  /** Bytes of indexes kept in memory. */
  get indexBytes(): number {
    return this.#indexBytes;
  }

  /**
   * Opens a file for reading, or shares the open one.
   *
   * @param capacity Positions below this can be read; a map of fewer bytes is replaced.
   * @returns        A lease; what it shows stays valid until its `release`.
   * @throws         KAFKA_STORAGE_ERROR
   */
  async acquire(path: string, capacity: number): Promise<FileLease> {
    let slot = this.#slots.get(path);
    if (slot !== undefined && slot.capacity < capacity) {
      this.forget(path);
      slot = undefined;
    }
    if (slot === undefined) slot = new Slot(path, capacity, this.#open(path, capacity));
    this.#slots.delete(path);
    this.#slots.set(path, slot);
    slot.references++;
    this.#shrink();
    try {
      return new FileLease(this, slot, await slot.opened);
    } catch (error) {
      if (this.#slots.get(path) === slot) this.forget(path);
      throw error;
    }
  }

  /** Lets go of a file, as when it is removed; leases of it stay valid. */
  forget(path: string): void {
    const slot = this.#slots.get(path);
    if (slot === undefined) return;
    this.#slots.delete(path);
    this.#indexBytes -= slot.indexes?.memoryBytes ?? 0;
    this.#release(slot);
  }

  /** Lets go of all files of a directory. */
  forgetDirectory(directory: string): void {
    for (const path of this.#slots.keys()) {
      if (path.startsWith(`${directory}/`)) this.forget(path);
    }
  }

  /** Keeps indexes beside their file; for `FileLease`. */
  keepIndexes(slot: Slot, indexes: SegmentIndexes): void {
    if (this.#slots.get(slot.path) !== slot) return;
    this.#indexBytes += indexes.memoryBytes - (slot.indexes?.memoryBytes ?? 0);
    slot.indexes = indexes;
    this.#shrink();
  }

  /** Ends a lease; for `FileLease`. */
  endLease(slot: Slot): void {
    this.#release(slot);
  }

  #shrink(): void {
    const { filesMax, indexBytesMax } = this.#options;
    for (const path of this.#slots.keys()) {
      // The newest stays even when it is too large alone: its reader is about to use it.
      if (this.#slots.size <= 1) return;
      if (this.#slots.size <= filesMax && this.#indexBytes <= indexBytesMax) return;
      this.forget(path);
    }
  }

  #release(slot: Slot): void {
    slot.references--;
    assert(slot.references >= 0, `lease of ${slot.path} released twice`);
    if (slot.references > 0) return;
    slot.opened
      .then(async ({ file, map }) => {
        map?.unmap();
        await file?.close();
      })
      .catch((error: unknown) => {
        this.#options.logger.debug({ err: error, path: slot.path }, "file was not closed");
      });
  }

  async #open(path: string, capacity: number): Promise<OpenedFile> {
    const file = await this.#options.disk.open(path, "read");
    try {
      const map = await file.map(capacity);
      if (map === null) return { file, map };
      await file.close();
      return { file: null, map };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** The right to read one file until `release`. */
export class FileLease {
  readonly #cache: FileCache;
  readonly #slot: Slot;
  readonly #opened: OpenedFile;
  #isReleased = false;

  /** Made by `FileCache.acquire` only. */
  constructor(cache: FileCache, slot: Slot, opened: OpenedFile) {
    this.#cache = cache;
    this.#slot = slot;
    this.#opened = opened;
  }

  /** The indexes kept beside the file; null when none are. */
  get indexes(): SegmentIndexes | null {
    return this.#slot.indexes;
  }

  /** Keeps indexes beside the file for later leases. */
  keepIndexes(indexes: SegmentIndexes): void {
    this.#cache.keepIndexes(this.#slot, indexes);
  }

  /**
   * The bytes of a range that lies inside the file, as a view valid until `release`, or a copy without maps.
   *
   * @param isHot True for bytes written a moment ago: they are in memory, touching them cannot stall the event loop.
   * @throws      KAFKA_STORAGE_ERROR when they cannot be read or the file is shorter.
   */
  async bytes(position: number, length: number, isHot: boolean): Promise<Uint8Array> {
    assert(!this.#isReleased, "bytes asked of a released lease");
    const { file, map } = this.#opened;
    if (map !== null) {
      if (!isHot) await map.populate(position, length);
      return map.view(position, length);
    }
    const target = new Uint8Array(length);
    const count = (await file?.read(target, position)) ?? 0;
    if (count === length) return target;
    throw new LogError(
      "KAFKA_STORAGE_ERROR",
      `file ends at byte ${position + count}, expected ${position + length}`,
      { facts: { position, length } },
    );
  }

  /** Ends the lease; calling it twice is harmless. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#cache.endLease(this.#slot);
  }
}
