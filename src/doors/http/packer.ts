// Packs single-record requests that arrive together into one batch for each partition.
//
// Order: records of one partition are sent in the order they came. Whoever sends batches past the packer calls
// `flush` for that partition first. Nothing waits longer than the event-loop turn it arrived in.

import type { BatchBuilder } from "../../record/batch-builder.ts";
import type {
  ProducePartition,
  ProducePartitionResult,
  RequiredAcks,
  TopicListing,
} from "../../services.ts";
import type { RecordDraft } from "./record-draft.ts";
import { recordBytesBound, returnBuilder, takeBuilder } from "./staging.ts";

/** What the packer sends by. */
export interface BatchSender {
  /** Appends one partition's batches; never rejects: failures are in the result. */
  one(acks: RequiredAcks, part: ProducePartition): Promise<ProducePartitionResult>;
  /** Up to which size batches for a topic are built. */
  batchBytesMaxOf(topic: string): number;
}

/** Who waits for one record. */
export interface RecordWaiter {
  /**
   * The record's batch has been answered.
   * @param offset Of this record; meaningless when `result` is an error.
   */
  settle(result: ProducePartitionResult, offset: number): void;
}

interface Pack {
  readonly partition: number;
  acks: RequiredAcks;
  builder: BatchBuilder | null;
  waiters: (RecordWaiter | null)[];
}

/** What the packer and the producers keep about one topic. */
export interface TopicLane {
  readonly topic: TopicListing;
  /** Where the next request without key and partition goes. */
  nextPartition: number;
  readonly packs: (Pack | undefined)[];
}

const lanesMax = 10_000;

/** Collects single records until the end of the event-loop turn. */
export class Packer {
  readonly #sender: BatchSender;
  readonly #lanes = new Map<string, TopicLane>();
  #dirty: { readonly lane: TopicLane; readonly pack: Pack }[] = [];

  /** @param sender How batches leave. */
  constructor(sender: BatchSender) {
    this.#sender = sender;
  }

  /** The lane of a topic as it is now. */
  laneOf(topic: TopicListing): TopicLane {
    const known = this.#lanes.get(topic.name);
    const isSame =
      known !== undefined &&
      known.topic.topicId === topic.topicId &&
      known.topic.partitionCount === topic.partitionCount;
    if (isSame) return known;
    if (this.#lanes.size >= lanesMax) {
      this.flushAll();
      this.#lanes.clear();
    }
    if (known !== undefined) this.flushAll();
    const lane: TopicLane = { topic, nextPartition: 0, packs: [] };
    this.#lanes.set(topic.name, lane);
    return lane;
  }

  /** Takes a copy of a record whose timestamp and partition are decided. */
  add(lane: TopicLane, record: PackedRecord): void {
    const { draft, partition, acks } = record;
    const pack = this.#packOf(lane, partition);
    const isFull =
      pack.builder !== null &&
      pack.builder.sizeBytes + recordBytesBound(draft) >
        this.#sender.batchBytesMaxOf(lane.topic.name);
    if (isFull || (pack.builder !== null && pack.acks !== acks)) this.#sendPack(lane, pack);
    if (pack.builder === null) {
      pack.builder = takeBuilder();
      pack.acks = acks;
      if (this.#dirty.length === 0) setImmediate(() => this.flushAll());
      this.#dirty.push({ lane, pack });
    }
    pack.builder.append(draft, draft.valueStart, draft.value === null ? -1 : draft.valueEnd);
    pack.waiters.push(record.waiter);
  }

  /** Sends what waits for one partition now. */
  flush(lane: TopicLane, partition: number): void {
    const pack = lane.packs[partition];
    if (pack !== undefined) this.#sendPack(lane, pack);
  }

  /** Sends all that waits now. */
  flushAll(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const { lane, pack } of dirty) this.#sendPack(lane, pack);
  }

  #packOf(lane: TopicLane, partition: number): Pack {
    const known = lane.packs[partition];
    if (known !== undefined) return known;
    const pack: Pack = { partition, acks: -1, builder: null, waiters: [] };
    lane.packs[partition] = pack;
    return pack;
  }

  #sendPack(lane: TopicLane, pack: Pack): void {
    const { builder, waiters, partition, acks } = pack;
    if (builder === null) return;
    const batches = [builder.build()];
    returnBuilder(builder);
    pack.builder = null;
    pack.waiters = [];
    const part = { topic: lane.topic.name, partition, batches, expectedEndOffset: null };
    // `one` puts every failure into its result, so nothing can be lost here.
    void this.#sender.one(acks, part).then((result) => settleAll(waiters, result));
  }
}

/** A record for `Packer.add`. */
export interface PackedRecord {
  readonly draft: RecordDraft;
  readonly partition: number;
  readonly acks: RequiredAcks;
  /** Null where nobody waits. */
  readonly waiter: RecordWaiter | null;
}

function settleAll(
  waiters: readonly (RecordWaiter | null)[],
  result: ProducePartitionResult,
): void {
  let offset = result.baseOffset;
  for (const waiter of waiters) waiter?.settle(result, offset++);
}
