// One open file of the real disk, and its read-only map.

import * as fs from "node:fs";
import { getSystemErrorName } from "node:util";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { DiskFile, FileMap } from "./disk.ts";
import { errno, type Native } from "./native.ts";
import { errnoError, storageError } from "./storage-error.ts";

/** What a disk counts over all its files, for gauges. */
export interface DiskCounters {
  /** Files open now. */
  openFiles: number;
  /** Maps alive now. */
  liveMaps: number;
  /** Address space of the maps alive now, bytes. */
  mappedBytes: number;
}

/** What a file gets from its disk. */
export interface NodeFileOptions {
  readonly path: string;
  readonly descriptor: number;
  /** Null: no maps and no reservations. */
  readonly native: Native | null;
  /** False: `map` resolves to null all the same. */
  readonly usesMaps: boolean;
  readonly counters: DiskCounters;
  readonly clock: Clock;
}

// The kernel takes at most this many chunks in one call (IOV_MAX).
const chunksPerWriteMax = 1024;
// Above this a write is worth a thread, whatever the disk.
const writeHereBytesMax = 128 * 1024;
// A write or sync that took longer tells of a slow disk, and of this much time in which it is not trusted to be quick.
const writeHereMsMax = 5;
const slowMs = 1000;
// Calls of read and write move at most 2^31 - 4096 bytes; stay well below.
const bytesPerReadMax = 1 << 30;
// V8 counts every buffer over a map as memory of its own and collects garbage as that grows. Few and reused ones keep
// its collector calm: a map is seen through windows of which each is as large as all before it, so that one of 2^31
// bytes has ten, and a small file counts for little.
const firstWindowBits = 22;
const populateTriesMax = 10;

/** A file on the real disk. */
export class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #options: NodeFileOptions;
  #reservedBytes = 0;
  #syncFailure: LogError | null = null;
  /** Since when a sync is under way; null when none is. Monotonic milliseconds. */
  #syncSinceMs: number | null = null;
  #slowUntilMs = 0;
  #isOpen = true;

  /** Takes the descriptor over; `close` gives it back. */
  constructor(options: NodeFileOptions) {
    this.path = options.path;
    this.#descriptor = options.descriptor;
    this.#options = options;
    options.counters.openFiles++;
  }

  // A small write into the page cache costs less than waking a thread for it. But one that the system makes wait holds
  // up the event loop, so a file whose disk was slow a moment ago, or has long been busy with a sync, gets a thread.
  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let rest = chunks.filter((chunk) => chunk.length > 0);
    let at = position;
    while (rest.length > 0) {
      const some = rest.slice(0, chunksPerWriteMax);
      const written = this.#mayWriteHere(some)
        ? this.#writeHere(some, at)
        : await this.#writeSome(some, at);
      at += written;
      rest = withoutFirst(rest, written);
    }
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let total = 0;
    while (total < target.length) {
      const part = target.subarray(total, total + bytesPerReadMax);
      const count = await this.#readSome(part, position + total);
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  async sync(): Promise<void> {
    // After a failure the kernel calls the lost pages clean and would answer yes: it must not be asked again.
    if (this.#syncFailure !== null) throw this.#syncFailure;
    this.#syncSinceMs = this.#nowMs();
    try {
      await this.#call<void>("sync", (done) => fs.fdatasync(this.#descriptor, done));
      this.#syncSinceMs = null;
    } catch (error) {
      const detail = "sync failed: what was written since the last one may be lost";
      this.#syncFailure = new LogError("KAFKA_STORAGE_ERROR", detail, { cause: error });
      throw this.#syncFailure;
    }
  }

  async reserve(length: number): Promise<void> {
    const { native } = this.#options;
    if (native === null || length <= this.#reservedBytes) return;
    assert(this.#isOpen, "reserve of a closed file");
    let code = await native.reserve(this.#descriptor, length);
    while (code === errno.EINTR) code = await native.reserve(this.#descriptor, length);
    if (code === 0) {
      this.#reservedBytes = length;
      return;
    }
    // Not every file system can; then a full disk shows at the write instead.
    if (code === errno.EOPNOTSUPP || code === errno.ENOSYS) return;
    const failure = storageError("reserve", this.path, namedError("fallocate", code));
    await this.#giveBackReservation(native);
    throw failure;
  }

  async truncate(length: number): Promise<void> {
    this.#reservedBytes = Math.min(this.#reservedBytes, length);
    await this.#call<void>("truncate", (done) => fs.ftruncate(this.#descriptor, length, done));
  }

  async size(): Promise<number> {
    const stats = await this.#call<fs.Stats>("stat", (done) => fs.fstat(this.#descriptor, done));
    return stats.size;
  }

  async map(capacity: number): Promise<FileMap | null> {
    const { native, usesMaps, counters } = this.#options;
    if (native === null || !usesMaps) return null;
    assert(this.#isOpen, "map of a closed file");
    assert(capacity > 0 && capacity <= 2 ** 31, `a map of ${capacity} bytes`);
    const result = native.map(this.#descriptor, capacity);
    if (result.address === null) {
      throw storageError("map", this.path, namedError("mmap", result.errno));
    }
    const { address } = result;
    return Promise.resolve(new NodeMap({ native, counters, capacity, address, path: this.path }));
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.counters.openFiles--;
    try {
      await new Promise<void>((resolve, reject) => {
        fs.close(this.#descriptor, (error) => (error ? reject(error) : resolve()));
      });
    } catch (error) {
      throw storageError("close", this.path, error);
    }
  }

  #mayWriteHere(chunks: readonly Uint8Array[]): boolean {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (bytes > writeHereBytesMax) return false;
    const nowMs = this.#nowMs();
    return nowMs >= this.#slowUntilMs && nowMs - (this.#syncSinceMs ?? nowMs) <= writeHereMsMax;
  }

  #writeHere(chunks: readonly Uint8Array[], position: number): number {
    assert(this.#isOpen, "write of a closed file");
    const startedMs = this.#nowMs();
    try {
      return counted(fs.writevSync(this.#descriptor, chunks, position));
    } catch (error) {
      throw storageError("write", this.path, error);
    } finally {
      const endedMs = this.#nowMs();
      if (endedMs - startedMs > writeHereMsMax) this.#slowUntilMs = endedMs + slowMs;
    }
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  async #writeSome(chunks: readonly Uint8Array[], position: number): Promise<number> {
    const count = await this.#call<number>("write", (done) =>
      fs.writev(this.#descriptor, chunks, position, done),
    );
    return counted(count);
  }

  #readSome(target: Uint8Array, position: number): Promise<number> {
    return this.#call<number>("read", (done) =>
      fs.read(this.#descriptor, target, 0, target.length, position, done),
    );
  }

  // A reservation that fails may have taken all that was left. Setting the size to what it is frees every block beyond
  // it; then what had been reserved before is reserved again. The caller has no write under way here.
  async #giveBackReservation(native: Native): Promise<void> {
    const before = this.#reservedBytes;
    this.#reservedBytes = 0;
    const size = await this.size();
    await this.truncate(size);
    if (before > size && (await native.reserve(this.#descriptor, before)) === 0) {
      this.#reservedBytes = before;
    }
  }

  // A closed descriptor's number may by now belong to another file: it must never reach the system.
  async #call<T>(
    action: string,
    start: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
  ): Promise<T> {
    assert(this.#isOpen, `${action} of a closed file`);
    try {
      return await new Promise<T>((resolve, reject) => {
        start((error, value) => (error ? reject(error) : resolve(value)));
      });
    } catch (error) {
      throw storageError(action, this.path, error);
    }
  }
}

interface NodeMapOptions {
  readonly native: Native;
  readonly counters: DiskCounters;
  readonly capacity: number;
  readonly path: string;
  readonly address: bigint;
}

/** A read-only shared map. Buffers over it are made when needed, a window at a time, and kept. */
class NodeMap implements FileMap {
  readonly #options: NodeMapOptions;
  readonly #windows = new Map<number, ArrayBuffer>();
  #isLive = true;

  constructor(options: NodeMapOptions) {
    this.#options = options;
    options.counters.liveMaps++;
    options.counters.mappedBytes += options.capacity;
  }

  view(position: number, length: number): Uint8Array {
    this.#check(position, length);
    if (length === 0) return new Uint8Array(0);
    const { start, end } = windowOf(position);
    if (position + length <= end) {
      return new Uint8Array(this.#windowAt(start, end), position - start, length);
    }
    const { native, address } = this.#options;
    return new Uint8Array(native.bufferAt(address + BigInt(position), length));
  }

  async populate(position: number, length: number): Promise<void> {
    this.#check(position, length);
    if (length === 0) return;
    const { native, address, path } = this.#options;
    const start = Math.floor(position / native.pageBytes) * native.pageBytes;
    let code = 0;
    for (let tries = 0; tries < populateTriesMax; tries++) {
      code = await native.populate(address + BigInt(start), position + length - start);
      if (code !== errno.EINTR && code !== errno.EAGAIN) break;
    }
    if (code !== 0) throw storageError("read", path, namedError("madvise", code));
  }

  unmap(): void {
    if (!this.#isLive) return;
    this.#isLive = false;
    this.#windows.clear();
    const { native, counters, address, capacity } = this.#options;
    counters.liveMaps--;
    counters.mappedBytes -= capacity;
    const code = native.unmap(address, capacity);
    assert(code === 0, `munmap failed with errno ${code}`);
  }

  #check(position: number, length: number): void {
    assert(this.#isLive, "use of a map that has ended");
    const isInside = position >= 0 && length >= 0 && position + length <= this.#options.capacity;
    assert(isInside, `${position}+${length} is outside a map of ${this.#options.capacity} bytes`);
  }

  #windowAt(start: number, end: number): ArrayBuffer {
    const known = this.#windows.get(start);
    if (known !== undefined) return known;
    const { native, address, capacity } = this.#options;
    const made = native.bufferAt(address + BigInt(start), Math.min(end, capacity) - start);
    this.#windows.set(start, made);
    return made;
  }
}

/** The window that a position lies in. */
function windowOf(position: number): { readonly start: number; readonly end: number } {
  const steps = Math.floor(position / 2 ** firstWindowBits);
  if (steps === 0) return { start: 0, end: 2 ** firstWindowBits };
  const start = 2 ** (firstWindowBits + 31 - Math.clz32(steps));
  return { start, end: 2 * start };
}

function counted(count: number): number {
  if (count > 0) return count;
  throw new LogError("KAFKA_STORAGE_ERROR", "a write was accepted but wrote nothing");
}

function withoutFirst(chunks: readonly Uint8Array[], byteCount: number): Uint8Array[] {
  let skipped = 0;
  let index = 0;
  for (const chunk of chunks) {
    if (skipped + chunk.length > byteCount) break;
    skipped += chunk.length;
    index++;
  }
  const rest = chunks.slice(index);
  const first = rest[0];
  if (first !== undefined && byteCount > skipped) rest[0] = first.subarray(byteCount - skipped);
  return rest;
}

function namedError(call: string, code: number): Error {
  return errnoError(call, { name: getSystemErrorName(-code), number: code });
}
