// A disk in memory that loses, tears, refuses and delays, exactly as far as this list goes:
//
// - Power cut (`crash`): what `sync` and `syncDirectory` did not cover may be lost. Each 512-byte sector of a file is
//   old or as any later write left it, in any mix; its size likewise; each created, renamed or removed name happened or
//   did not, so a renamed file may be empty. Synced bytes never change: bytes beside a write in its sector are safe.
// - Death of the process (`kill`): everything that took effect stays visible, and unsynced things may still be lost
//   in a later power cut. Files, maps and locks of the dead process are gone; its late calls are refused.
// - Planned faults (`plan`): the n-th matching call fails with KAFKA_STORAGE_ERROR or DISK_FULL, a write perhaps after
//   half of its bytes; a failed sync marks its bytes clean: they can be read, are never written, and a later sync says
//   yes all the same. `halt-before` and `halt-after` stop the machine at a call.
// - A capacity: writes beyond it stop half way, reservations beyond it change nothing; both answer DISK_FULL.
// - Delay: `hold` parks matching calls; a scheduler lets calls take effect in any order (a file's own as well).
// - Views are copies that turn to 0xdb when their map ends (`views: "poisoned"`), or windows (`views: "live"`).
//
// It never: changes synced bytes, fails a read of good bytes unplanned, or lets one call take effect twice.

import { assert } from "../../src/base/assert.ts";
import { LogError } from "../../src/base/error.ts";
import type { Random } from "../../src/base/random.ts";
import type { Disk, DiskFile, FileMap, OpenMode } from "../../src/storage/disk.ts";
import {
  type CallPattern,
  type Fault,
  FaultPlans,
  type OperationKind,
  type PlannedFault,
  type Turn,
} from "./fault-plan.ts";
import { type CrashMode, MemoryFile } from "./memory-file.ts";
import { MemoryDirectory, MemoryTree, systemError } from "./memory-tree.ts";

/** One call that reached the disk. */
export interface Operation {
  readonly kind: OperationKind;
  readonly path: string;
}

/** How a disk behaves when nothing is planned. */
export interface FaultyDiskOptions {
  /** False: `map` resolves to null, as where the platform has no maps. */
  readonly maps?: boolean;
  /** False: `link` resolves to false, as between two file systems. */
  readonly links?: boolean;
  /** What views are; see the file's head. */
  readonly views?: "poisoned" | "live";
  /** Room for files, bytes. */
  readonly capacityBytes?: number;
  /** Given: calls take effect in an order drawn from it, one a turn of the event loop. */
  readonly schedule?: Random | null;
  /** Given: asked as each call begins; the call takes effect when the promise has resolved, null is at once. */
  readonly latency?: ((call: Operation) => Promise<void> | null) | null;
}

const crashModes: readonly CrashMode[] = ["none", "all", "prefix", "subset", "garbage"];
const poison = 0xdb;

/** A disk in memory; see the file's head for what it may do to its user. */
export class FaultyDisk implements Disk {
  readonly #plans: FaultPlans;
  /** Maps made and not yet ended. */
  liveMaps = 0;
  /** Files opened and not yet closed. */
  openFiles = 0;
  /** Room for files, bytes; may be changed at any time. */
  capacityBytes: number;
  readonly #options: FaultyDiskOptions;
  readonly #tree: MemoryTree;
  readonly #operations: Operation[] = [];
  readonly #opened = new Map<MemoryFile, number>();
  readonly #locks = new Set<string>();
  #sequence: number;

  constructor(options: FaultyDiskOptions = {}, from = { tree: new MemoryTree(), sequence: 0 }) {
    this.#options = options;
    this.#tree = from.tree;
    this.#sequence = from.sequence;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#plans = new FaultPlans(options.schedule ?? null, options.latency ?? null);
  }

  /** Every call so far, in the order made. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** How many calls were made. */
  get operationCount(): number {
    return this.#operations.length;
  }

  /** True after `crash`, `kill` or a planned halt: every further call is refused. */
  get isDead(): boolean {
    return this.#plans.isDead;
  }

  /** Power cut. This disk is dead from now on; the one returned has what was left. Same dice, same loss. */
  crash(random: Random, mode?: CrashMode): FaultyDisk {
    this.#plans.die();
    return this.afterCrash(random, mode);
  }

  /** What a power cut at this moment would leave; this disk lives on, and the two share nothing. */
  afterCrash(random: Random, mode?: CrashMode): FaultyDisk {
    const chosen = mode ?? crashModes[random.below(crashModes.length)] ?? "none";
    const cutSequence = chosen === "choice" ? 0 : random.below(this.#sequence + 2);
    const plan = { mode: chosen, random, cutSequence };
    const from = { tree: this.#tree.afterCrash(plan), sequence: 0 };
    return new FaultyDisk({ ...this.#options, capacityBytes: this.capacityBytes }, from);
  }

  /** Death of the process. This disk is dead from now on; the one returned shows all that took effect. */
  kill(): FaultyDisk {
    this.#plans.die();
    const from = { tree: this.#tree, sequence: this.#sequence };
    return new FaultyDisk({ ...this.#options, capacityBytes: this.capacityBytes }, from);
  }

  /** Paths of all files, sorted, as programs see them. Not counted as a call. */
  paths(): string[] {
    return this.#tree.files().map(([path]) => path);
  }

  /** A copy of what programs see in a file; null when missing. Not counted as a call. */
  contents(path: string): Uint8Array | null {
    const node = this.#tree.find(path);
    return node instanceof MemoryFile ? node.window(0, node.size).slice() : null;
  }

  /** Puts bytes into an existing or new file, durably, as rot or an operator would. Not counted as a call. */
  setContents(path: string, bytes: Uint8Array): void {
    this.#makeDirectory(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    const node = this.#tree.find(path);
    const file = node instanceof MemoryFile ? node : new MemoryFile();
    file.replace(bytes);
    if (node === null) this.#tree.add(path, file, this.#next());
    for (let cut = path.lastIndexOf("/"); cut >= 0; cut = path.lastIndexOf("/", cut - 1)) {
      const directory = this.#tree.find(path.slice(0, cut));
      if (directory instanceof MemoryDirectory) this.#tree.sync(directory, this.#sequence);
      if (cut === 0) break;
    }
    if (!path.startsWith("/")) this.#tree.syncRoot(this.#sequence);
  }

  /** True when no power cut could change what programs see in this file; names are another matter. */
  isDurable(path: string): boolean {
    const node = this.#tree.find(path);
    return node instanceof MemoryFile && node.isDurable;
  }

  /** True when no name is waiting for a `syncDirectory`. */
  get areNamesDurable(): boolean {
    return this.#tree.isDurable;
  }

  /** Bytes taken: sizes and reservations, those of removed files still open included. */
  get usedBytes(): number {
    const files = new Set([...this.#tree.files().map(([, file]) => file), ...this.#opened.keys()]);
    return [...files].reduce((sum, file) => sum + file.usedBytes, 0);
  }

  /** Puts a fault in force. */
  plan(fault: Fault): PlannedFault {
    return this.#plans.add(fault);
  }

  /** Parks matching calls until the returned function is called. */
  hold(pattern: CallPattern): () => void {
    return this.#plans.hold(pattern);
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.#perform("open", path, () => {
      const node = this.#tree.find(path);
      if (node instanceof MemoryDirectory) throw systemError("EISDIR", `is a directory: ${path}`);
      if (node === null && mode === "read") throw systemError("ENOENT", `no such file: ${path}`);
      const file = node ?? new MemoryFile();
      if (node === null) this.#tree.add(path, file, this.#next());
      return this.#handle(file, { path, mode });
    });
  }

  async list(path: string): Promise<readonly string[]> {
    return this.#perform("list", path, () => {
      const node = this.#tree.find(path);
      if (node instanceof MemoryFile) throw systemError("ENOTDIR", `not a directory: ${path}`);
      return node === null ? [] : [...node.entries.keys()];
    });
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#perform("makeDirectory", path, () => this.#makeDirectory(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#perform("rename", from, () => this.#tree.rename(from, to, this.#next()));
  }

  async link(from: string, to: string): Promise<boolean> {
    return this.#perform("link", from, () => {
      if (this.#options.links === false) return false;
      this.#tree.link(from, to, this.#next());
      return true;
    });
  }

  async remove(path: string): Promise<void> {
    await this.#perform("remove", path, () => this.#tree.remove(path, () => this.#next()));
  }

  async syncDirectory(path: string): Promise<void> {
    const covered = this.#sequence;
    await this.#perform("syncDirectory", path, () => {
      const node = this.#tree.find(path);
      if (node === null) throw systemError("ENOENT", `no such directory: ${path}`);
      if (node instanceof MemoryFile) throw systemError("ENOTDIR", `not a directory: ${path}`);
      this.#tree.sync(node, covered);
    });
  }

  async exists(path: string): Promise<boolean> {
    return this.#perform("exists", path, () => this.#tree.find(path) !== null);
  }

  async sizeOf(path: string): Promise<number | null> {
    return this.#perform("sizeOf", path, () => {
      const node = this.#tree.find(path);
      return node instanceof MemoryFile ? node.size : null;
    });
  }

  async freeBytes(path: string): Promise<number> {
    return this.#perform("freeBytes", path, () =>
      Math.max(0, Math.min(this.capacityBytes, 2 ** 40) - this.usedBytes),
    );
  }

  async totalBytes(path: string): Promise<number> {
    return this.#perform("totalBytes", path, () => Math.min(this.capacityBytes, 2 ** 40));
  }

  async lock(path: string): Promise<() => Promise<void>> {
    return this.#perform("lock", path, () => {
      if (this.#locks.has(path)) throw systemError("EAGAIN", `held by another process: ${path}`);
      if (this.#tree.find(path) === null) this.#tree.add(path, new MemoryFile(), this.#next());
      this.#locks.add(path);
      let isHeld = true;
      return async () => {
        await Promise.resolve();
        if (isHeld) this.#locks.delete(path);
        isHeld = false;
      };
    });
  }

  async #perform<T>(kind: OperationKind, path: string, act: (turn: Turn) => T): Promise<T> {
    if (!this.isDead) this.#operations.push({ kind, path });
    return this.#plans.take({ kind, path }, (turn) => {
      // Only writes and syncs leave something behind when they fail; they look at the turn themselves.
      if (kind !== "write" && kind !== "sync" && turn.error !== null) throw turn.error;
      return act(turn);
    });
  }

  #next(): number {
    this.#sequence++;
    return this.#sequence;
  }

  #makeDirectory(path: string): MemoryDirectory {
    let directory = this.#tree.find("/");
    let prefix = "";
    for (const name of path.split("/").filter((part) => part !== "" && part !== ".")) {
      prefix += `/${name}`;
      const node = this.#tree.find(prefix);
      if (node instanceof MemoryFile) throw systemError("EEXIST", `is a file: ${prefix}`);
      directory = node ?? new MemoryDirectory();
      if (node === null) this.#tree.add(prefix, directory, this.#next());
    }
    assert(directory instanceof MemoryDirectory, "the root is a directory");
    return directory;
  }

  #use(file: MemoryFile, step: 1 | -1): void {
    const count = (this.#opened.get(file) ?? 0) + step;
    if (count > 0) this.#opened.set(file, count);
    else this.#opened.delete(file);
  }

  #handle(file: MemoryFile, { path, mode }: { path: string; mode: OpenMode }): DiskFile {
    let isOpen = true;
    this.openFiles++;
    this.#use(file, 1);
    const perform = async <T>(kind: OperationKind, act: (turn: Turn) => T): Promise<T> =>
      this.#perform(kind, path, (turn) => {
        if (!isOpen) throw systemError("EBADF", `file is closed: ${path}`);
        const isChange = kind === "write" || kind === "truncate" || kind === "reserve";
        if (isChange && mode === "read") throw systemError("EBADF", `opened to read: ${path}`);
        return act(turn);
      });
    return {
      path,
      write: (chunks, position) =>
        perform("write", (turn) => this.#write(file, { bytes: joined(chunks), position, turn })),
      read: (target, position) => perform("read", () => file.read(target, position)),
      sync: () => {
        const covered = this.#sequence;
        return perform("sync", (turn) => {
          if (turn.error === null) return file.sync(covered);
          file.loseChanges(covered);
          throw turn.error;
        });
      },
      reserve: (length) =>
        perform("reserve", () => {
          const more = Math.max(0, length - file.usedBytes);
          if (more > this.#room()) throw systemError("ENOSPC", `no room to reserve in ${path}`);
          file.reserve(length);
        }),
      truncate: (length) => perform("truncate", () => file.truncate(length, this.#next())),
      size: () => perform("size", () => file.size),
      map: (capacity) =>
        perform("map", () =>
          (this.#options.maps ?? true) ? this.#map(file, { path, capacity }) : null,
        ),
      close: async () => {
        await Promise.resolve();
        if (!isOpen) return;
        isOpen = false;
        this.openFiles--;
        this.#use(file, -1);
      },
    };
  }

  #room(): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return this.capacityBytes;
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  #write(
    file: MemoryFile,
    { bytes, position, turn }: { bytes: Uint8Array; position: number; turn: Turn },
  ): void {
    if (turn.error !== null) {
      if (turn.isPartial) file.write(bytes.subarray(0, bytes.length >> 1), position, this.#next());
      throw turn.error;
    }
    const end = Math.min(position + bytes.length, file.usedBytes + this.#room());
    const fitting = bytes.subarray(0, Math.max(0, end - position));
    file.write(fitting, position, this.#next());
    if (fitting.length < bytes.length) throw systemError("ENOSPC", "no room to write");
  }

  #map(file: MemoryFile, { path, capacity }: { path: string; capacity: number }): FileMap {
    const handed: WeakRef<ArrayBufferLike>[] = [];
    let isLive = true;
    this.liveMaps++;
    this.#use(file, 1);
    file.countMap(1);
    return {
      view: (position, length) => {
        assert(isLive, `view of an ended map: ${path}`);
        const end = position + length;
        const isInside = position >= 0 && length >= 0 && end <= Math.min(capacity, file.size);
        assert(isInside, `view of ${position}..${end} is outside the file of ${file.size} bytes`);
        const window = file.window(position, length);
        if (this.#options.views === "live") return window;
        const view = window.slice();
        handed.push(new WeakRef(view.buffer));
        return view;
      },
      populate: async (position, length) =>
        this.#perform("populate", path, () => {
          assert(isLive, `populate of an ended map: ${path}`);
          if (position + length <= Math.min(capacity, file.size)) return;
          throw systemError("EFAULT", `cannot read ${position}+${length} of ${path}`);
        }),
      unmap: () => {
        if (!isLive) return;
        isLive = false;
        this.liveMaps--;
        this.#use(file, -1);
        file.countMap(-1);
        for (const reference of handed) {
          const buffer = reference.deref();
          if (buffer !== undefined) new Uint8Array(buffer).fill(poison);
        }
      },
    };
  }
}

/** True for the error that every call of a dead disk ends with. */
export function isDeadDiskError(error: unknown): boolean {
  return error instanceof LogError && error.facts["isDeadDisk"] === true;
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}
