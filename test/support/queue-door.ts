// An HTTP door over the engine in memory with a queue of a test's own making behind it.

import { systemClock } from "../../src/base/clock.ts";
import { LogError } from "../../src/base/error.ts";
import type { QueueServices, QueueSettings } from "../../src/services.ts";
import { type HttpFixture, httpFixture } from "./http-fixture.ts";
import { MemoryServices } from "./memory-services.ts";

/** The settings of the one queue, `q`. */
export const settingsOfQ: QueueSettings = {
  topic: "q",
  deadLetterTopic: "q.dead",
  leaseMs: 30_000,
  maxDeliveries: 5,
  backoff: { type: "fixed", baseMs: 0, maxMs: 0, jitter: 0 },
  order: "none",
  from: "earliest",
  expired: "dead-letter",
  maxDepth: null,
  maxBytes: null,
  overflow: "reject",
  rate: null,
  concurrency: null,
  dedupWindowMs: 300_000,
};

/** Builds one with topics `q` and `q.dead`; services that are not given are not there. */
export async function queueDoor(
  queues: Partial<QueueServices>,
  { partitions = 1 }: { readonly partitions?: number } = {},
): Promise<HttpFixture> {
  const services = Object.assign(new MemoryServices({ clock: systemClock }), {
    queues: {
      lookup: (queue: string) => (queue === "q" ? settingsOfQ : null),
      ...queues,
    } as QueueServices,
  });
  for (const name of ["q", "q.dead"]) {
    const request = { name, partitionCount: partitions, configs: {}, validateOnly: false };
    await services.topics.create(request);
  }
  return httpFixture({ services });
}

/** What an engine says of a queue that is not there. */
export function noQueue(queue: string): LogError {
  return new LogError("QUEUE_NOT_FOUND", `there is no queue '${queue}'`);
}
