// Walks the batches of a fetch's reply record by record.

import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import type { AbortedTransaction } from "../services/data.ts";
import { AbortedFilter } from "./aborted-filter.ts";
import { attributesAt, isControl, nextOffsetAt } from "./batch-header.ts";
import { wholeBatchBytes } from "./batch-size.ts";
import { RecordCursor } from "./record-cursor.ts";

/** What was fetched of one partition. */
export interface FetchedBatches {
  readonly topic: string;
  readonly partition: number;
  /** Whole stored batches back to back. */
  readonly batches: Uint8Array;
  /** Those that touch the batches, by first offset. */
  readonly abortedTransactions: readonly AbortedTransaction[];
}

/**
 * Walks fetched batches record by record, from an offset on; control batches, records below and those of aborted
 * transactions are passed over.
 */
export class FetchedRecords {
  /** The record at hand. Its methods throw KAFKA_STORAGE_ERROR, for what it reads was stored. */
  readonly cursor: RecordCursor;
  /** The next offset to read, after what was taken. */
  nextOffset: number;
  readonly #result: FetchedBatches;
  #batchEnd = 0;
  #afterBatch: number;
  #isInBatch = false;
  readonly #aborted: AbortedFilter | null;

  /** @param offset Where to begin; the first batch may begin below. */
  constructor(result: FetchedBatches, offset: number) {
    this.#result = result;
    this.cursor = new StoredCursor((error) => this.#unreadable(error));
    this.nextOffset = offset;
    this.#afterBatch = offset;
    const { abortedTransactions } = result;
    this.#aborted = abortedTransactions.length > 0 ? new AbortedFilter(abortedTransactions) : null;
  }

  /**
   * Puts the cursor on the next record; false after the last.
   * @throws KAFKA_STORAGE_ERROR when stored bytes cannot be read.
   */
  next(): boolean {
    const from = this.nextOffset;
    try {
      for (;;) {
        if (this.#isInBatch) {
          while (this.cursor.next()) if (this.cursor.offset >= from) return true;
          this.#isInBatch = false;
          this.nextOffset = Math.max(this.nextOffset, this.#afterBatch);
        }
        if (!this.#openBatch()) return false;
      }
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  /** Counts the record under the cursor as taken. */
  take(): void {
    this.nextOffset = this.cursor.offset + 1;
  }

  #unreadable(cause: unknown): LogError {
    const { topic, partition } = this.#result;
    const detail = `the batch stored before offset ${this.#afterBatch} cannot be read`;
    const facts = { topic, partition, offset: this.nextOffset };
    return new LogError("KAFKA_STORAGE_ERROR", detail, { facts, cause });
  }

  #openBatch(): boolean {
    const { batches } = this.#result;
    if (this.#batchEnd >= batches.length) return false;
    const start = this.#batchEnd;
    const view = viewOf(batches);
    this.#batchEnd = start + wholeBatchBytes(view, start);
    this.#afterBatch = nextOffsetAt(view, start);
    const isAborted = this.#aborted?.isAborted(view, start) ?? false;
    const isSkipped =
      isAborted || this.#afterBatch <= this.nextOffset || isControl(attributesAt(view, start));
    if (isSkipped) {
      this.nextOffset = Math.max(this.nextOffset, this.#afterBatch);
    } else {
      this.cursor.reset(batches.subarray(start, this.#batchEnd));
      this.#isInBatch = true;
    }
    return true;
  }
}

// Headers are walked by whoever has the record, so that what is wrong with them is only found there.
class StoredCursor extends RecordCursor {
  readonly #explain: (error: unknown) => LogError;

  constructor(explain: (error: unknown) => LogError) {
    super();
    this.#explain = explain;
  }

  override nextHeader(): boolean {
    try {
      return super.nextHeader();
    } catch (error) {
      throw this.#explain(error);
    }
  }
}
