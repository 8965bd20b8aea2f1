// All logs of a broker at one instant.

import { LogError } from "../base/error.ts";
import { mapParallel } from "../base/parallel.ts";
import type { LogCut } from "../log/log-cut.ts";
import type { Topics } from "./topics.ts";

// Enough to keep the disk busy.
const flushesMax = 32;

/** A broker at one instant. */
export interface BrokerCut {
  /** The instant, Unix milliseconds. */
  readonly atMs: number;
  /** Every partition, by its directory's name. */
  readonly logs: ReadonlyMap<string, LogCut>;
}

/**
 * Cuts every log in one turn of the event loop.
 *
 * @returns Null, and nothing is held, while files of one are being replaced: `filesSettled` tells when to try again.
 * @throws  KAFKA_STORAGE_ERROR when a partition is not well, naming it; nothing is held then.
 */
export function cutOf(topics: Topics, atMs: number): BrokerCut | null {
  for (const { logOrNull } of topics.partitions()) if (logOrNull?.isChanging === true) return null;
  const logs = new Map<string, LogCut>();
  for (const partition of topics.partitions()) {
    const { logOrNull: log, directoryName } = partition;
    const health = partition.health();
    if (log === null || health.state !== "ok") {
      for (const cut of logs.values()) cut.release();
      const detail = health.state === "ok" ? "has no log" : `is ${health.state}: ${health.detail}`;
      throw new LogError("KAFKA_STORAGE_ERROR", `partition ${directoryName} ${detail}`, {
        facts: { partition: directoryName },
      });
    }
    logs.set(directoryName, log.cut());
  }
  return { atMs, logs };
}

/** Resolves when all that was appended before the call is durable. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
export async function flushAll(topics: Topics): Promise<void> {
  const logs = Array.from(topics.partitions(), (partition) => partition.logOrNull);
  await mapParallel(logs, { limit: flushesMax, work: async (log) => log?.flush() });
}

/** Resolves when no files that were being replaced at the call are any more. */
export async function filesSettled(topics: Topics): Promise<void> {
  const logs = Array.from(topics.partitions(), (partition) => partition.logOrNull);
  for (const log of logs) await log?.settled();
}
