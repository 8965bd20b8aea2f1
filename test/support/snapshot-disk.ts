// A disk that passes all calls on and, while it is asked to, keeps what a power cut before each of them would leave.

import type { Random } from "../../src/base/random.ts";
import type { Disk, DiskFile, OpenMode } from "../../src/storage/disk.ts";
import type { FaultyDisk } from "./faulty-disk.ts";

/** See the file's head. */
export class SnapshotDisk implements Disk {
  /** What the power cuts left, in the order of the calls. */
  readonly snapshots: FaultyDisk[] = [];
  readonly #disk: FaultyDisk;
  readonly #random: Random;
  #isOn = false;

  constructor(disk: FaultyDisk, random: Random) {
    this.#disk = disk;
    this.#random = random;
  }

  /** Begins or ends keeping. */
  keep(isOn: boolean): void {
    this.#isOn = isOn;
  }

  #snap(): void {
    if (this.#isOn) this.snapshots.push(this.#disk.afterCrash(this.#random));
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    this.#snap();
    const file = await this.#disk.open(path, mode);
    return {
      path,
      write: (chunks, position) => {
        this.#snap();
        return file.write(chunks, position);
      },
      sync: () => {
        this.#snap();
        return file.sync();
      },
      truncate: (length) => {
        this.#snap();
        return file.truncate(length);
      },
      read: (target, position) => file.read(target, position),
      reserve: (length) => file.reserve(length),
      size: () => file.size(),
      map: (capacity) => file.map(capacity),
      close: () => file.close(),
    };
  }

  rename(from: string, to: string): Promise<void> {
    this.#snap();
    return this.#disk.rename(from, to);
  }

  link(from: string, to: string): Promise<boolean> {
    this.#snap();
    return this.#disk.link(from, to);
  }

  remove(path: string): Promise<void> {
    this.#snap();
    return this.#disk.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    this.#snap();
    return this.#disk.syncDirectory(path);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#disk.list(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path);
  }

  exists(path: string): Promise<boolean> {
    return this.#disk.exists(path);
  }

  sizeOf(path: string): Promise<number | null> {
    return this.#disk.sizeOf(path);
  }

  freeBytes(path: string): Promise<number> {
    return this.#disk.freeBytes(path);
  }

  totalBytes(path: string): Promise<number> {
    return this.#disk.totalBytes(path);
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.#disk.lock(path);
  }
}
