// Produce, fetch and list offsets: what a door may ask of the data.

import type { ErrorName } from "../base/error.ts";

/** A partition by name. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** acks: 0 answers at once, 1 when written, -1 ("all") when durable. */
export type RequiredAcks = 0 | 1 | -1;

/** One partition's part of a produce: one or more whole RecordBatch v2, back to back in `batches`. */
export interface ProducePartition extends TopicPartition {
  /**
   * Batches with consistent checksums. Base offset and leader epoch are overwritten in place: the caller gives the
   * bytes away and must not touch them until the promise resolves.
   */
  readonly batches: readonly Uint8Array[];
  /** (ours) Append only if the log end offset is exactly this, else OFFSET_MISMATCH. */
  readonly expectedEndOffset: number | null;
}

/** Produce (API 0). */
export interface ProduceRequest {
  readonly acks: RequiredAcks;
  /** Whose transaction transactional batches belong to; absent when there are none. */
  readonly transactionalId?: string | null;
  readonly partitions: readonly ProducePartition[];
}

/** Answer for one partition, in request order. */
export interface ProducePartitionResult extends TopicPartition {
  readonly error: ErrorName | null;
  /** A sentence for humans when `error` is set. */
  readonly detail: string | null;
  /** Index in its batch of the record that is at fault; null when no single one is. */
  readonly recordIndex: number | null;
  /** Offset of the first record; -1 on error. */
  readonly baseOffset: number;
  /** (ours) The batch was sent before: nothing was appended now, and the offset is the first one's. */
  readonly isDuplicate: boolean;
  /** Append time when the topic uses LogAppendTime, else -1. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** (ours) Log end offset, for OFFSET_MISMATCH; -1 when unknown. */
  readonly logEndOffset: number;
  /** (ours) For OUT_OF_ORDER_SEQUENCE_NUMBER: the sequence that would be taken; absent when it is not known. */
  readonly expectedSequence?: number;
  /** (ours) What the answer promises: `fsync` on the disk, `written` in the page cache. */
  readonly durability: "fsync" | "written";
}

/** One partition's part of a fetch. */
export interface FetchPartition extends TopicPartition {
  readonly fetchOffset: number;
  /** Soft limit: the first batch of a reply is returned whole however large. */
  readonly maxBytes: number;
}

/** `read_committed` ends at the last stable offset; `read_uncommitted` at the high watermark. */
export type IsolationLevel = "read_uncommitted" | "read_committed";

/** A transaction that was aborted: its producer's batches from the offset on, up to its next marker, do not count. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Fetch (API 1). */
export interface FetchRequest {
  /** Wait up to this long for `minBytes`. */
  readonly maxWaitMs: number;
  /** Answer once this many readable bytes are there; 0 answers at once. */
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: IsolationLevel;
  readonly partitions: readonly FetchPartition[];
  /** Aborted when the client has gone: a parked fetch ends at once, empty. */
  readonly signal: AbortSignal | null;
}

/** Answer for one partition, in request order. */
export interface FetchPartitionResult extends TopicPartition {
  readonly error: ErrorName | null;
  readonly detail: string | null;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** With `read_committed`: those that touch `batches`, by first offset. Empty otherwise. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Whole stored batches back to back, on loan until `release`; the first may begin below `fetchOffset`. */
  readonly batches: Uint8Array;
}

/** A fetch's reply; call `release` exactly when the last byte has been used. */
export interface FetchResult {
  readonly partitions: readonly FetchPartitionResult[];
  release(): void;
}

/** Timestamps with a meaning of their own in ListOffsets (API 2). */
export const listOffsetsTimestamp = { latest: -1, earliest: -2, maxTimestamp: -3 } as const;

/** One question of ListOffsets: `timestampMs` is a Unix time or one of `listOffsetsTimestamp`. */
export interface ListOffsetsPartition extends TopicPartition {
  readonly timestampMs: number;
}

/** Its answer; offset -1 when no record is at or after the time. */
export interface ListOffsetsResult extends TopicPartition {
  readonly error: ErrorName | null;
  readonly timestampMs: number;
  readonly offset: number;
}

/** Produce and fetch. Per-partition failures come back in the results; only a malformed call throws. */
export interface DataServices {
  produce(request: ProduceRequest): Promise<readonly ProducePartitionResult[]>;
  fetch(request: FetchRequest): Promise<FetchResult>;
  /** Latest is the last stable offset with `read_committed`, else (the default) the high watermark. */
  listOffsets(
    partitions: readonly ListOffsetsPartition[],
    isolation?: IsolationLevel,
  ): Promise<readonly ListOffsetsResult[]>;
}
