// Turns the records of one request into batches, a lane for each partition. Nothing is sent before every record is
// good.

import { LogError } from "../../base/error.ts";
import { BatchBuilder, type BatchProducer } from "../../record/batch-builder.ts";
import { batchHeaderBytes } from "../../record/batch-header.ts";
import { partitionForKey } from "../../base/murmur2.ts";
import type { ProducePartition, ProducePartitionResult, TopicListing } from "../../services.ts";
import type { RecordDraft } from "./record-draft.ts";

/** What a record costs in a batch besides its key, value and headers, at most. */
const recordFrameBytes = 40;
const buildersKept = 64;
const spareBuilders: BatchBuilder[] = [];

/** An empty builder, new or used before. */
export function takeBuilder(): BatchBuilder {
  return spareBuilders.pop() ?? new BatchBuilder();
}

/** Gives a builder back. */
export function returnBuilder(builder: BatchBuilder): void {
  builder.reset();
  if (spareBuilders.length < buildersKept) spareBuilders.push(builder);
}

/** An upper bound of what a record adds to a batch, in bytes. */
export function recordBytesBound(draft: RecordDraft): number {
  let bytes = recordFrameBytes + (draft.key?.length ?? 0) + draft.valueEnd - draft.valueStart;
  for (const { key, value } of draft.headers)
    bytes += 3 * key.length + 3 * (value?.length ?? 0) + 10;
  return bytes;
}

/** How one request's records find their partition and time. */
export interface StagingOptions {
  readonly topic: TopicListing;
  /** For records that name no partition: `?partition=`, or null. */
  readonly partition: number | null;
  /** For records with neither partition nor key; one partition for the whole request. */
  readonly stickyPartition: number;
  /** For records without a timestamp, Unix ms. */
  readonly nowMs: number;
  /** A batch is closed before it grows past this. */
  readonly batchBytesMax: number;
  /** Whose records they are: then all of them make one batch, since that is what a retry is known by. Or null. */
  readonly producer: BatchProducer | null;
}

interface Lane {
  readonly partition: number;
  readonly builder: BatchBuilder;
  readonly batches: Uint8Array[];
  count: number;
}

/** The partition a record goes to. @throws UNKNOWN_TOPIC_OR_PARTITION when it names one that is not there. */
export function partitionOf(draft: RecordDraft, options: StagingOptions, index: number): number {
  const { topic } = options;
  const asked = draft.partition >= 0 ? draft.partition : options.partition;
  if (asked === null) {
    if (draft.key === null) return options.stickyPartition;
    return partitionForKey(draft.key, topic.partitionCount);
  }
  if (asked < topic.partitionCount) return asked;
  const range = `topic '${topic.name}' has partitions 0 to ${topic.partitionCount - 1}`;
  throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", `${range}, not ${asked}`, {
    facts: { topic: topic.name, partition: asked, index },
  });
}

/**
 * Refuses a record of an idempotent request that leaves its partition to the server: a sequence is one of a partition,
 * and sent again the record might go to another.
 *
 * @param index Of the record in the request.
 * @throws INVALID_REQUEST
 */
export function requireNamedPartition(
  draft: RecordDraft,
  { producer, partition }: Pick<StagingOptions, "producer" | "partition">,
  index: number,
): void {
  if (producer === null || partition !== null || draft.partition >= 0) return;
  throw new LogError("INVALID_REQUEST", `${oneSequence} record ${index} names none`, {
    facts: { index },
  });
}

const oneSequence =
  "varve-sequence counts the records of one partition: give ?partition= or the same in every record;";

/**
 * Refuses a record that its topic does not take, so that nothing else of the request is appended either.
 *
 * @param index Of the record in the request.
 * @throws INVALID_TIMESTAMP, MESSAGE_TOO_LARGE
 */
export function requireAcceptable(
  draft: RecordDraft,
  { topic, nowMs }: StagingOptions,
  index: number,
): void {
  const { batchBytesMax, timestampBeforeMsMax, timestampAfterMsMax } = topic.accepts;
  const { timestampMs } = draft;
  const facts = { topic: topic.name, index };
  const isEarly = timestampMs < nowMs - timestampBeforeMsMax;
  if (timestampMs >= 0 && (isEarly || timestampMs > nowMs + timestampAfterMsMax)) {
    const detail = `timestamp ${timestampMs} of record ${index} is outside what the topic accepts`;
    throw new LogError("INVALID_TIMESTAMP", detail, { facts: { ...facts, timestampMs } });
  }
  if (batchHeaderBytes + recordBytesBound(draft) <= batchBytesMax) return;
  const valueEnd = draft.value === null ? -1 : draft.valueEnd;
  const batchBytes = new BatchBuilder().sizeAfter(draft, draft.valueStart, valueEnd);
  if (batchBytes <= batchBytesMax) return;
  const detail = `record ${index} makes a batch of ${batchBytes} bytes; the topic takes ${batchBytesMax}`;
  throw new LogError("MESSAGE_TOO_LARGE", detail, {
    facts: { ...facts, batchBytes, batchBytesMax },
  });
}

/** The records of one request on their way into batches. */
export class Staging {
  readonly #options: StagingOptions;
  readonly #lanes = new Map<number, Lane>();
  readonly #order: number[] = [];
  #lane: Lane | null = null;
  #bytes = 0;
  #hasSticky = false;
  #isOpen = true;

  /** @param options Where the records go. */
  constructor(options: StagingOptions) {
    this.#options = options;
  }

  /** Records staged. */
  get count(): number {
    return this.#order.length;
  }

  /** An upper bound of the batches' size. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /**
   * Makes sure that the request itself says which one partition it means.
   * @throws INVALID_REQUEST
   */
  requireOnePartition(): void {
    const { topic, producer } = this.#options;
    const isPlain = topic.partitionCount === 1;
    if (this.#lanes.size === 1 && (isPlain || !this.#hasSticky)) return;
    const detail =
      producer === null
        ? "if-offset-match needs one partition: give ?partition= or the same in every record"
        : `${oneSequence} there are ${this.#lanes.size}`;
    throw new LogError("INVALID_REQUEST", detail);
  }

  /**
   * Takes a copy of a record.
   *
   * @param index Of the record in the request, where some of its records are left out.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE
   */
  add(draft: RecordDraft, index = this.#order.length): void {
    const options = this.#options;
    requireNamedPartition(draft, options, index);
    const partition = partitionOf(draft, options, index);
    if (draft.key === null && draft.partition < 0 && options.partition === null) {
      this.#hasSticky = true;
    }
    if (this.#lane === null || this.#lane.partition !== partition) {
      this.#lane = this.#laneOf(partition);
    }
    const lane = this.#lane;
    const { builder } = lane;
    requireAcceptable(draft, options, index);
    if (draft.timestampMs < 0) draft.timestampMs = options.nowMs;
    const bound = recordBytesBound(draft);
    if (builder.count > 0 && builder.sizeBytes + bound > options.batchBytesMax) {
      if (options.producer === null) {
        lane.batches.push(builder.build());
        builder.reset();
      } else {
        this.#requireRoom(builder, draft);
      }
    }
    builder.append(draft, draft.valueStart, draft.value === null ? -1 : draft.valueEnd);
    lane.count++;
    this.#bytes += bound;
    this.#order.push(partition);
  }

  /** The batches, once; the staging takes no record after. */
  finish(expectedEndOffset: number | null): ProducePartition[] {
    const { topic, producer } = this.#options;
    const { name } = topic;
    const parts: ProducePartition[] = [];
    for (const { partition, builder, batches } of this.#lanes.values()) {
      batches.push(builder.build(producer === null ? {} : { producer }));
      parts.push({ topic: name, partition, batches, expectedEndOffset });
    }
    this.discard();
    return parts;
  }

  /** Gives the builders back; harmless after `finish`. */
  discard(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const { builder } of this.#lanes.values()) returnBuilder(builder);
  }

  /** Partition and offset of each record in request order, from the answers to `finish`. */
  placesOf(
    results: readonly ProducePartitionResult[],
  ): { readonly partition: number; readonly offset: number }[] {
    const next = new Map<number, number>();
    for (const { partition, baseOffset } of results) next.set(partition, baseOffset);
    return this.#order.map((partition) => {
      const offset = next.get(partition) ?? 0;
      next.set(partition, offset + 1);
      return { partition, offset };
    });
  }

  /** How many records each partition has. */
  countOf(partition: number): number {
    return this.#lanes.get(partition)?.count ?? 0;
  }

  #requireRoom(builder: BatchBuilder, draft: RecordDraft): void {
    const { batchBytesMax } = this.#options;
    const valueEnd = draft.value === null ? -1 : draft.valueEnd;
    const batchBytes = builder.sizeAfter(draft, draft.valueStart, valueEnd);
    if (batchBytes <= batchBytesMax) return;
    const count = this.#order.length;
    const detail = `an idempotent request is one batch: its first ${count} records leave no room for the next`;
    throw new LogError("MESSAGE_TOO_LARGE", detail, { facts: { index: count, batchBytesMax } });
  }

  #laneOf(partition: number): Lane {
    const known = this.#lanes.get(partition);
    if (known !== undefined) return known;
    const lane: Lane = { partition, builder: takeBuilder(), batches: [], count: 0 };
    this.#lanes.set(partition, lane);
    return lane;
  }
}

/** What holds for all of a request's records. */
export function weakestDurability(results: readonly ProducePartitionResult[]): "fsync" | "written" {
  return results.some(({ durability }) => durability === "written") ? "written" : "fsync";
}

/** The error of one partition's answer; null when it was appended. */
export function produceError(result: ProducePartitionResult): LogError | null {
  if (result.error === null) return null;
  const { topic, partition, logEndOffset, expectedSequence } = result;
  const detail = result.detail ?? `partition ${partition} of '${topic}' refused the records`;
  const end = logEndOffset >= 0 ? { logEndOffset } : {};
  const sequence = expectedSequence === undefined ? {} : { expectedSequence };
  const facts = { topic, partition, ...end, ...sequence };
  return new LogError(result.error, detail, { facts });
}
