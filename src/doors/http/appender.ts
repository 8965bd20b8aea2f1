// Sends batches to the engine. Failures become results, so that no caller of the hot path needs a catch.
//
// The door packs batches up to a size of its own. A topic whose max.message.bytes is lower refuses them although
// each record is small enough; the limit is then looked up, remembered, and the records go out again in batches
// that fit.

import { viewOf } from "../../base/bytes.ts";
import { recordCountAt } from "../../record/batch-header.ts";
import type {
  ProducePartition,
  ProducePartitionResult,
  RequiredAcks,
  Services,
} from "../../services.ts";
import { dividedBatches } from "./divided-batches.ts";
import { nameError } from "./problem.ts";

const learnedMax = 10_000;

/** Sends produce requests and answers for each partition. */
export class Appender {
  readonly #services: Services;
  readonly #batchBytesMax: number;
  readonly #learned = new Map<string, number>();

  /**
   * @param services      The engine.
   * @param batchBytesMax Batches are built up to this where a topic is not known to take less.
   */
  constructor(services: Services, batchBytesMax: number) {
    this.#services = services;
    this.#batchBytesMax = batchBytesMax;
  }

  /** Up to which size batches for a topic are to be built. */
  batchBytesMaxOf(topic: string): number {
    if (this.#learned.size === 0) return this.#batchBytesMax;
    return this.#learned.get(topic) ?? this.#batchBytesMax;
  }

  /** Appends one partition's batches. Never rejects. */
  async one(acks: RequiredAcks, part: ProducePartition): Promise<ProducePartitionResult> {
    const [result = unanswered(part)] = await this.#send(acks, [part]);
    return result.error === "MESSAGE_TOO_LARGE" ? this.#sendSmaller(acks, part, result) : result;
  }

  /** Appends several partitions' batches in one call; answers in the same order. Never rejects. */
  async all(
    acks: RequiredAcks,
    partitions: readonly ProducePartition[],
  ): Promise<readonly ProducePartitionResult[]> {
    const results = await this.#send(acks, partitions);
    if (!results.some(({ error }) => error === "MESSAGE_TOO_LARGE")) return results;
    const settled = [...results];
    for (const [index, result] of results.entries()) {
      const part = partitions[index];
      if (result.error !== "MESSAGE_TOO_LARGE" || part === undefined) continue;
      settled[index] = await this.#sendSmaller(acks, part, result);
    }
    return settled;
  }

  async #send(
    acks: RequiredAcks,
    partitions: readonly ProducePartition[],
  ): Promise<readonly ProducePartitionResult[]> {
    try {
      return await this.#services.data.produce({ acks, partitions });
    } catch (error) {
      return partitions.map((part) => failed(part, error));
    }
  }

  async #sendSmaller(
    acks: RequiredAcks,
    part: ProducePartition,
    refused: ProducePartitionResult,
  ): Promise<ProducePartitionResult> {
    const limit = await this.#limitOf(part.topic);
    const isDivisible = part.batches.some((batch) => {
      return batch.length > limit && recordCountAt(viewOf(batch), 0) > 1;
    });
    if (!isDivisible) return refused;
    const smaller = { ...part, batches: dividedBatches(part.batches, limit) };
    const [result] = await this.#send(acks, [smaller]);
    return result ?? refused;
  }

  async #limitOf(topic: string): Promise<number> {
    try {
      const { configs } = await this.#services.topics.describe(topic);
      const stated = Number(configs.find(({ name }) => name === "max.message.bytes")?.value);
      if (!Number.isSafeInteger(stated)) return this.#batchBytesMax;
      if (this.#learned.size >= learnedMax) this.#learned.clear();
      const limit = Math.min(stated, this.#batchBytesMax);
      this.#learned.set(topic, limit);
      return limit;
    } catch {
      // The topic is going away; the refusal stands.
      return this.#batchBytesMax;
    }
  }
}

function unanswered(part: ProducePartition): ProducePartitionResult {
  return failed(part, new Error("the engine gave no answer"));
}

function failed(part: ProducePartition, error: unknown): ProducePartitionResult {
  const named = nameError(error);
  return {
    topic: part.topic,
    partition: part.partition,
    error: named.code,
    detail: named.message,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    logEndOffset: -1,
    durability: "written",
  };
}
