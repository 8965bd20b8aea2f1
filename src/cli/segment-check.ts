// Holds one segment file and its indexes to everything that can be known of them without a server.

import { join } from "node:path";
import { LogError } from "../base/error.ts";
import { storedLeaderEpoch } from "../log/batch-frame.ts";
import { RecordCursor } from "../record/record-cursor.ts";
import { IndexFile } from "./index-file.ts";
import { readTransactionIndex, TransactionIndexCheck } from "./producer-files.ts";
import { type SegmentEnd, SegmentReader, type StoredBatch } from "./segment-reader.ts";

/** Something wrong, and where. */
export interface Problem {
  /** Path of the file or directory. */
  readonly file: string;
  /** Byte in the file; null when it concerns the whole. */
  readonly position: number | null;
  readonly detail: string;
}

/** What is to be checked. */
export interface SegmentToCheck {
  readonly directory: string;
  readonly baseOffset: number;
  /** The file that holds its batches, where that is not the one its base gives the name to. */
  readonly fileName?: string;
  /** True to decode every record too, not only the headers and checksums of batches. */
  readonly isDeep: boolean;
  /** True where compaction may have left holes between offsets. */
  readonly mayHaveHoles: boolean;
  /** Whether the index files are there. */
  readonly hasOffsetIndex: boolean;
  readonly hasTimeIndex: boolean;
  readonly hasTransactionIndex: boolean;
}

/** What was found. */
export interface SegmentReport {
  readonly batches: number;
  readonly records: number;
  readonly fileBytes: number;
  /** Offset after the last batch; the base offset when there is none. */
  readonly nextOffset: number;
  /** How the file ends. */
  readonly end: SegmentEnd;
  /** The last batch, when its checksum is wrong and nothing follows it: it may be a torn write. */
  readonly tornBatch: Problem | null;
  /** Offset of that batch. */
  readonly tornOffset: number | null;
  /** Without what `end` and `tornBatch` tell. */
  readonly problems: readonly Problem[];
}

// One damaged stretch may break thousands of batches; more lines than these tell nothing new.
const problemsMax = 20;

/** The file name of a segment: 20 digits and the ending. */
export function segmentName(
  baseOffset: number,
  ending: ".log" | ".index" | ".timeindex" | ".txnindex",
): string {
  return String(baseOffset).padStart(20, "0") + ending;
}

/** Reads a segment from end to end in bounded memory. Throws what the file system throws. */
export async function checkSegment(segment: SegmentToCheck): Promise<SegmentReport> {
  const name = segment.fileName ?? segmentName(segment.baseOffset, ".log");
  const path = join(segment.directory, name);
  const reader = await SegmentReader.open(path);
  try {
    const check = new SegmentCheck(segment, path);
    await check.openIndexes();
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      check.take(batch);
    }
    return check.report(reader);
  } finally {
    await reader.close();
  }
}

class SegmentCheck {
  readonly #segment: SegmentToCheck;
  readonly #path: string;
  readonly #problems: Problem[] = [];
  readonly #cursor = new RecordCursor();
  #offsetCheck: OffsetIndexCheck | null = null;
  #timeCheck: TimeIndexCheck | null = null;
  #transactionCheck: TransactionIndexCheck | null = null;
  #nextOffset: number;
  #batches = 0;
  #records = 0;
  #torn: { readonly problem: Problem; readonly offset: number } | null = null;

  constructor(segment: SegmentToCheck, path: string) {
    this.#segment = segment;
    this.#path = path;
    this.#nextOffset = segment.baseOffset;
  }

  async openIndexes(): Promise<void> {
    const { directory, baseOffset, hasOffsetIndex, hasTimeIndex } = this.#segment;
    if (this.#segment.hasTransactionIndex) await this.#openTransactionIndex();
    const report = (file: string) => (position: number | null, detail: string) =>
      this.#report({ file, position, detail });
    if (hasOffsetIndex) {
      const path = join(directory, segmentName(baseOffset, ".index"));
      const index = await IndexFile.openOffsets(path, baseOffset);
      this.#offsetCheck = new OffsetIndexCheck(index, report(path));
    }
    if (hasTimeIndex) {
      const path = join(directory, segmentName(baseOffset, ".timeindex"));
      const index = await IndexFile.openTimes(path, baseOffset);
      this.#timeCheck = new TimeIndexCheck(index, report(path));
    }
  }

  async #openTransactionIndex(): Promise<void> {
    const { directory, baseOffset } = this.#segment;
    const file = join(directory, segmentName(baseOffset, ".txnindex"));
    const report = (detail: string): void => this.#report({ file, position: null, detail });
    try {
      const spans = await readTransactionIndex(file, baseOffset);
      this.#transactionCheck = new TransactionIndexCheck(spans, report);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      report("does not match its checksum, or has an entry that cannot be true");
    }
  }

  take(batch: StoredBatch): void {
    // A batch follows the bad one, so that was no torn end of the file.
    if (this.#torn !== null) this.#report(this.#torn.problem);
    this.#torn = null;
    this.#checkChain(batch);
    this.#checkCounts(batch);
    if (!batch.isCrcGood) {
      const detail = `batch of offset ${batch.baseOffset} does not match its checksum`;
      this.#torn = {
        problem: { file: this.#path, position: batch.position, detail },
        offset: batch.baseOffset,
      };
    } else if (this.#segment.isDeep) {
      this.#checkRecords(batch);
    }
    this.#offsetCheck?.take(batch);
    this.#timeCheck?.take(batch);
    this.#transactionCheck?.take(batch);
    this.#batches++;
    this.#records += Math.max(0, batch.recordCount);
    this.#nextOffset = batch.lastOffset + 1;
  }

  report(reader: SegmentReader): SegmentReport {
    const end = reader.end;
    if (end === null)
      throw new LogError("CORRUPT_MESSAGE", `${this.#path} was not read to its end`);
    this.#offsetCheck?.finish();
    this.#timeCheck?.finish();
    return {
      batches: this.#batches,
      records: this.#records,
      fileBytes: reader.fileBytes,
      nextOffset: this.#nextOffset,
      end,
      tornBatch: this.#torn?.problem ?? null,
      tornOffset: this.#torn?.offset ?? null,
      problems: this.#problems,
    };
  }

  #checkChain(batch: StoredBatch): void {
    const { mayHaveHoles } = this.#segment;
    const expected = this.#nextOffset;
    if (batch.leaderEpoch !== storedLeaderEpoch) {
      const detail = `batch of offset ${batch.baseOffset} has leader epoch ${batch.leaderEpoch}`;
      this.#reportAt(batch, detail);
    }
    const isRight = mayHaveHoles ? batch.baseOffset >= expected : batch.baseOffset === expected;
    if (isRight) return;
    const what = `batch begins at offset ${batch.baseOffset}, expected ${expected}`;
    this.#reportAt(batch, what);
  }

  #checkCounts({ recordCount, baseOffset, lastOffset, position }: StoredBatch): void {
    const offsets = lastOffset - baseOffset + 1;
    const { mayHaveHoles } = this.#segment;
    const isRight = mayHaveHoles ? recordCount <= offsets : recordCount === offsets;
    if (isRight && recordCount >= 0 && offsets > 0) return;
    const detail = `batch of offset ${baseOffset} counts ${recordCount} records over ${offsets} offsets`;
    this.#report({ file: this.#path, position, detail });
  }

  #checkRecords(batch: StoredBatch): void {
    const cursor = this.#cursor;
    try {
      cursor.reset(batch.bytes);
      let maxTimestampMs = -1;
      while (cursor.next()) {
        while (cursor.nextHeader());
        maxTimestampMs = Math.max(maxTimestampMs, cursor.timestampMs);
      }
      if (batch.recordCount > 0 && maxTimestampMs !== batch.maxTimestampMs) {
        const stated = batch.maxTimestampMs;
        this.#reportAt(batch, `largest timestamp is ${maxTimestampMs}, the header says ${stated}`);
      }
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#reportAt(batch, `records of offset ${batch.baseOffset}: ${error.message}`);
    }
  }

  #reportAt(batch: StoredBatch, detail: string): void {
    this.#report({ file: this.#path, position: batch.position, detail });
  }

  #report(problem: Problem): void {
    if (this.#problems.length < problemsMax) this.#problems.push(problem);
    else if (this.#problems.length === problemsMax) {
      this.#problems.push({ file: this.#path, position: null, detail: "and more of the kind" });
    }
  }
}

type Report = (position: number | null, detail: string) => void;

const offsetEntryBytes = 8;
const timeEntryBytes = 12;

/** Each entry must name a batch that begins at its position and ends with its offset. */
class OffsetIndexCheck {
  readonly #index: IndexFile;
  readonly #report: Report;
  #entry = 0;

  constructor(index: IndexFile, report: Report) {
    this.#index = index;
    this.#report = report;
    if (index.oddBytes > 0) report(null, `${index.oddBytes} bytes behind the last whole entry`);
  }

  take(batch: StoredBatch): void {
    while (this.#entry < this.#index.count) {
      const { offset, position } = this.#index.offsetEntry(this.#entry);
      if (position > batch.position) return;
      if (position < batch.position || offset !== batch.lastOffset) {
        const where = `offset ${offset} at position ${position}`;
        this.#report(this.#entry * offsetEntryBytes, `no batch ends with ${where}`);
      }
      this.#entry++;
    }
  }

  finish(): void {
    const left = this.#index.count - this.#entry;
    if (left === 0) return;
    const { position } = this.#index.offsetEntry(this.#entry);
    const detail = `${left} entries point to position ${position} and on, past the last batch`;
    this.#report(this.#entry * offsetEntryBytes, detail);
  }
}

/** Each entry must name the last offset of a batch that holds the largest timestamp so far. */
class TimeIndexCheck {
  readonly #index: IndexFile;
  readonly #report: Report;
  #entry = 0;
  #maxTimestampMs = -1;

  constructor(index: IndexFile, report: Report) {
    this.#index = index;
    this.#report = report;
    if (index.oddBytes > 0) report(null, `${index.oddBytes} bytes behind the last whole entry`);
  }

  take(batch: StoredBatch): void {
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, batch.maxTimestampMs);
    while (this.#entry < this.#index.count) {
      const { offset, timestampMs } = this.#index.timeEntry(this.#entry);
      if (offset > batch.lastOffset) return;
      const isRight =
        offset === batch.lastOffset &&
        timestampMs === batch.maxTimestampMs &&
        timestampMs === this.#maxTimestampMs;
      if (!isRight) {
        const detail = `no batch ends with offset ${offset} and has ${timestampMs} as largest time so far`;
        this.#report(this.#entry * timeEntryBytes, detail);
      }
      this.#entry++;
    }
  }

  finish(): void {
    const left = this.#index.count - this.#entry;
    if (left === 0) return;
    const { offset } = this.#index.timeEntry(this.#entry);
    const detail = `${left} entries name offset ${offset} and on, past the last batch`;
    this.#report(this.#entry * timeEntryBytes, detail);
  }
}
