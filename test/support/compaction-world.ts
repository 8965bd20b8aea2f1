// A log with keys, codecs, producers and transactions that is compacted at any time, beside a model that keeps all it
// ever held: what compaction must keep, what it may take away, and what nobody may see.

import { expect } from "vitest";
import type { Random } from "../../src/base/random.ts";
import { viewOf } from "../../src/base/bytes.ts";
import type { Disk } from "../../src/storage/disk.ts";
import type { LogConfig } from "../../src/log/log-types.ts";
import { AbortedFilter } from "../../src/record/aborted-filter.ts";
import { stampAppendTime } from "../../src/record/batch-header.ts";
import { type CodecName, codecNames, prepareCompression } from "../../src/record/compression.ts";
import { batchesOf, batchOf, type ReadRecord, recordsOf } from "./batches.ts";
import { FakeClock } from "./fake-clock.ts";
import { FaultyDisk } from "./faulty-disk.ts";
import { LogFixture } from "./log-fixture.ts";
import { SnapshotDisk } from "./snapshot-disk.ts";

/** How long a tombstone stays after it was first compacted. */
export const deleteRetentionMs = 10_000;

const config: Partial<LogConfig> = {
  segmentBytes: 900,
  indexIntervalBytes: 200,
  fileDeleteDelayMs: 0,
  compaction: {
    dirtyRatioMin: 0.5,
    minLagMs: 0,
    maxLagMs: Number.POSITIVE_INFINITY,
    deleteRetentionMs,
  },
};

interface Kept extends ReadRecord {
  /** Null while its transaction is open. */
  isCommitted: boolean | null;
  /** When it was first compacted; null before. */
  compactedMs: number | null;
}

interface Sender {
  readonly id: number;
  readonly isTransactional: boolean;
  sequence: number;
  open: Kept[] | null;
  last: { batch: Uint8Array; baseOffset: number } | null;
}

const keyCount = 6;

/** The log and its model. */
export class CompactionWorld {
  readonly clock = new FakeClock();
  fixture: LogFixture;
  disk = new FaultyDisk();
  /** All below has been compacted. */
  cleanBelow = 0;
  /** How often something was compacted. */
  runs = 0;
  /** How many records were taken away. */
  removed = 0;
  readonly #random: Random;
  readonly #kept = new Map<number, Kept>();
  readonly #senders: readonly Sender[];
  #next = 0;
  #isPaused = false;

  constructor(random: Random) {
    this.#random = random;
    this.#senders = [1, 2, 3, 4].map((id) => ({
      id,
      isTransactional: id > 1,
      sequence: 0,
      open: null,
      last: null,
    }));
    this.fixture = this.#fixture();
  }

  /** Opens the log for the first time. */
  async open(): Promise<void> {
    await prepareCompression();
    await this.fixture.open();
    await this.fixture.persist();
  }

  /** Something that happens to a log. */
  async step(): Promise<void> {
    const pick = this.#random.below(100);
    if (pick < 35) await this.#append(null);
    else if (pick < 75) await this.#append(this.#anyOf(this.#senders));
    else if (pick < 83) await this.compact(this.#random.below(3) === 0 ? 24 * 4 : 1 << 16);
    else if (pick < 88) await this.clock.run(this.#random.below(deleteRetentionMs));
    else if (pick < 92) await this.#repeat();
    else if (pick < 94) await this.fixture.persist();
    else if (pick < 95) await this.#trim();
    else if (pick < 97) await this.reopen(false);
    else if (pick < 99) await this.reopen(true);
    else await this.check();
  }

  /** Compacts with so much memory for keys. */
  async compact(keyBytesMax = 1 << 16): Promise<void> {
    const { log } = this.fixture;
    const facts = await log.compact({ keyBytesMax, throttle: () => this.#pause() });
    if (facts === null) return;
    this.runs++;
    this.cleanBelow = Math.max(this.cleanBelow, facts.cleanBelow);
    for (const [offset, record] of this.#kept) {
      if (offset < facts.cleanBelow) record.compactedMs ??= this.clock.nowMs();
    }
  }

  /** Ends the log, by a power cut or in order, and opens it again. */
  async reopen(isCrash: boolean): Promise<void> {
    if (isCrash) {
      const isKill = this.#random.below(3) === 0;
      this.disk = isKill ? this.disk.kill() : this.disk.crash(this.#random);
    } else {
      await this.fixture.closeClean();
    }
    await this.takeOver(this.disk);
  }

  /** Goes on with another disk, as a crash left it. */
  async takeOver(disk: FaultyDisk): Promise<void> {
    this.disk = disk;
    this.fixture = this.#fixture();
    await this.fixture.open();
    expect(this.fixture.log.health()).toEqual({ state: "ok" });
  }

  /**
   * Compacts and cuts the power at every call to the disk, or every so many: from each of the disks left the log is
   * opened, twice, held to the model, and compacted to its end.
   * @returns How many power cuts there were.
   */
  async compactUnderPowerCuts(every = 1): Promise<number> {
    for (const sender of this.#senders) {
      if (sender.open !== null) await this.#end(sender, sender.open);
    }
    const live = new SnapshotDisk(this.disk, this.#random);
    await this.fixture.closeClean();
    this.fixture = this.#fixture(live);
    await this.fixture.open();
    live.keep(true);
    // Nothing comes between: the disks kept are all of one state of the log.
    this.#isPaused = true;
    await this.compact();
    live.keep(false);
    await this.check();
    await this.fixture.closeClean();
    const disks = live.snapshots.filter((_, index) => index % every === 0);
    for (const disk of disks) {
      await this.takeOver(disk);
      await this.check(false);
      await this.takeOver(this.disk.crash(this.#random));
      await this.check(false);
      await this.compact();
      await this.check();
    }
    return disks.length;
  }

  /** Holds everything that can be read to the model. @param isDone False when a compaction may have come half way. */
  async check(isDone = true): Promise<void> {
    const { log } = this.fixture;
    const { logStartOffset, lastStableOffset, logEndOffset } = log.positions();
    expect(logEndOffset).toBe(this.#next);
    expect(lastStableOffset).toBe(this.#lastStable(logStartOffset));
    const all = await this.#read(logStartOffset, "highWatermark");
    this.#checkTrue(all);
    const present = new Set(all.map(({ offset }) => offset));
    for (const [offset, record] of this.#kept) {
      const isNew = offset >= Math.max(this.cleanBelow, logStartOffset);
      if (isNew && record.isCommitted !== false) expect(present).toContain(offset);
    }
    const committed = await this.#read(logStartOffset, "lastStableOffset");
    this.#checkTrue(committed);
    for (const { offset } of committed) {
      if (this.#kept.get(offset)?.isCommitted !== true) throw new Error(`${offset} is visible`);
    }
    this.#checkLatest(committed, { logStartOffset, lastStableOffset });
    const compacted = committed.filter(({ offset }) => offset < this.cleanBelow);
    const keys = compacted.map(({ key }) => key).filter((key) => key !== null);
    if (isDone) expect(new Set(keys).size).toBe(keys.length);
    this.removed = this.#kept.size - all.length;
    this.#checkSenders();
    await this.#checkTimes();
  }

  // Questions by time get the answers that all stored records give, markers among them.
  async #checkTimes(): Promise<void> {
    const { log } = this.fixture;
    const all = await this.fixture.readAll(log.positions().logStartOffset);
    const latestMs = Math.max(...all.map(({ timestampMs }) => timestampMs));
    expect((await log.maxTimestamp())?.timestampMs).toBe(all.length === 0 ? undefined : latestMs);
    for (const record of [all[0], all[all.length >> 1]]) {
      if (record === undefined) continue;
      const first = all.find(({ timestampMs }) => timestampMs >= record.timestampMs);
      expect((await log.offsetForTime(record.timestampMs))?.offset).toBe(first?.offset);
    }
  }

  // Of each key the latest value is there; a tombstone at least as long as it has to be, and nothing older after it.
  #checkLatest(
    committed: readonly ReadRecord[],
    range: { readonly logStartOffset: number; readonly lastStableOffset: number },
  ): void {
    const latest = new Map<string, Kept>();
    for (const [offset, record] of this.#kept) {
      const isInside = offset >= range.logStartOffset && offset < range.lastStableOffset;
      if (!isInside || record.isCommitted !== true) continue;
      if (record.key === null) {
        expect(committed.some((each) => each.offset === offset)).toBe(true);
      } else {
        latest.set(record.key, record);
      }
    }
    for (const [key, record] of latest) {
      const seen = committed.filter((each) => each.key === key).at(-1);
      if (seen?.offset === record.offset) continue;
      const mayBeGone =
        record.value === null &&
        record.compactedMs !== null &&
        this.clock.nowMs() >= record.compactedMs + deleteRetentionMs;
      if (!mayBeGone || seen !== undefined) {
        throw new Error(`of ${key} ${record.offset} is not the latest, but ${seen?.offset}`);
      }
    }
  }

  #checkTrue(records: readonly ReadRecord[]): void {
    let last = -1;
    for (const record of records) {
      expect(record.offset).toBeGreaterThan(last);
      last = record.offset;
      const { offset, key, value, timestampMs, headers } = this.#kept.get(record.offset) ?? record;
      expect(this.#kept.has(record.offset)).toBe(true);
      expect(record).toEqual({ offset, key, value, timestampMs, headers });
    }
  }

  #checkSenders(): void {
    const known = new Map([...this.fixture.log.producers()].map((each) => [each.producerId, each]));
    for (const { id, sequence, open } of this.#senders) {
      if (sequence === 0) continue;
      const entry = known.get(id);
      expect(entry?.batches.at(-1)?.lastSequence).toBe(sequence - 1);
      expect(entry?.currentTransactionStart).toBe(open?.[0]?.offset ?? -1);
    }
  }

  async #read(
    from: number,
    upTo: "lastStableOffset" | "highWatermark",
  ): Promise<readonly ReadRecord[]> {
    const { log } = this.fixture;
    const records: ReadRecord[] = [];
    for (let next = from; ; ) {
      const read = await log.read({ offset: next, maxBytes: 400, upTo });
      if (read.bytes.length === 0) return records;
      const filter = new AbortedFilter(read.aborted);
      for (const batch of batchesOf(read.bytes)) {
        const view = viewOf(batch);
        const isControl = (view.getUint16(21) & 0x20) !== 0;
        if (filter.isAborted(view, 0) || isControl) continue;
        records.push(...recordsOf(batch).filter(({ offset }) => offset >= next));
      }
      read.release();
      expect(read.nextOffset).toBeGreaterThan(next);
      next = read.nextOffset;
    }
  }

  // Now and then something else comes between.
  #pause(): Promise<void> | null {
    if (this.#isPaused || this.#random.below(40) > 0) return null;
    this.#isPaused = true;
    return this.#append(null).finally(() => {
      this.#isPaused = false;
    });
  }

  async #append(sender: Sender | null): Promise<void> {
    if (sender?.isTransactional === true && sender.open !== null && this.#random.below(3) === 0) {
      return this.#end(sender, sender.open);
    }
    const count = 1 + this.#random.below(4);
    const records = Array.from({ length: count }, (_, index) => ({
      key: this.#random.below(25) === 0 ? null : `key ${this.#random.below(keyCount)}`,
      value: this.#random.below(6) === 0 ? null : `${this.#next + index} `.repeat(4),
      timestampMs: this.clock.nowMs() + this.#random.below(50) - 25,
      headers: this.#random.below(5) === 0 ? [{ key: "h", value: "1" }] : [],
    }));
    const codec: CodecName = this.#random.below(2) === 0 ? "none" : this.#anyOf(codecNames);
    const isTransactional = sender?.isTransactional ?? false;
    const producer =
      sender === null
        ? undefined
        : { producerId: sender.id, producerEpoch: 0, baseSequence: sender.sequence };
    const batch = batchOf(records, {
      codec,
      isTransactional,
      ...(producer === undefined ? {} : { producer }),
    });
    if (this.#random.below(8) === 0) stampAppendTime(batch, this.clock.nowMs());
    const pending = this.fixture.log.append([batch.slice()]);
    await pending.durable;
    const kept = recordsOf(batch).map((record): Kept => {
      const offset = pending.baseOffset + record.offset;
      const isCommitted = isTransactional ? null : true;
      return { ...record, offset, isCommitted, compactedMs: null };
    });
    for (const record of kept) this.#kept.set(record.offset, record);
    this.#next = pending.nextOffset;
    if (sender === null) return;
    sender.sequence += count;
    sender.last = { batch, baseOffset: pending.baseOffset };
    if (isTransactional) sender.open = [...(sender.open ?? []), ...kept];
  }

  async #end(sender: Sender, open: readonly Kept[]): Promise<void> {
    const isCommit = this.#random.below(2) === 0;
    const marker = { producerId: sender.id, producerEpoch: 0, coordinatorEpoch: 0, isCommit };
    const pending = this.fixture.log.appendMarker(marker, this.clock.nowMs());
    await pending.durable;
    this.#next = pending.nextOffset;
    for (const record of open) record.isCommitted = isCommit;
    sender.open = null;
  }

  // What was sent before is known for what it is.
  async #repeat(): Promise<void> {
    const { last } = this.#anyOf(this.#senders);
    if (last === null) return;
    const pending = this.fixture.log.append([last.batch.slice()]);
    await pending.durable;
    expect(pending).toMatchObject({ isDuplicate: true, baseOffset: last.baseOffset });
  }

  async #trim(): Promise<void> {
    const { log } = this.fixture;
    const { logStartOffset, lastStableOffset } = log.positions();
    await log.trim(logStartOffset + this.#random.below(1 + lastStableOffset - logStartOffset));
  }

  #lastStable(logStartOffset: number): number {
    const opened = this.#senders.map(({ open }) => open?.[0]?.offset ?? this.#next);
    return Math.max(logStartOffset, Math.min(this.#next, ...opened));
  }

  #anyOf<T>(items: readonly T[]): T {
    const item = items[this.#random.below(items.length)];
    if (item === undefined) throw new Error("nothing to choose from");
    return item;
  }

  #fixture(disk: Disk = this.disk): LogFixture {
    const { clock } = this;
    return new LogFixture({ disk, clock, config, seed: this.#random.below(1000) });
  }
}
