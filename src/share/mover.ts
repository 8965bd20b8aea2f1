// Carries records from one topic to another, each exactly once: dead letters out of a queue, and back again.
//
// A move is planned, appended and ended. The plan is in the state's log before anything is appended, and names the
// producer and sequence of the batch, so that the same batch sent again after a crash is known and not appended twice;
// with the end of the move the records are settled where they came from.

import { LogError } from "../base/error.ts";
import { Turns } from "../broker/turns.ts";
import { BatchBuilder } from "../record/batch-builder.ts";
import type { ProducerIdentity } from "../services.ts";
import { PartitionChanges } from "./changes.ts";
import { headersOf, type MovedRecord, readMoved, targetOf } from "./moved-records.ts";
import type { ShareCore } from "./share-core.ts";
import type { ShareEvent } from "./share-events.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { Move, SharePartition } from "./share-partition.ts";

interface Sequence extends ProducerIdentity {
  next: number;
}

const strangers: ReadonlySet<string> = new Set([
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "INVALID_PRODUCER_EPOCH",
]);
const recordsMax = 100;
const bytesMax = 512 * 1024;
const retryMs = 1000;

/** Moves of one engine. */
export class Mover {
  readonly #engine: ShareCore;
  readonly #turns = new Turns();
  /** By where records come from and where they go. */
  readonly #sequences = new WeakMap<SharePartition, Map<string, Sequence>>();
  readonly #kicked = new Set<SharePartition>();

  constructor(engine: ShareCore) {
    this.#engine = engine;
  }

  /** Something leaves: it is carried away as soon as can be. */
  kick(group: ShareGroup, partition: SharePartition): void {
    if (this.#kicked.has(partition)) return;
    this.#kicked.add(partition);
    void this.#carry(group, partition).finally(() => this.#kicked.delete(partition));
  }

  /** Resolves when nothing leaves a partition any more. @throws what moves throw; they are tried again all the same */
  async settled(group: ShareGroup, partition: SharePartition): Promise<void> {
    await this.#turns.run(nameOf(group, partition), () => this.#moveAll(group, partition));
  }

  /** Resolves when no move is under way. */
  async close(): Promise<void> {
    await this.#turns.idle();
  }

  async #carry(group: ShareGroup, partition: SharePartition): Promise<void> {
    try {
      await this.settled(group, partition);
    } catch (error) {
      if (this.#engine.isClosed) return;
      const { logger } = this.#engine.options;
      const facts = { err: error, group: group.name, topic: partition.topic };
      logger.warn(facts, "records cannot leave for another topic; tried again");
      this.#engine.alarm(group, retryMs);
    }
  }

  async #moveAll(group: ShareGroup, partition: SharePartition): Promise<void> {
    while (partition.move !== null || partition.leaving.size > 0) {
      if (this.#engine.isClosed) throw new LogError("SERVER_STOPPING", "the server is stopping");
      if (!isThere(group, partition)) return;
      const move = partition.move ?? (await this.#plan(group, partition));
      if (move === null) return;
      await this.#append(group, partition, move);
      await this.#engine.run(group.name, () => ended(group, partition, move));
    }
  }

  // As many as fit one batch and go to the same place as the first; null when the partition is gone meanwhile.
  async #plan(group: ShareGroup, partition: SharePartition): Promise<Move | null> {
    const offsets: number[] = [];
    let bytes = 0;
    for (const { first, last, fate } of partition.leaving) {
      for (let offset = first; offset <= last && offsets.length < recordsMax; offset++) {
        bytes += fate.bytes;
        if (offsets.length > 0 && bytes > bytesMax) break;
        offsets.push(offset);
      }
      if (offsets.length >= recordsMax || bytes > bytesMax) break;
    }
    offsets.sort((one, other) => one - other);
    const { source, clock } = this.#engine.options;
    const records = await readMoved(source, partition, offsets);
    const [first] = records;
    if (first === undefined) throw new Error("a move without records");
    const target = targetOf(first, group, partition);
    const topic = await source.ensureTopic(target.topic, source.topic(partition.topic));
    const number = target.partition % topic.partitionCount;
    const together = records.filter((record) => {
      const other = targetOf(record, group, partition);
      return other.topic === target.topic && other.partition === target.partition;
    });
    const sequence = await this.#sequenceOf(partition, `${target.topic} ${number}`);
    const atMs = clock.nowMs();
    const batchBytesMax = topic.accepts.batchBytesMax;
    const { count } = packed(together, { group, partition, atMs, batchBytesMax });
    const move: Move = {
      topic: target.topic,
      partition: number,
      producerId: sequence.producerId,
      producerEpoch: sequence.producerEpoch,
      baseSequence: sequence.next,
      offsets: together.slice(0, count).map(({ offset }) => offset),
      atMs,
    };
    const place = placeOf(group, partition);
    const event: ShareEvent = { kind: "move", ...place, move };
    if (!isThere(group, partition)) return null;
    await this.#engine.run(group.name, () => ({ events: [event], reply: undefined }));
    sequence.next += move.offsets.length;
    return move;
  }

  async #append(group: ShareGroup, partition: SharePartition, move: Move): Promise<void> {
    const { source } = this.#engine.options;
    const { topic, partition: number, offsets, atMs, baseSequence } = move;
    await source.ensureTopic(topic, source.topic(partition.topic));
    const records = await readMoved(source, partition, offsets);
    const batchBytesMax = Number.POSITIVE_INFINITY;
    const builder = packed(records, { group, partition, atMs, batchBytesMax });
    const producer = { ...identityOf(move), baseSequence };
    const batches = [builder.build({ producer })];
    const [result] = await source.produce({
      acks: -1,
      partitions: [{ topic, partition: number, batches, expectedEndOffset: null }],
    });
    if (result === undefined || result.error === null) return;
    if (strangers.has(result.error)) await this.#startOver(group, partition);
    throw new LogError(result.error, `${topic}-${number}: ${result.detail ?? result.error}`);
  }

  // The partition does not know the producer, so it has nothing of it: a new plan with a new one doubles nothing.
  async #startOver(group: ShareGroup, partition: SharePartition): Promise<void> {
    this.#sequences.delete(partition);
    if (!isThere(group, partition)) return;
    const event: ShareEvent = { kind: "move", ...placeOf(group, partition), move: null };
    await this.#engine.run(group.name, () => ({ events: [event], reply: undefined }));
  }

  async #sequenceOf(partition: SharePartition, target: string): Promise<Sequence> {
    const byTarget = this.#sequences.get(partition) ?? new Map<string, Sequence>();
    this.#sequences.set(partition, byTarget);
    const known = byTarget.get(target);
    if (known !== undefined) return known;
    const sequence = { ...(await this.#engine.options.producerId()), next: 0 };
    byTarget.set(target, sequence);
    return sequence;
  }
}

// As many of the records as fit, but one at least.
function packed(
  records: readonly MovedRecord[],
  how: {
    readonly group: ShareGroup;
    readonly partition: SharePartition;
    readonly atMs: number;
    readonly batchBytesMax: number;
  },
): BatchBuilder {
  const builder = new BatchBuilder();
  for (const record of records) {
    const { key, value } = record;
    const fields = { timestampMs: how.atMs, key, value, headers: headersOf(record, how) };
    if (builder.count > 0 && builder.sizeAfter(fields) > how.batchBytesMax) break;
    builder.append(fields);
  }
  return builder;
}

function ended(
  group: ShareGroup,
  partition: SharePartition,
  { offsets }: Move,
): { readonly events: readonly ShareEvent[]; readonly reply: undefined } {
  // A queue that was made anew meanwhile has nothing to do with what left the old one.
  if (!isThere(group, partition)) return { events: [], reply: undefined };
  const changes = new PartitionChanges(group.name, partition);
  for (const offset of offsets) changes.assign({ first: offset, last: offset }, null);
  const end: ShareEvent = { kind: "move", ...placeOf(group, partition), move: null };
  return { events: [...changes.events(), end], reply: undefined };
}

function isThere(group: ShareGroup, partition: SharePartition): boolean {
  return group.find(partition.topic, partition.partition) === partition;
}

function identityOf({ producerId, producerEpoch }: Move): ProducerIdentity {
  return { producerId, producerEpoch };
}

function placeOf(
  group: ShareGroup,
  { topic, partition }: SharePartition,
): { readonly group: string; readonly topic: string; readonly partition: number } {
  return { group: group.name, topic, partition };
}

function nameOf(group: ShareGroup, { topic, partition }: SharePartition): string {
  return `${group.name} ${topic} ${partition}`;
}
