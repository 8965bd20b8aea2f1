// Sends batches to the engine. Failures become results, so that no caller of the hot path needs a catch.

import type {
  ProducePartition,
  ProducePartitionResult,
  RequiredAcks,
  Services,
  TopicListing,
} from "../../services.ts";
import { nameError } from "./problem.ts";

// A topic with a codec of its own may store a batch that does not compress in a few bytes more than it came in.
const growthShare = 1 / 64;

/** Sends produce requests and answers for each partition. */
export class Appender {
  readonly #services: Services;
  readonly #batchBytesMax: number;

  /**
   * @param services      The engine.
   * @param batchBytesMax Batches are built up to this where a topic takes that much.
   */
  constructor(services: Services, batchBytesMax: number) {
    this.#services = services;
    this.#batchBytesMax = batchBytesMax;
  }

  /** Up to which size batches of several records for a topic are to be built. */
  batchBytesMaxOf(topic: TopicListing): number {
    return Math.min(this.#batchBytesMax, this.wholeBatchBytesMaxOf(topic));
  }

  /** Up to which size a batch that must hold a whole request may be built. */
  wholeBatchBytesMaxOf({ accepts }: TopicListing): number {
    return Math.floor(accepts.batchBytesMax * (1 - growthShare));
  }

  /** Appends one partition's batches. Never rejects. */
  async one(acks: RequiredAcks, part: ProducePartition): Promise<ProducePartitionResult> {
    const [result = unanswered(part)] = await this.all(acks, [part]);
    return result;
  }

  /** Appends several partitions' batches in one call; answers in the same order. Never rejects. */
  async all(
    acks: RequiredAcks,
    partitions: readonly ProducePartition[],
  ): Promise<readonly ProducePartitionResult[]> {
    try {
      return await this.#services.data.produce({ acks, partitions });
    } catch (error) {
      return partitions.map((part) => failed(part, error));
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
    recordIndex: null,
    isDuplicate: false,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    logEndOffset: -1,
    durability: "written",
  };
}
