// Sends batches to the engine. Failures become results, so that no caller of the hot path needs a catch.

import { nameError } from "./problem.ts";
import type {
  DataServices,
  ProducePartition,
  ProducePartitionResult,
  RequiredAcks,
} from "../../services.ts";

/** Sends produce requests and answers for each partition. */
export class Appender {
  readonly #data: DataServices;

  /** @param data The engine. */
  constructor(data: DataServices) {
    this.#data = data;
  }

  /** Appends one partition's batches. Never rejects. */
  async one(acks: RequiredAcks, part: ProducePartition): Promise<ProducePartitionResult> {
    const [result] = await this.all(acks, [part]);
    return result ?? failed(part, new Error("the engine gave no answer"));
  }

  /** Appends several partitions' batches in one call; answers in the same order. Never rejects. */
  async all(
    acks: RequiredAcks,
    partitions: readonly ProducePartition[],
  ): Promise<readonly ProducePartitionResult[]> {
    try {
      return await this.#data.produce({ acks, partitions });
    } catch (error) {
      return partitions.map((part) => failed(part, error));
    }
  }
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
