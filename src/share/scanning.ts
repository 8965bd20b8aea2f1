// Finds what lies in a log behind what a share partition knows: where records are, and which of them want to be treated
// in a way of their own. What a scan finds is not part of the state; after a restart it is found again.

import { LogError } from "../base/error.ts";
import type { LoopShare } from "../base/loop-share.ts";
import { Turns } from "../broker/turns.ts";
import { FetchedRecords } from "../record/fetched-records.ts";
import type { RecordCursor } from "../record/record-cursor.ts";
import { nextFetchedOffset } from "./fetched-end.ts";
import { fateOfRecord, isDeadLetterOf } from "./record-reading.ts";
import { areAlike, freshFate, lengthOf, type OffsetRange, type RecordFate } from "./record-run.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";
import type { ShareSource } from "./share-source.ts";

/** What scans work with. */
export interface ScannerOptions {
  readonly source: ShareSource;
  readonly share: LoopShare;
  readonly nowMs: () => number;
}

const scanBytes = 1024 * 1024;
const recordCostBytes = 64;
// So many records are looked at before the next one is delivered: a higher priority among them goes first.
const lookAhead = 10_000;
// Runs that could be delivered and nobody has taken: beyond them the scan waits for receivers. Delayed ones do not
// count, or many of them would hide what lies behind.
const untakenRunsMax = 50_000;

/** Scans share partitions. */
export class Scanner {
  readonly #options: ScannerOptions;
  // Two scans of one partition would both find the same records, the slower one after they were leased.
  readonly #turns = new Turns();

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  /** Where a scan of the partition can get to now; null when it cannot be read. */
  endOf(group: ShareGroup, partition: SharePartition): number | null {
    const positions = this.#options.source.positions(partition);
    if (positions === null) return null;
    const isCommitted = group.settings.isolation === "read_committed";
    return isCommitted ? positions.lastStableOffset : positions.highWatermark;
  }

  /**
   * Scans on from where the last scan ended, until so many records have been found that wait, or the log ends.
   *
   * @throws KAFKA_STORAGE_ERROR when the log cannot be read, UNKNOWN_TOPIC_OR_PARTITION when it is gone meanwhile
   */
  async scan(group: ShareGroup, partition: SharePartition, wanted: number): Promise<void> {
    if (this.#isEnough(group, partition, wanted)) return;
    const { topic, partition: number } = partition;
    await this.#turns.run(`${group.name} ${topic} ${number}`, async () => {
      while (!this.#isEnough(group, partition, wanted)) {
        await this.#step(group, partition);
        if (group.find(topic, number) !== partition) return;
      }
    });
  }

  #isEnough(group: ShareGroup, partition: SharePartition, wanted: number): boolean {
    const { waiting, delayed } = partition.counts;
    const end = this.endOf(group, partition) ?? 0;
    if (partition.scannedTo >= end || partition.undelayedRunCount >= untakenRunsMax) return true;
    // Of keyed records nobody knows how many wait for others of their key.
    return group.settings.order === "none" && waiting - delayed >= Math.max(wanted, lookAhead);
  }

  async #step(group: ShareGroup, partition: SharePartition): Promise<void> {
    const { source } = this.#options;
    const { topic, partition: number } = partition;
    const from = partition.scannedTo;
    const fetched = await source.fetch({
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: scanBytes,
      isolation: group.settings.isolation,
      partitions: [{ topic, partition: number, fetchOffset: from, maxBytes: scanBytes }],
      signal: null,
    });
    try {
      const [result] = fetched.partitions;
      if (result === undefined || partition.scannedTo !== from) return;
      if (result.error === "OFFSET_BELOW_LOG_START") {
        partition.scannedTo = Math.max(from, result.logStartOffset);
      } else if (result.error === null) {
        await this.#take(group, partition, new FetchedRecords(result, from));
        partition.scannedTo = Math.max(
          partition.scannedTo,
          nextFetchedOffset(result.batches, from),
        );
      } else {
        // To go on behind what cannot be read now would settle it unseen.
        const detail = `${topic}-${number} cannot be scanned: ${result.detail ?? result.error}`;
        throw new LogError(result.error, detail);
      }
    } finally {
      fetched.release();
    }
  }

  async #take(
    group: ShareGroup,
    partition: SharePartition,
    records: FetchedRecords,
  ): Promise<void> {
    const { settings, name } = group;
    const { share, nowMs } = this.#options;
    const isDead =
      partition.topic === settings.deadLetterTopic && partition.topic !== settings.topic;
    const terms = { isOrdered: settings.order === "key", nowMs: nowMs(), queue: name };
    const found = new RunGatherer(partition);
    while (records.next()) {
      const { cursor } = records;
      const { offset } = cursor;
      const fate = isDead ? fateOfDeadLetter(cursor, name) : fateOfRecord(cursor, terms);
      if (fate !== null) found.add(offset, fate);
      records.take();
      const pause = share.after(cursor.recordEnd - cursor.recordStart + recordCostBytes);
      if (pause !== null) await pause;
    }
    found.finish();
  }
}

// Letters of other queues in the same topic are none of this one's. A letter waits for nothing but its redrive.
function fateOfDeadLetter(cursor: RecordCursor, queue: string): RecordFate | null {
  const fate = freshFate(cursor.recordEnd - cursor.recordStart);
  return isDeadLetterOf(cursor, queue) ? fate : null;
}

// Puts records that lie beside each other and are alike into one run.
class RunGatherer {
  readonly #partition: SharePartition;
  #run: (OffsetRange & { readonly fate: RecordFate; readonly bytes: number }) | null = null;

  constructor(partition: SharePartition) {
    this.#partition = partition;
  }

  add(offset: number, fate: RecordFate): void {
    const run = this.#run;
    if (run !== null && run.last + 1 === offset && areAlike(run.fate, fate)) {
      this.#run = { ...run, last: offset, bytes: run.bytes + fate.bytes };
      return;
    }
    this.finish();
    this.#run = { first: offset, last: offset, fate, bytes: fate.bytes };
  }

  finish(): void {
    if (this.#run === null) return;
    const { bytes, fate, ...range } = this.#run;
    this.#run = null;
    this.#partition.assign(range, { ...fate, bytes: Math.round(bytes / lengthOf(range)) });
  }
}
