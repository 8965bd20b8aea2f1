// A disk that knows what it waits for: whatever changes a file is noted while it is under way, so that a disk which has
// stopped answering shows at once, and shows no more when it answers again.

import type { Clock } from "../base/clock.ts";
import type { Disk, DiskFile, FileMap, OpenMode } from "./disk.ts";

/** A call that has not ended. */
export interface CallUnderWay {
  /** What it does: `sync`, `write`, ... */
  readonly action: string;
  readonly path: string;
  /** Since when, monotonic milliseconds. */
  readonly sinceMs: number;
}

/** Calls under way, the oldest first. */
class CallsUnderWay {
  readonly #clock: Clock;
  // A Map keeps the order of insertion, so the first entry is the oldest.
  readonly #calls = new Map<number, CallUnderWay>();
  #nextNumber = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  all(): Iterable<CallUnderWay> {
    return this.#calls.values();
  }

  /** Notes a call until its promise, which is handed back, is settled. */
  during<T>(action: string, path: string, call: Promise<T>): Promise<T> {
    const number = this.#nextNumber++;
    this.#calls.set(number, { action, path, sinceMs: this.#clock.monotonicMs() });
    const end = (): void => {
      this.#calls.delete(number);
    };
    call.then(end, end);
    return call;
  }
}

/** Another disk, with its changes under watch. Reads are not: they hold up nobody but their reader. */
export class WatchedDisk implements Disk {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #calls: CallsUnderWay;

  private constructor(disk: Disk, clock: Clock) {
    this.#disk = disk;
    this.#clock = clock;
    this.#calls = new CallsUnderWay(clock);
  }

  /** The disk under watch; itself when it is already. */
  static over(disk: Disk, clock: Clock): WatchedDisk {
    return disk instanceof WatchedDisk ? disk : new WatchedDisk(disk, clock);
  }

  /** Calls under way for at least this long, the oldest first. */
  *stalled(forMs: number): Iterable<CallUnderWay> {
    const startedMs = this.#clock.monotonicMs() - forMs;
    for (const call of this.#calls.all()) {
      if (call.sinceMs > startedMs) return;
      yield call;
    }
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await this.#disk.open(path, mode);
    return mode === "read" ? file : new WatchedFile(file, this.#calls);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#disk.list(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#calls.during("makeDirectory", path, this.#disk.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#calls.during("rename", from, this.#disk.rename(from, to));
  }

  link(from: string, to: string): Promise<boolean> {
    return this.#calls.during("link", from, this.#disk.link(from, to));
  }

  // A removal may take its time: a directory of many large files is one call.
  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#calls.during("syncDirectory", path, this.#disk.syncDirectory(path));
  }

  exists(path: string): Promise<boolean> {
    return this.#disk.exists(path);
  }

  sizeOf(path: string): Promise<number | null> {
    return this.#disk.sizeOf(path);
  }

  freeBytes(path: string): Promise<number> {
    return this.#calls.during("statfs", path, this.#disk.freeBytes(path));
  }

  totalBytes(path: string): Promise<number> {
    return this.#calls.during("statfs", path, this.#disk.totalBytes(path));
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.#disk.lock(path);
  }
}

class WatchedFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #calls: CallsUnderWay;

  constructor(file: DiskFile, calls: CallsUnderWay) {
    this.#file = file;
    this.#calls = calls;
  }

  get path(): string {
    return this.#file.path;
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    return this.#calls.during("write", this.path, this.#file.write(chunks, position));
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#file.read(target, position);
  }

  sync(): Promise<void> {
    return this.#calls.during("sync", this.path, this.#file.sync());
  }

  reserve(length: number): Promise<void> {
    return this.#calls.during("reserve", this.path, this.#file.reserve(length));
  }

  truncate(length: number): Promise<void> {
    return this.#calls.during("truncate", this.path, this.#file.truncate(length));
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  map(capacity: number): Promise<FileMap | null> {
    return this.#file.map(capacity);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
