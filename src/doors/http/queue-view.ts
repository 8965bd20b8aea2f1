// Queues as clients see them: settings and counts in one flat object.

import { LogError } from "../../base/error.ts";
import type { QueueDescription, QueueSettings, Services } from "../../services.ts";
import type { Rates } from "./queue-rates.ts";

/** `{queue}` of a path. */
export interface QueueParams {
  readonly queue: string;
}

/** The settings of a queue. @throws QUEUE_NOT_FOUND */
export function needQueue({ queues }: Services, queue: string): QueueSettings {
  const settings = queues.lookup(queue);
  if (settings !== null) return settings;
  throw new LogError("QUEUE_NOT_FOUND", `there is no queue '${queue}'`, { facts: { queue } });
}

/** A queue as shown. The count of what expired has a name of its own, since `expired` is a setting. */
export function queueView({ queue, settings, counts }: QueueDescription, rates: Rates): object {
  const { expired: expiredCount, ...rest } = counts;
  return { queue, ...settings, ...rest, expiredCount, ...rates };
}
