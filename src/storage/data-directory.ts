// The directory that holds everything: its lock, its identity, the checkpoint, the clean marker, partitions by name.
//
// .lock            held while a process serves the directory
// format.json      layout version and ids; written once
// meta.properties  the ids in Kafka's spelling
// checkpoint       facts per partition, see checkpoint-file.ts; replaced whole
// clean            present only after an orderly stop; names the checkpoint it belongs to by its checksum
// <topic>-<partition>/ and those moved aside, see partition-name.ts
//
// The clean marker is gone, durably, before anything else in the directory changes, and comes back last.
// Nothing here ever removes a log because some other file is missing or damaged.

import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { type Random, randomUuid } from "../base/random.ts";
import {
  type CheckpointEntry,
  decodeCheckpoint,
  encodeCheckpoint,
  hexOfCrc,
} from "./checkpoint-file.ts";
import { type Disk, makeDirectoryDurably, readWhole, replaceWhole } from "./disk.ts";
import {
  clusterIdIn,
  decodeFormat,
  encodeFormat,
  encodeMetaProperties,
  type Format,
  formatVersion,
  newFormat,
  parseObject,
} from "./format-file.ts";
import { asideName, isRetiredName, parsePartitionName } from "./partition-name.ts";

/** The name of the file that says that the last stop was an orderly one. */
export const cleanMarkerName = "clean-shutdown";

/** The checksum, as `hexOfCrc` writes it, of the checkpoint a clean marker belongs to; null when it is not one. */
export function checkpointNamedBy(marker: Uint8Array): string | null {
  const fields = parseObject(marker);
  const checksum = fields?.["checkpoint"];
  return fields?.["version"] === formatVersion && typeof checksum === "string" ? checksum : null;
}

/** What a data directory needs to open. */
export interface DataDirectoryOptions {
  readonly disk: Disk;
  /** Made when missing. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

type Entries = ReadonlyMap<string, CheckpointEntry>;

interface Opened {
  readonly format: Format;
  readonly entries: Entries;
  readonly checkpointCrc: number | null;
  readonly isClean: boolean;
  readonly unlock: () => Promise<void>;
}

interface PendingWrite {
  entries: Entries;
  readonly done: Promise<void>;
}

/** One process's hold on a data directory. */
export class DataDirectory {
  /** Where it is. */
  readonly path: string;
  /** Who it is. */
  readonly format: Format;
  /**
   * True when the last process stopped in order and nothing was changed since, as far as the checkpoint tells: the log
   * must still compare its file with its entry.
   */
  readonly wasClean: boolean;
  readonly #disk: Disk;
  readonly #random: Random;
  readonly #unlock: () => Promise<void>;
  readonly #found: Entries;
  #checkpointCrc: number | null;
  #running: Promise<void> | null = null;
  #next: PendingWrite | null = null;
  #failure: LogError | null = null;
  #state: "open" | "marked" | "closed" = "open";

  private constructor({ disk, path, random }: DataDirectoryOptions, opened: Opened) {
    this.#disk = disk;
    this.path = path;
    this.#random = random;
    this.format = opened.format;
    this.wasClean = opened.isClean;
    this.#found = opened.entries;
    this.#checkpointCrc = opened.checkpointCrc;
    this.#unlock = opened.unlock;
  }

  /**
   * Locks and reads the directory, making it when missing.
   *
   * @throws KAFKA_STORAGE_ERROR another process holds it; it was made by a newer version; its identity is damaged or
   *                             missing beside partitions; the disk refuses. Nothing but the lock file was touched
   *                             then, and of a newer version not even that, unless the disk refused half way.
   */
  static async open(options: DataDirectoryOptions): Promise<DataDirectory> {
    const { disk, path } = options;
    await refuseNewer(options);
    await makeDirectoryDurably(disk, path);
    const unlock = await disk.lock(`${path}/.lock`);
    try {
      const found = await readFormat(options);
      const format = found ?? newFormat(options.random, options.clock.nowMs());
      const hasMetaProperties = await checkMetaProperties(options, format);
      const marked = await takeCleanMarker(options);
      if (found === null) await replaceWhole(disk, `${path}/format.json`, encodeFormat(format));
      if (!hasMetaProperties) {
        await replaceWhole(disk, `${path}/meta.properties`, encodeMetaProperties(format));
      }
      const checkpoint = await readCheckpoint(options);
      return new DataDirectory(options, {
        format,
        entries: checkpoint?.entries ?? new Map(),
        checkpointCrc: checkpoint?.crc ?? null,
        isClean: checkpoint !== null && marked === hexOfCrc(checkpoint.crc),
        unlock,
      });
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** Kafka's cluster id: 22 characters of base64url, made once. */
  get clusterId(): string {
    return this.format.clusterId;
  }

  /** What the checkpoint found at opening says of a partition; null when it says nothing. */
  checkpointOf(name: string): CheckpointEntry | null {
    return this.#found.get(name) ?? null;
  }

  /**
   * Replaces the checkpoint. When the promise resolves, these entries or those of a later call are durable.
   *
   * Calls during a write share the next one, which takes the entries of the last call; a map is read when its write
   * begins, so the facts of a later call must include those of an earlier one. After a failure other than DISK_FULL
   * every call is refused.
   *
   * @param entries By partition directory name.
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR; the old checkpoint or the new one is there then.
   */
  async writeCheckpoint(entries: Entries): Promise<void> {
    if (this.#state === "closed") throw refusal("the data directory is closed");
    assert(this.#state === "open", "no checkpoint after the clean marker");
    if (this.#next !== null) {
      this.#next.entries = entries;
      return this.#next.done;
    }
    const running = this.#running;
    if (running === null) return this.#startWrite(entries);
    const startNext = (): Promise<void> => {
      const next = this.#next;
      this.#next = null;
      assert(next !== null, "a queued checkpoint write is still queued");
      return this.#startWrite(next.entries);
    };
    // The queued write begins whether or not the one before it failed; that one told its own callers.
    const done = running.then(startNext, startNext);
    this.#next = { entries, done };
    return done;
  }

  /**
   * Writes the marker of an orderly stop, after the last checkpoint and the last change of any log.
   *
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR; the next start will then scan, nothing worse.
   */
  async markClean(): Promise<void> {
    assert(this.#state === "open", "one clean marker, before closing");
    this.#state = "marked";
    await this.#settle();
    if (this.#failure !== null) throw this.#failure;
    if (this.#checkpointCrc === null) await this.#replaceCheckpoint(new Map());
    assert(this.#checkpointCrc !== null, "a checkpoint was written");
    const fields = { version: formatVersion, checkpoint: hexOfCrc(this.#checkpointCrc) };
    const bytes = Buffer.from(`${JSON.stringify(fields)}\n`);
    await replaceWhole(this.#disk, `${this.path}/${cleanMarkerName}`, bytes);
  }

  /** Names of all partition directories, sorted; other names are left alone. */
  async partitionDirectories(): Promise<readonly string[]> {
    const names = await this.#disk.list(this.path);
    return names.filter((name) => parsePartitionName(name) !== null).toSorted();
  }

  /**
   * Moves a deleted partition aside, durably; `removeRetired` will remove it. Repeating it is harmless.
   *
   * @param name    A partition directory's name.
   * @param topicId The topic's UUID, hexadecimal (dashes allowed) or in Kafka's 22 characters.
   * @returns       The new name.
   * @throws        KAFKA_STORAGE_ERROR
   */
  async retire(name: string, topicId: string): Promise<string> {
    const retired = asideName(name, topicId, "delete");
    if (await this.#disk.exists(`${this.path}/${name}`)) {
      // Partitions that a topic was to be given may have been put away before, and not be removed yet.
      const before = `${this.path}/${retired}`;
      if (await this.#disk.exists(before)) await this.#disk.remove(before);
      await this.#move(name, retired);
    }
    // A crash may have come between the rename and this.
    else await this.#disk.syncDirectory(this.path);
    return retired;
  }

  /**
   * Moves a partition that belongs to no topic out of the way, durably, for good: nothing removes it.
   *
   * @returns The new name.
   * @throws  KAFKA_STORAGE_ERROR
   */
  async setAside(name: string): Promise<string> {
    const stray = asideName(name, randomUuid(this.#random), "stray");
    await this.#move(name, stray);
    return stray;
  }

  /** Removes all retired partitions and returns how many. @throws KAFKA_STORAGE_ERROR; the rest is left for later. */
  async removeRetired(): Promise<number> {
    const names = (await this.#disk.list(this.path)).filter(isRetiredName);
    for (const name of names) await this.#disk.remove(`${this.path}/${name}`);
    if (names.length > 0) await this.#disk.syncDirectory(this.path);
    return names.length;
  }

  /** Waits for a checkpoint under way and lets the lock go. Closing twice is harmless. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#settle();
    await this.#unlock();
  }

  async #move(from: string, to: string): Promise<void> {
    assert(parsePartitionName(from) !== null, `not a partition directory: ${from}`);
    await this.#disk.rename(`${this.path}/${from}`, `${this.path}/${to}`);
    await this.#disk.syncDirectory(this.path);
  }

  // Waits until no checkpoint is under way or queued. Their failures were told to whoever asked for them.
  async #settle(): Promise<void> {
    for (;;) {
      const last = this.#next?.done ?? this.#running;
      if (last === null) return;
      await last.catch(() => undefined);
    }
  }

  #startWrite(entries: Entries): Promise<void> {
    const running = this.#replaceCheckpoint(entries).finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }

  async #replaceCheckpoint(entries: Entries): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const { bytes, crc } = encodeCheckpoint(entries);
    try {
      await replaceWhole(this.#disk, `${this.path}/checkpoint`, bytes);
      this.#checkpointCrc = crc;
    } catch (error) {
      // No room: the old checkpoint is whole and in its place, and a later one may fit.
      if (error instanceof LogError && error.code === "DISK_FULL") throw error;
      const detail = "the checkpoint cannot be written";
      this.#failure = new LogError("KAFKA_STORAGE_ERROR", detail, { cause: error });
      throw this.#failure;
    }
  }
}

// A newer version may keep its lock elsewhere, or mean something else by this one.
async function refuseNewer({ disk, path }: DataDirectoryOptions): Promise<void> {
  const bytes = await readWhole(disk, `${path}/format.json`);
  const reading = bytes === null ? null : decodeFormat(bytes);
  if (reading?.kind === "newer") throw newerError(reading.version);
}

function newerError(version: number): LogError {
  const versions = `its layout is ${version}, this one reads ${formatVersion}`;
  return refusal(`the data directory was made by a newer version: ${versions}`);
}

// The identity; null for a directory that is new. Reads only.
async function readFormat({ disk, path }: DataDirectoryOptions): Promise<Format | null> {
  const bytes = await readWhole(disk, `${path}/format.json`);
  if (bytes === null) {
    const names = await disk.list(path);
    const isOther = (name: string): boolean =>
      name === "meta.properties" || name === "checkpoint" || parsePartitionName(name) !== null;
    const other = names.find(isOther);
    if (other === undefined) return null;
    throw refusal(`format.json is missing beside ${other}: not a directory of this server`);
  }
  const reading = decodeFormat(bytes);
  if (reading.kind === "known") return reading.format;
  if (reading.kind === "damaged") throw refusal("format.json is damaged; restore it from a copy");
  throw newerError(reading.version);
}

// Removes the clean marker, durably, and returns the checksum in it; null when there was none worth its name.
async function takeCleanMarker({ disk, path }: DataDirectoryOptions): Promise<string | null> {
  const marker = `${path}/${cleanMarkerName}`;
  const bytes = await readWhole(disk, marker);
  if (bytes !== null) await disk.remove(marker);
  // Also without a marker: a checkpoint that a dead process renamed into place is seen but may not be durable yet, and
  // logs remove segments on its word.
  await disk.syncDirectory(path);
  return bytes === null ? null : checkpointNamedBy(bytes);
}

// False when there is no such file, or none that says anything: it is made again. Reads only.
async function checkMetaProperties(
  { disk, path, logger }: DataDirectoryOptions,
  format: Format,
): Promise<boolean> {
  const present = await readWhole(disk, `${path}/meta.properties`);
  if (present === null) return false;
  const named = clusterIdIn(present);
  if (named === format.clusterId) return true;
  if (named !== null) throw refusal("meta.properties names another cluster than format.json");
  logger.warn({ path }, "meta.properties is damaged and is made again");
  return false;
}

async function readCheckpoint({ disk, path, logger }: DataDirectoryOptions) {
  const bytes = await readWhole(disk, `${path}/checkpoint`);
  if (bytes === null) return null;
  const checkpoint = decodeCheckpoint(bytes);
  if (checkpoint === null) {
    logger.warn({ bytes: bytes.length }, "the checkpoint is damaged; logs are scanned instead");
  }
  return checkpoint;
}

function refusal(detail: string): LogError {
  return new LogError("KAFKA_STORAGE_ERROR", detail);
}
