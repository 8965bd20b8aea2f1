// The segment being appended to: its file, its reserved blocks, its indexes, and where written and durable end.
//
// One caller at a time (the writer's pump) may call `write`, `finish` and `close`; one `sync` may run beside a write,
// but not beside `finish` and `close`; `indexes` may be asked by readers meanwhile. The position of the next write is
// held here and never asked of the disk again after opening.

import { assert } from "../base/assert.ts";
import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { batchBytesAt, batchHeaderBytes, maxTimestampAt } from "../record/batch-header.ts";
import type { Disk, DiskFile } from "../storage/disk.ts";
import type { BatchGroup } from "./batch-group.ts";
import type { FileCache, FileLease } from "./file-cache.ts";
import { loadIndexes, removeIndexes, writeIndexes } from "./index-files.ts";
import type { LogRoom } from "./log-options.ts";
import type { Segment } from "./segment.ts";
import { SegmentIndexes } from "./segment-indexes.ts";

/** First step of reserving blocks; each further step is twice as large, up to `reserveBytesMax`. */
const reserveBytesMin = 1 << 20;
const reserveBytesMax = 64 << 20;

/** What an active segment works with. */
export interface ActiveSegmentParts {
  readonly disk: Disk;
  readonly files: FileCache;
  readonly logger: Logger;
  /** No stored batch is larger; see `LogLimits.unsyncedBytesMax`. */
  readonly batchBytesMax: number;
  readonly room: LogRoom;
}

/** The end of what is there: an offset and the position that goes with it. */
export interface LogEnd {
  readonly offset: number;
  readonly position: number;
}

/** The settings of the moment, as far as a segment needs them. */
export interface WriteSettings {
  readonly segmentBytes: number;
  readonly indexIntervalBytes: number;
}

/** The active segment of a log. */
export class ActiveSegment {
  readonly segment: Segment;
  readonly #parts: ActiveSegmentParts;
  /** Position where this process began to write: bytes from there on are in memory. */
  readonly hotFrom: number;
  /** End of what is in the page cache. */
  written: LogEnd;
  /** End of what the last good sync covered. */
  durable: LogEnd;
  /** Largest timestamp of the first batch, from which the segment's age counts; null while unknown or empty. */
  firstTimestampMs: number | null = null;
  /** Offset index entries found when the indexes were loaded. */
  storedEntryCount = 0;
  #file: DiskFile | null = null;
  #indexes: SegmentIndexes | null = null;
  #loading: Promise<SegmentIndexes> | null = null;
  #reserved = 0;
  #reserveStep = reserveBytesMin;
  // Refused writes that were cut off; until the next sync a power cut may bring part of them back.
  #undoneCount = 0;
  #undoneDurably = 0;
  #isIndexAhead = false;
  #isIndexDistrusted = false;

  constructor(segment: Segment, end: LogEnd, parts: ActiveSegmentParts) {
    this.segment = segment;
    this.#parts = parts;
    this.hotFrom = end.position;
    this.written = end;
    this.durable = end;
  }

  /** True when a sync would make something durable: bytes, or that a refused write was undone. */
  get isDirty(): boolean {
    return this.#undoneCount > this.#undoneDurably || this.unsyncedBytes > 0;
  }

  /** Bytes written and not synced. */
  get unsyncedBytes(): number {
    return this.written.position - this.durable.position;
  }

  /**
   * The indexes of all batches written, loaded at the first call; nothing is written until then.
   * @throws KAFKA_STORAGE_ERROR
   */
  async indexes(settings: WriteSettings): Promise<SegmentIndexes> {
    if (this.#indexes !== null) return this.#indexes;
    this.#loading ??= this.#load(settings).finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /**
   * Does what can fail before a write and changes nothing that was written: opens the file, loads the indexes, reserves
   * blocks for `bytes` more.
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR; a later call may succeed.
   */
  async prepare(bytes: number, settings: WriteSettings): Promise<void> {
    await this.#dropDistrusted();
    await this.indexes(settings);
    this.#file ??= await this.#parts.disk.open(this.segment.logPath, "write");
    const needed = this.written.position + bytes;
    if (needed <= this.#reserved) return;
    const most = Math.max(settings.segmentBytes, needed);
    const step = this.#parts.room.reservable(this.#reserveStep);
    const ahead = Math.min(Math.max(needed, this.written.position + step), most);
    this.#reserved = await reserve(this.#file, needed, ahead);
    this.#reserveStep = Math.min(this.#reserveStep * 2, reserveBytesMax);
  }

  /**
   * Writes a prepared group at the end. When the promise resolves it is in the page cache and in the indexes.
   *
   * @throws DISK_FULL           the file is as it was before; later writes may succeed.
   * @throws KAFKA_STORAGE_ERROR the file may hold part of the group: never write to it again.
   */
  async write(group: BatchGroup, settings: WriteSettings): Promise<void> {
    const indexes = this.#indexes;
    const file = this.#file;
    assert(indexes !== null && file !== null, "a write is prepared first");
    const position = this.written.position;
    try {
      await file.write(group.chunks, position);
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "DISK_FULL") throw error;
      this.#reserved = 0;
      await file.truncate(position);
      this.#undoneCount++;
      throw error;
    }
    const place = { position, intervalBytes: settings.indexIntervalBytes };
    for (const view of group.views) {
      if (place.position === 0) this.firstTimestampMs = maxTimestampAt(view, 0);
      indexes.addBatch(view, 0, place);
      place.position += batchBytesAt(view, 0);
    }
    assert(place.position === position + group.bytes, "the bytes of a group add up");
    this.#isIndexAhead = true;
    this.segment.checked.add(position, place.position);
    this.written = { offset: group.nextOffset, position: place.position };
  }

  /** The indexes have been found to contradict the log: they are made again before the next write. */
  distrustIndexes(): void {
    this.#isIndexDistrusted = true;
  }

  /** Makes what has been written durable. @throws KAFKA_STORAGE_ERROR, for good: never call it again then. */
  async sync(): Promise<void> {
    const end = this.written;
    const undoneCount = this.#undoneCount;
    await this.#file?.sync();
    this.#undoneDurably = undoneCount;
    this.durable = end;
  }

  /**
   * Ends appending: last time entry, index files, reserved blocks given back. The data must be durable.
   *
   * @param isSealed True when another segment follows: the index files are synced then.
   */
  async finish(isSealed: boolean, settings: WriteSettings): Promise<void> {
    assert(!this.isDirty || !isSealed, "a segment is synced before it is sealed");
    if (this.#isIndexAhead || isSealed) {
      await this.#dropDistrusted();
      const indexes = await this.indexes(settings);
      indexes.seal();
      const { disk, logger } = this.#parts;
      await writeIndexes(this.segment, indexes, { disk, logger, isSynced: isSealed });
      this.#isIndexAhead = false;
    }
    if (this.#reserved > this.written.position) {
      await this.#file?.truncate(this.written.position);
      this.#reserved = 0;
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  /** The active segment that follows this one, still empty. */
  followedBy(segment: Segment): ActiveSegment {
    return new ActiveSegment(segment, { offset: segment.baseOffset, position: 0 }, this.#parts);
  }

  /** A lease of the segment for reading; its map has room for the segment to grow. */
  lease(settings: WriteSettings): Promise<FileLease> {
    const capacity = Math.max(settings.segmentBytes, this.written.position);
    return this.#parts.files.acquire(this.segment.logPath, capacity);
  }

  async #dropDistrusted(): Promise<void> {
    if (!this.#isIndexDistrusted) return;
    await removeIndexes(this.segment, this.#parts.disk);
    this.#isIndexDistrusted = false;
    this.#indexes = null;
  }

  async #load(settings: WriteSettings): Promise<SegmentIndexes> {
    const end = this.written.position;
    if (end === 0) {
      this.#indexes = new SegmentIndexes(this.segment.baseOffset);
      return this.#indexes;
    }
    const { disk, logger } = this.#parts;
    const lease = await this.lease(settings);
    try {
      const header = await lease.bytes(0, batchHeaderBytes, false);
      const source = {
        disk,
        logger,
        bytes: lease,
        end,
        intervalBytes: settings.indexIntervalBytes,
        batchBytesMax: this.#parts.batchBytesMax,
      };
      const { indexes, isAhead } = await loadIndexes(this.segment, source);
      assert(end === this.written.position, "nothing is written while indexes load");
      this.firstTimestampMs = maxTimestampAt(viewOf(header), 0);
      this.storedEntryCount = indexes.offsets.count;
      this.#isIndexAhead = isAhead;
      this.#indexes = indexes;
      return indexes;
    } finally {
      lease.release();
    }
  }
}

// Takes the large step, or where there is no room for it just what is needed.
async function reserve(file: DiskFile, needed: number, ahead: number): Promise<number> {
  try {
    await file.reserve(ahead);
    return ahead;
  } catch (error) {
    const isFull = error instanceof LogError && error.code === "DISK_FULL";
    if (!isFull || ahead === needed) throw error;
    await file.reserve(needed);
    return needed;
  }
}
