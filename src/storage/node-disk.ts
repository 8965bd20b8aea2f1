// The real disk: node:fs, and the native calls where the platform has them.

import * as fs from "node:fs";
import { dirname } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Disk, DiskFile, OpenMode } from "./disk.ts";
import { type Native, native as platformNative } from "./native.ts";
import { type DiskCounters, NodeFile } from "./node-file.ts";
import { storageError, systemCodeOf } from "./storage-error.ts";

/** How readers get at files: views of maps where there are any, or copies by `pread`. */
export type ReadMode = "map" | "pread";

/** Settings of the real disk. */
export interface NodeDiskOptions {
  readonly readMode: ReadMode;
  /** Native calls to use; null does without (no maps, no reservations, a lock by process id). */
  readonly native?: Native | null;
  /** Tells how quick the disk is; this machine's when absent. */
  readonly clock?: Clock;
}

const openFlags = {
  read: fs.constants.O_RDONLY,
  // Not O_APPEND: Linux would then ignore the position of every write.
  write: fs.constants.O_RDWR | fs.constants.O_CREAT,
} as const satisfies Record<OpenMode, number>;

// What a system answers that cannot link, or not here. EMLINK: the file has as many names as it can.
const linkless = new Set(["EXDEV", "EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK"]);

// Locks by process id that this process holds; its own number in a file proves nothing after a restart in a container.
const heldPidLocks = new Set<string>();

/** Files of this machine. */
export class NodeDisk implements Disk {
  readonly #native: Native | null;
  readonly #usesMaps: boolean;
  readonly #clock: Clock;
  readonly #counters: DiskCounters = { openFiles: 0, liveMaps: 0, mappedBytes: 0 };

  constructor(options: NodeDiskOptions) {
    this.#native = options.native === undefined ? platformNative : options.native;
    this.#usesMaps = options.readMode === "map";
    this.#clock = options.clock ?? systemClock;
  }

  /** What is open now. */
  get counters(): Readonly<DiskCounters> {
    return this.#counters;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const descriptor = await openDescriptor(path, openFlags[mode]);
    return new NodeFile({
      path,
      descriptor,
      native: this.#native,
      usesMaps: this.#usesMaps,
      counters: this.#counters,
      clock: this.#clock,
    });
  }

  async list(path: string): Promise<readonly string[]> {
    try {
      return await called<string[]>((done) => fs.readdir(path, done));
    } catch (error) {
      if (systemCodeOf(error) === "ENOENT") return [];
      throw storageError("list", path, error);
    }
  }

  async makeDirectory(path: string): Promise<void> {
    await attempt("make", path, () => makeWithParents(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt("rename", from, () => fs.promises.rename(from, to));
  }

  async link(from: string, to: string): Promise<boolean> {
    try {
      await fs.promises.link(from, to);
      return true;
    } catch (error) {
      if (linkless.has(systemCodeOf(error) ?? "")) return false;
      throw storageError("link", from, error);
    }
  }

  async remove(path: string): Promise<void> {
    await attempt("remove", path, async () => {
      const code = await called<string | null>((done) => {
        fs.unlink(path, (error) => done(null, error === null ? null : (error.code ?? "")));
      });
      // Nearly all that is removed are files; the call for everything asks the disk more often.
      if (code !== null && code !== "ENOENT") {
        await fs.promises.rm(path, { recursive: true, force: true });
      }
    });
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a directory to sync it; its file systems journal names by themselves.
    if (process.platform === "win32") return;
    try {
      const descriptor = await called<number>((done) => fs.open(path, "r", done));
      try {
        await called<void>((done) => fs.fsync(descriptor, done));
      } finally {
        await called<void>((done) => fs.close(descriptor, done));
      }
    } catch (error) {
      const detail = "sync of a directory failed: names made or removed in it may be lost";
      throw new LogError("KAFKA_STORAGE_ERROR", detail, { cause: error });
    }
  }

  async exists(path: string): Promise<boolean> {
    return (await statOf(path)) !== null;
  }

  async sizeOf(path: string): Promise<number | null> {
    const stats = await statOf(path);
    return stats?.isFile() === true ? stats.size : null;
  }

  async freeBytes(path: string): Promise<number> {
    const stats = await attempt("statfs", path, () => fs.promises.statfs(path));
    return stats.bavail * stats.bsize;
  }

  async totalBytes(path: string): Promise<number> {
    const stats = await attempt("statfs", path, () => fs.promises.statfs(path));
    return stats.blocks * stats.bsize;
  }

  async lock(path: string): Promise<() => Promise<void>> {
    if (this.#native === null) return lockByPid(`${path}.pid`);
    const descriptor = await openDescriptor(path, openFlags.write);
    const code = this.#native.lock(descriptor);
    if (code !== 0) {
      const holder = await readPid(path);
      fs.closeSync(descriptor);
      throw heldError(holder, code);
    }
    // For whoever wonders which process it is; the lock itself is the kernel's and ends with the process.
    fs.ftruncateSync(descriptor);
    fs.writeSync(descriptor, `${process.pid}\n`, 0);
    let isHeld = true;
    return async () => {
      if (!isHeld) return;
      isHeld = false;
      await attempt("unlock", path, async () => fs.closeSync(descriptor));
    };
  }
}

// A call by callback. A start with a thousand partitions makes thousands of them, and fs.promises makes each dearer.
function called<T>(
  start: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null || error === undefined) resolve(value);
      else reject(error);
    });
  });
}

async function attempt<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(action, path, error);
  }
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return attempt("open", path, async () => {
    const descriptor = await called<number>((done) => fs.open(path, flags, 0o644, done));
    const stats = fs.fstatSync(descriptor);
    if (stats.isFile()) return descriptor;
    fs.closeSync(descriptor);
    throw Object.assign(new Error(`not a file: ${path}`), { code: "EISDIR" });
  });
}

async function statOf(path: string): Promise<fs.Stats | null> {
  try {
    return await called<fs.Stats>((done) => fs.stat(path, done));
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw storageError("stat", path, error);
  }
}

async function readPid(path: string): Promise<number | null> {
  const text = await fs.promises.readFile(path, "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
}

function heldError(holder: number | null, cause: unknown): LogError {
  const who = holder === null ? "another process" : `process ${holder}`;
  const detail = `the lock is held by ${who}; one directory serves one process`;
  return new LogError("KAFKA_STORAGE_ERROR", detail, { cause });
}

// Where there is no flock: a file that only one process can create, taken over when its maker is dead.
async function lockByPid(path: string): Promise<() => Promise<void>> {
  if (heldPidLocks.has(path)) throw heldError(process.pid, null);
  heldPidLocks.add(path);
  try {
    if (!(await tryPidFile(path))) {
      const holder = await readPid(path);
      if (holder !== null && isAlive(holder)) throw heldError(holder, null);
      await takeAway(path, holder);
      if (!(await tryPidFile(path))) throw heldError(await readPid(path), null);
    }
  } catch (error) {
    heldPidLocks.delete(path);
    throw error;
  }
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    heldPidLocks.delete(path);
    await attempt("unlock", path, () => fs.promises.rm(path, { force: true }));
  };
}

// The file appears with its number in it, or not at all: an empty one would look like a dead process's.
async function tryPidFile(path: string): Promise<boolean> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    await fs.promises.writeFile(fresh, `${process.pid}\n`);
    await fs.promises.link(fresh, path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === "EEXIST") return false;
    throw storageError("lock", path, error);
  } finally {
    await fs.promises.rm(fresh, { force: true });
  }
}

// Two processes may find the same dead holder: whoever moved away the file of a living one puts it back and gives up.
async function takeAway(path: string, holder: number | null): Promise<void> {
  const aside = `${path}.${process.pid}.old`;
  await attempt("lock", path, () => fs.promises.rename(path, aside));
  const moved = await readPid(aside);
  if (moved !== holder) {
    await attempt("lock", path, () => fs.promises.rename(aside, path));
    throw heldError(moved, null);
  }
  await attempt("lock", path, () => fs.promises.rm(aside, { force: true }));
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCodeOf(error) !== "ESRCH";
  }
}

// Node's own way to make parents takes a full disk for a parent that is missing.
async function makeWithParents(path: string): Promise<void> {
  try {
    await fs.promises.mkdir(path);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === "EEXIST" && (await fs.promises.stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    await makeWithParents(dirname(path));
    await makeWithParents(path);
  }
}
