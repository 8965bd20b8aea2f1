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
   * Reserves blocks for [0, length) without changing the size; best effort where the system cannot.
   * @throws DISK_FULL when there is no room; nothing changed then.
   */
  reserve(length: number): Promise<void>;
  /** Sets the size; gives back reserved blocks beyond it. Never below a byte that a view shows. */
  truncate(length: number): Promise<void>;
  /** Size in bytes. */
  size(): Promise<number>;
  /**
   * Maps [0, capacity) read-only. Bytes beyond the file's present size become readable as the file grows.
   * Resolves to null where the platform has no maps: the caller then uses `read`.
   */
  map(capacity: number): Promise<FileMap | null>;
  /** Closes the file; a map of it stays valid. */
  close(): Promise<void>;
}

/** A read-only map of a file. Views are valid until `unmap`; touching one later kills the process. */
export interface FileMap {
  /** Bytes [position, position + length) without a copy. The range must lie inside the file as it is now. */
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
  /** Makes a directory and its parents; harmless when it exists. */
  makeDirectory(path: string): Promise<void>;
  /** Renames a file or directory, replacing a file of that name. */
  rename(from: string, to: string): Promise<void>;
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
  /**
   * Takes an exclusive lock for this process's life. Resolves to a function that lets it go.
   * @throws KAFKA_STORAGE_ERROR when another process holds it.
   */
  lock(path: string): Promise<() => Promise<void>>;
}

/** Reads a whole small file; null when it is missing. */
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
 * The steps are: write `<path>.tmp`, sync it, rename it over, sync the directory.
 */
export async function replaceWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await disk.open(temporary, "write");
  try {
    await file.truncate(0);
    await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(parentOf(path));
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut <= 0 ? "." : path.slice(0, cut);
}
