// Messages and dead letters of a random life as records, and back.

import { deadLetterHeaders, messageHeaders } from "../../src/services/message-headers.ts";
import type { Message } from "./queue-model.ts";
import { type PlacedRecord, queueName } from "./queue-world.ts";

/** Keys of messages. */
export const keys = [null, null, "a", "b", "c"] as const;

/** Steps of time, milliseconds. */
export const passes = [0, 1, 50, 100, 200, 400, 700, 1000, 1500, 3000] as const;

/** How a time in which much happens at once may end. */
export const ends = ["go on", "kill", "crash", "full"] as const;

/** Whose syncs may stand still meanwhile. */
export const holds = [null, null, "state", "queue", "dead"] as const;

/** A message as its sender writes it. */
export function recordOf({ value, key, priority, deliverAtMs, expiresAtMs }: Message) {
  const headers = [];
  if (priority > 0) headers.push({ key: messageHeaders.priority, value: String(priority) });
  if (deliverAtMs > 0) headers.push({ key: messageHeaders.deliverAt, value: String(deliverAtMs) });
  if (expiresAtMs < Number.POSITIVE_INFINITY) {
    headers.push({ key: messageHeaders.expiresAt, value: String(expiresAtMs) });
  }
  return { key, value, headers };
}

/** A dead letter as the model knows it. @throws Error when its headers do not tell the whole story */
export function letterOf({ partition, offset, value, headers }: PlacedRecord) {
  const textOf = (name: string): string => {
    const found = headers.filter(({ key }) => key === name);
    if (found.length !== 1) throw new Error(`a letter with ${found.length} headers ${name}`);
    return found[0]?.value ?? "";
  };
  const origin = {
    partition: Number(textOf(deadLetterHeaders.partition)),
    offset: Number(textOf(deadLetterHeaders.offset)),
    deliveries: Number(textOf(deadLetterHeaders.deliveries)),
  };
  if (textOf(deadLetterHeaders.queue) !== queueName) throw new Error("a letter of another queue");
  if (textOf(deadLetterHeaders.topic) !== queueName) throw new Error("a letter of another topic");
  const reason = textOf(deadLetterHeaders.reason);
  return { partition, offset, value: value ?? "", origin, reason };
}

/** Lets the event loop turn once. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
