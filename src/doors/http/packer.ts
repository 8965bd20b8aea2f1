// Packs single-record requests that arrive together into one batch for each partition.
//
// Order: records of one partition are sent in the order they came. Whoever sends batches past the packer calls
// `flush` for that partition first.
//
// Nothing waits without cause. A pack leaves at the end of the event-loop turn it began in; while an earlier one of its
// partition is on its way it leaves when that one is answered, before anybody is told, since the log could not have
// begun with it sooner: one group is in flight there. So the batches grow with the load, as the log's groups do.
//
// Records of strangers share a batch, not its fate: one that is refused for what a record is like goes out again
// record by record.

import type { BatchBuilder } from "../../record/batch-builder.ts";
import type {
  ProducePartition,
  ProducePartitionResult,
  RequiredAcks,
  TopicBounds,
  TopicListing,
} from "../../services.ts";
import { dividedBatches } from "./divided-batches.ts";
import type { RecordDraft } from "./record-draft.ts";
import { recordBytesBound, returnBuilder, takeBuilder } from "./staging.ts";

/** What the packer sends by. */
export interface BatchSender {
  /** Appends one partition's batches; never rejects: failures are in the result. */
  one(acks: RequiredAcks, part: ProducePartition): Promise<ProducePartitionResult>;
  /** Up to which size batches for a topic are built. */
  batchBytesMaxOf(topic: TopicListing): number;
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
  /** Batches sent and not yet answered. */
  onTheWay: number;
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
      known.topic.partitionCount === topic.partitionCount &&
      areSame(known.topic.accepts, topic.accepts);
    if (isSame) return known;
    if (this.#lanes.size >= lanesMax) {
      for (const each of this.#lanes.values()) this.#sendLane(each);
      this.#lanes.clear();
    } else if (known !== undefined) {
      this.#sendLane(known);
    }
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
      pack.builder.sizeBytes + recordBytesBound(draft) > this.#sender.batchBytesMaxOf(lane.topic);
    if (isFull || (pack.builder !== null && pack.acks !== acks)) this.#sendPack(lane, pack);
    if (pack.builder === null) {
      pack.builder = takeBuilder();
      pack.acks = acks;
      // Whoever asked for no answer is not held by the bound on bodies, so nothing of theirs is kept back.
      if (pack.onTheWay === 0 || acks === 0) {
        if (this.#dirty.length === 0) setImmediate(() => this.#sendDirty());
        this.#dirty.push({ lane, pack });
      }
    }
    pack.builder.append(draft, draft.valueStart, draft.value === null ? -1 : draft.valueEnd);
    pack.waiters.push(record.waiter);
  }

  /** Sends what waits for one partition now. */
  flush(lane: TopicLane, partition: number): void {
    const pack = lane.packs[partition];
    if (pack !== undefined) this.#sendPack(lane, pack);
  }

  #sendDirty(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const { lane, pack } of dirty) this.#sendPack(lane, pack);
  }

  #sendLane(lane: TopicLane): void {
    for (const pack of lane.packs) if (pack !== undefined) this.#sendPack(lane, pack);
  }

  #packOf(lane: TopicLane, partition: number): Pack {
    const known = lane.packs[partition];
    if (known !== undefined) return known;
    const pack: Pack = { partition, acks: -1, builder: null, waiters: [], onTheWay: 0 };
    lane.packs[partition] = pack;
    return pack;
  }

  #sendPack(lane: TopicLane, pack: Pack): void {
    const { builder, waiters, partition, acks } = pack;
    if (builder === null) return;
    const batch = builder.build();
    returnBuilder(builder);
    pack.builder = null;
    pack.waiters = [];
    pack.onTheWay++;
    const part = { topic: lane.topic.name, partition, batches: [batch], expectedEndOffset: null };
    // `one` puts every failure into its result, so nothing can be lost here.
    void this.#sender.one(acks, part).then((result) => {
      pack.onTheWay--;
      if (pack.onTheWay === 0) this.#sendPack(lane, pack);
      if (waiters.length > 1 && isFaultOfARecord(result)) this.#sendApart(acks, part, waiters);
      else settleAll(waiters, result);
    });
  }

  #sendApart(
    acks: RequiredAcks,
    part: ProducePartition,
    waiters: readonly (RecordWaiter | null)[],
  ): void {
    for (const [index, batch] of dividedBatches(part.batches, 0).entries()) {
      const waiter = waiters[index];
      void this.#sender
        .one(acks, { ...part, batches: [batch] })
        .then((result) => waiter?.settle(result, result.baseOffset));
    }
  }
}

function isFaultOfARecord({ error }: ProducePartitionResult): boolean {
  return (
    error === "INVALID_TIMESTAMP" || error === "INVALID_RECORD" || error === "MESSAGE_TOO_LARGE"
  );
}

/** A record for `Packer.add`. */
export interface PackedRecord {
  readonly draft: RecordDraft;
  readonly partition: number;
  readonly acks: RequiredAcks;
  /** Null where nobody waits. */
  readonly waiter: RecordWaiter | null;
}

function areSame(one: TopicBounds, other: TopicBounds): boolean {
  return (
    one.batchBytesMax === other.batchBytesMax &&
    one.timestampBeforeMsMax === other.timestampBeforeMsMax &&
    one.timestampAfterMsMax === other.timestampAfterMsMax
  );
}

function settleAll(
  waiters: readonly (RecordWaiter | null)[],
  result: ProducePartitionResult,
): void {
  let offset = result.baseOffset;
  for (const waiter of waiters) waiter?.settle(result, offset++);
}
