// Reads `.txnindex` and `.snapshot` files as they stand, for showing and for checking them.

import { readFile } from "node:fs/promises";
import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import type { ProducerEntry } from "../log/producer-entry.ts";
import { decodeSnapshot } from "../log/producer-snapshot.ts";
import { abortedEntryBytes, decodeAborted, decodeEntries } from "../log/transaction-index.ts";
import type { AbortedSpan } from "../log/transaction-spans.ts";
import { readMarker } from "../record/control-batch.ts";
import type { StoredBatch } from "./segment-reader.ts";

/** The entries of a transaction index. @throws CORRUPT_MESSAGE, and what the file system throws. */
export async function readTransactionIndex(
  path: string,
  baseOffset: number,
): Promise<readonly AbortedSpan[]> {
  const range = { from: baseOffset, to: Number.POSITIVE_INFINITY };
  const bytes = await readFile(path);
  const isBare = bytes.length % abortedEntryBytes === 0;
  const spans = isBare ? decodeEntries(bytes, range) : decodeAborted(bytes, range);
  if (spans !== null) return spans;
  throw new LogError("CORRUPT_MESSAGE", `${path} does not match its checksum, or cannot be true`);
}

/** The producers of a snapshot. @throws CORRUPT_MESSAGE, and what the file system throws. */
export async function readProducerSnapshot(path: string): Promise<readonly ProducerEntry[]> {
  const entries = decodeSnapshot(await readFile(path), 0);
  if (entries !== null) return entries;
  throw new LogError(
    "CORRUPT_MESSAGE",
    `${path} does not match its checksum, or is of another version`,
  );
}

/**
 * Each entry must name the marker of an aborted transaction, and its producer; and each transaction that begins and is
 * aborted in the segment must have its entry.
 */
export class TransactionIndexCheck {
  // First offset of what each producer has written since its last marker, as far as the segment tells.
  readonly #begun = new Map<number, number>();
  readonly #spans: readonly AbortedSpan[];
  readonly #report: (detail: string) => void;
  #entry = 0;

  constructor(spans: readonly AbortedSpan[], report: (detail: string) => void) {
    this.#spans = spans;
    this.#report = report;
  }

  /** Looks at the next batch of the segment. Entries past the last batch are left alone: they may be ahead of it. */
  take(batch: StoredBatch): void {
    this.#takeTransaction(batch);
    for (let span = this.#spans[this.#entry]; span !== undefined; span = this.#spans[this.#entry]) {
      if (span.lastOffset > batch.lastOffset) return;
      if (!isAbortOf(batch, span)) {
        this.#report(`no marker at offset ${span.lastOffset} aborts producer ${span.producerId}`);
      }
      this.#entry++;
    }
  }

  #takeTransaction(batch: StoredBatch): void {
    const { producerId, baseOffset, isControl } = batch;
    if (!batch.isTransactional) return;
    if (!isControl) {
      if (!this.#begun.has(producerId)) this.#begun.set(producerId, baseOffset);
      return;
    }
    const firstOffset = this.#begun.get(producerId);
    this.#begun.delete(producerId);
    const isAborted = readMarker(viewOf(batch.bytes), 0)?.isCommit === false;
    if (!isAborted || firstOffset === undefined) return;
    const isIn = this.#spans.some(
      (span) =>
        span.producerId === producerId &&
        span.lastOffset === baseOffset &&
        span.firstOffset <= firstOffset,
    );
    if (isIn) return;
    const what = `lacks the transaction of producer ${producerId}`;
    this.#report(`${what} from offset ${firstOffset} that the marker at ${baseOffset} aborts`);
  }
}

function isAbortOf(batch: StoredBatch, span: AbortedSpan): boolean {
  if (!batch.isControl || batch.baseOffset !== span.lastOffset) return false;
  if (batch.producerId !== span.producerId) return false;
  return readMarker(viewOf(batch.bytes), 0)?.isCommit === false;
}
