// Headers by which a message tells a queue how it wants to be treated. They are ordinary record headers with text
// values, so that a producer of either door can write them and a reader sees them.

/** Their names. */
export const messageHeaders = {
  /** Unix milliseconds: not to be delivered before. */
  deliverAt: "varve-deliver-at",
  /** 0 to 9; higher ones first. */
  priority: "varve-priority",
  /** Unix milliseconds: not to be delivered from then on. */
  expiresAt: "varve-expires-at",
  /** Told apart from others by this, within the queue's window. */
  dedupId: "varve-dedup-id",
  /** Name of the one queue that it is for: other queues on its topic pass over it. A redrive sets it. */
  forQueue: "varve-for-queue",
} as const;

/** Headers of a dead letter: where it came from and why. */
export const deadLetterHeaders = {
  queue: "varve-dead-queue",
  topic: "varve-dead-topic",
  partition: "varve-dead-partition",
  offset: "varve-dead-offset",
  deliveries: "varve-dead-deliveries",
  reason: "varve-dead-reason",
  /** Unix milliseconds. */
  at: "varve-dead-at",
} as const;

/** The largest priority. */
export const priorityMax = 9;
