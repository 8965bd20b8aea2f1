// The disk as the house sees it. `node-disk.ts` is the real one; tests bring one in memory that loses, tears and fails.
//
// Promises a Disk makes, and no more:
// - After `write` resolves the bytes are visible to `read` and to views, and survive the death of this process only.
// - After `sync` resolves everything written to that file before `sync` was called survives a power cut, and so does
//   the file's size. A failed sync is final: the caller must not sync that file again and call it good.
// - A created, renamed or removed name survives a power cut only after `syncDirectory` of its parent.

/** One open file. Positions and lengths are bytes. */
export interface DiskFile {
  /** The path it was opened by. */
  readonly path: string;
  /**
   * Writes all bytes of all chunks, one after the other, from `position` on, in one call where the system can.
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR; part of the bytes may have been written.
   */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** Reads up to `length` bytes into `target` from `position`; resolves to the count read, short only at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Makes written bytes and the size durable (fdatasync). @throws KAFKA_STORAGE_ERROR, for good. */
  sync(): Promise<void>;
  /**
   * Reserves blocks for [0, length) without changing the size; best effort where the system cannot. No write to this
   * file may be under way meanwhile.
   * @throws DISK_FULL when there is no room; size and earlier reservations are as before then.
   */
  reserve(length: number): Promise<void>;
  /** Sets the size; gives back reserved blocks beyond it. Never below a byte that a view in use shows. */
  truncate(length: number): Promise<void>;
  /** Size in bytes. */
  size(): Promise<number>;
  /**
   * Maps [0, capacity) read-only; `capacity` is 1 to 2^31. Bytes beyond the file's present size become readable as
   * the file grows. Resolves to null where the platform has no maps: the caller then uses `read`.
   * @throws KAFKA_STORAGE_ERROR when the system has no room for another map.
   */
  map(capacity: number): Promise<FileMap | null>;
  /** Closes the file; a map of it stays valid. Reserved blocks stay reserved. Closing twice is harmless. */
  close(): Promise<void>;
}

/** A read-only map of a file. Views are valid until `unmap`; touching one later kills the process. */
export interface FileMap {
  /**
   * Bytes [position, position + length) without a copy. The range must lie inside the file as it is now. The `buffer`
   * beneath the view reaches further, also to where the file has no bytes: touching those kills the process.
   */
  view(position: number, length: number): Uint8Array;
  /**
   * Brings the range into memory from a thread, so that touching it does not stall the event loop.
   * @throws KAFKA_STORAGE_ERROR when the range cannot be read (bad sector, file cut short).
   */
  populate(position: number, length: number): Promise<void>;
  /** Ends the map. The caller guarantees that no view is in use. */
  unmap(): void;
}

/** How a file is opened: `read` needs it to exist; `write` creates it if missing and keeps its bytes. */
export type OpenMode = "read" | "write";

/** Everything the house does with files. Paths are absolute or relative to the process; never shown to clients. */
export interface Disk {
  /** Opens a file. @throws KAFKA_STORAGE_ERROR (cause ENOENT when `read` finds none). */
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Names in a directory, unsorted; empty when there is no such directory. */
  list(path: string): Promise<readonly string[]>;
  /** Makes a directory and its parents; harmless when it exists. See `makeDirectoryDurably`. */
  makeDirectory(path: string): Promise<void>;
  /** Renames a file or directory, replacing a file or an empty directory of that name. */
  rename(from: string, to: string): Promise<void>;
  /**
   * Gives a file a second name, which is not taken yet: both show the same bytes from now on. Resolves to false, and
   * nothing was done, where the system cannot: other file system, or one without such links.
   */
  link(from: string, to: string): Promise<boolean>;
  /** Removes a file, or a directory with all it holds; harmless when missing. */
  remove(path: string): Promise<void>;
  /** Makes the names inside a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** True when the path exists. */
  exists(path: string): Promise<boolean>;
  /** Size in bytes of a file without opening it; null when missing. */
  sizeOf(path: string): Promise<number | null>;
  /** Free bytes an unprivileged writer can still use on the file system of `path`. */
  freeBytes(path: string): Promise<number>;
  /** All bytes of the file system of `path`. */
  totalBytes(path: string): Promise<number>;
  /**
   * Takes an exclusive lock for this process's life; the file is made when missing and stays. Resolves to a function
   * that lets the lock go.
   * @throws KAFKA_STORAGE_ERROR when it is held, by another process or this one.
   */
  lock(path: string): Promise<() => Promise<void>>;
}

// The largest step in which a log reserves blocks: with less, appends may be refused.
const shortOfRoomBytes = 64 << 20;

/**
 * Whether the file system of `path` has so little room that removed files are unlinked at once, not after a delay.
 * Where the free space is unknown there is room.
 */
export async function isShortOfRoom(disk: Disk, path: string): Promise<boolean> {
  try {
    return (await disk.freeBytes(path)) < shortOfRoomBytes;
  } catch {
    return false;
  }
}

/** Reads a whole small file; null when it is missing. The bytes are the caller's. */
export async function readWhole(disk: Disk, path: string): Promise<Uint8Array | null> {
  if (!(await disk.exists(path))) return null;
  const file = await disk.open(path, "read");
  try {
    const bytes = new Uint8Array(await file.size());
    const count = await file.read(bytes, 0);
    return bytes.subarray(0, count);
  } finally {
    await file.close();
  }
}

/**
 * Replaces a file so that after a crash either the old or the new bytes are there, whole.
 *
 * The steps are: write `<path>.tmp`, sync it, rename it over, sync the directory. Two calls for one path must not
 * overlap. When it fails, the old bytes or (only if the last step failed) either may be found later.
 *
 * @throws DISK_FULL, KAFKA_STORAGE_ERROR
 */
export async function replaceWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await disk.open(temporary, "write");
    try {
      await file.truncate(0);
      await file.write([bytes], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    // On a full disk the leftover would hold the last blocks. The first error is the one that tells the story.
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
  await disk.syncDirectory(parentOf(path));
}

/** Makes a directory and its parents, and makes every new name durable. */
export async function makeDirectoryDurably(disk: Disk, path: string): Promise<void> {
  const made: string[] = [];
  let missing = path;
  while (!(await disk.exists(missing))) {
    made.push(missing);
    const parent = parentOf(missing);
    if (parent === missing) break;
    missing = parent;
  }
  await disk.makeDirectory(path);
  // From the outermost in: a name is only as durable as the directory it is in.
  for (const name of made.toReversed()) await disk.syncDirectory(parentOf(name));
}

/** The directory a path is in. Paths are parted by "/" on every platform. */
export function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  if (cut < 0) return ".";
  return cut === 0 ? "/" : path.slice(0, cut);
}
