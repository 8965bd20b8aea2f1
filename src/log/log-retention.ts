// Forgetting: by age, by size, and by order (trim). Only whole sealed segments are removed, the oldest first.
//
// The order is what makes it safe: the new log start is durable in the checkpoint, then it is seen, then the segments
// leave the list, then their files are renamed to `.deleted`, and some time later unlinked. A crash anywhere
// leaves segments below the log start, which the next opening removes. Readers keep what they have leased.

import type { Timer } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import { isShortOfRoom } from "../storage/disk.ts";
import type { LogReader } from "./log-reader.ts";
import type { LogState } from "./log-state.ts";
import type { LogWriter } from "./log-writer.ts";
import type { ProducerKeeper } from "./producer-keeper.ts";
import type { Segment } from "./segment.ts";

/** The parts of a log that forgetting works on. */
export interface RetentionParts {
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly reader: LogReader;
  readonly keeper: ProducerKeeper;
}

const oldSegmentsMin = 16;

/** Removal of old segments of one log. One operation at a time; the others wait. */
export class LogRetention {
  readonly #parts: RetentionParts;
  readonly #timers = new Set<Timer>();
  #persistedStart: number;
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#persistedStart = parts.state.logStartOffset;
  }

  /** See `Log.trim`. */
  trim(offset: number): Promise<void> {
    return this.alone(async () => {
      const { state, writer } = this.#parts;
      state.requireWritable();
      const { highWatermark } = state.positions();
      if (offset > highWatermark) {
        const detail = `cannot trim to ${offset}, above the high watermark ${highWatermark}`;
        throw new LogError("OFFSET_OUT_OF_RANGE", detail, { facts: { offset, highWatermark } });
      }
      // Under `os` what is visible may not be durable, and a log must never start above its durable end.
      if (offset > state.active.durable.offset) await writer.flush();
      await this.#startAt(offset);
    });
  }

  /** See `Log.applyRetention`. */
  apply(): Promise<number> {
    return this.alone(async () => {
      const { state, writer } = this.#parts;
      if (state.isClosed || state.health.state !== "ok") return 0;
      let start = await this.#expiredEnd();
      if (start === state.logEndOffset && start > state.active.segment.baseOffset) {
        // Everything has expired. What was appended meanwhile went into the old segment: look again.
        await writer.roll();
        start = await this.#expiredEnd();
      }
      return this.#startAt(start);
    });
  }

  /** Forgets the timers of deferred removals; the next opening removes what they would have. */
  async stop(): Promise<void> {
    await this.#running.catch(() => undefined);
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** Runs work during which nothing is removed. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#running.then(work, work);
    this.#running = result.catch(() => undefined);
    return result;
  }

  // The offset up to which everything has expired; the log end when the active segment has too.
  async #expiredEnd(): Promise<number> {
    const { state } = this.#parts;
    const { retentionMs, retentionBytes, deleteByRetention } = state.config;
    const segments = state.segments.all.slice();
    let end = state.logStartOffset;
    if (!deleteByRetention) return end;
    const { clock, ageClock = clock, room } = state.options;
    const nowMs = ageClock.nowMs();
    let oldLeft = room?.isShort === true ? segments.length : oldSegmentsMax(segments.length);
    const heldFrom = Math.min(...state.holds.values());
    let spareBytes = retentionBytes < 0 ? -1 : (await this.totalBytes()) - retentionBytes;
    for (const segment of segments) {
      const isActive = segment === state.active.segment;
      const bytes = await this.#bytesOf(segment);
      const isSpare = spareBytes >= bytes && bytes > 0;
      const isOld = retentionMs >= 0 && (await this.#isOlder(segment, nowMs - retentionMs));
      const next = isActive ? null : state.segments.after(segment);
      const segmentEnd = next === null ? state.logEndOffset : next.baseOffset;
      const isNeeded = segmentEnd > state.visible.offset || segmentEnd > heldFrom;
      if ((!isSpare && !isOld) || bytes === 0 || isNeeded) break;
      if (!isSpare && oldLeft-- <= 0) break;
      spareBytes -= bytes;
      end = Math.max(end, segmentEnd);
    }
    return end;
  }

  // Records without a timestamp never grow old, and one from the future keeps its segment.
  async #isOlder(segment: Segment, thanMs: number): Promise<boolean> {
    const maxTimestampMs = await this.#parts.reader.maxTimestampOf(segment);
    return maxTimestampMs >= 0 && maxTimestampMs < thanMs;
  }

  /** Bytes of all segments. @throws KAFKA_STORAGE_ERROR */
  async totalBytes(): Promise<number> {
    let sum = 0;
    for (const segment of this.#parts.state.segments.all.slice()) {
      sum += await this.#bytesOf(segment);
    }
    return sum;
  }

  async #bytesOf(segment: Segment): Promise<number> {
    const { state } = this.#parts;
    if (segment.isRemoved) return 0;
    if (segment === state.active.segment) return state.active.written.position;
    return segment.size(state.options.disk);
  }

  async #startAt(offset: number): Promise<number> {
    const { state, keeper } = this.#parts;
    if (offset > this.#persistedStart) await keeper.release();
    state.planStart(offset);
    const start = state.plannedStart;
    if (start > this.#persistedStart) {
      await state.options.persistCheckpoint();
      this.#persistedStart = start;
    }
    state.startAt(start);
    const removed = state.segments.removeBelow(this.#persistedStart);
    if (state.pins.areHeld) void this.#putAwayLater(removed);
    else await this.#putAway(removed);
    return removed.length;
  }

  // Should the process end before, the next opening removes what lies below the log start.
  async #putAwayLater(removed: readonly Segment[]): Promise<void> {
    const { state } = this.#parts;
    await state.pins.free();
    await this.alone(async () => {
      if (!state.isClosed) await this.#putAway(removed);
    });
  }

  async #putAway(removed: readonly Segment[]): Promise<void> {
    const paths: string[] = [];
    for (const segment of removed) paths.push(...(await this.#setAside(segment)));
    if (paths.length > 0) await this.#unlinkLater(paths);
  }

  async #setAside(segment: Segment): Promise<readonly string[]> {
    const { disk, files, logger } = this.#parts.state.options;
    files.forget(segment.logPath);
    const renamed: string[] = [];
    for (const path of segment.paths) {
      try {
        if (!(await disk.exists(path))) continue;
        await disk.rename(path, `${path}.deleted`);
        renamed.push(`${path}.deleted`);
      } catch (error) {
        logger.warn({ err: error, path }, "a removed segment's file stays until the next start");
      }
    }
    return renamed;
  }

  async #unlinkLater(paths: readonly string[]): Promise<void> {
    const { clock, disk, directory, room } = this.#parts.state.options;
    const isShort = room?.isShort === true || (await isShortOfRoom(disk, directory));
    if (isShort) return this.#unlink(paths);
    const timer = clock.after(this.#parts.state.config.fileDeleteDelayMs, () => {
      this.#timers.delete(timer);
      void this.#unlink(paths);
    });
    this.#timers.add(timer);
  }

  async #unlink(paths: readonly string[]): Promise<void> {
    const { disk, logger } = this.#parts.state.options;
    for (const path of paths) {
      try {
        await disk.remove(path);
      } catch (error) {
        logger.warn({ err: error, path }, "a removed file stays until the next start");
      }
    }
  }
}

// Age removes a part of a long log at a time: should the time be wrong after all, somebody can still stop it.
function oldSegmentsMax(segmentCount: number): number {
  return Math.max(oldSegmentsMin, Math.ceil(segmentCount / 4));
}
