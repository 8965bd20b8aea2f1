// Messages of work queues as a client sends and receives them, and their form in MessagePack bodies.

import { invalidArgument } from "./errors.ts";
import {
  type ConsumedRecord,
  checkRecord,
  type GroupRecord,
  type RecordInput,
  toWire,
} from "./records.ts";

/** A message to be sent: a record, and how the queue is to treat it. */
export interface MessageInput extends RecordInput {
  /** Not delivered before so many milliseconds are over. */
  readonly delayMs?: number;
  /** Not delivered before this time; Unix milliseconds. Instead of `delayMs`. */
  readonly deliverAtMs?: number;
  /** 0 to 9; of messages that can be delivered, higher ones go first. Default 0. */
  readonly priority?: number;
  /** Not delivered any more when so many milliseconds are over. */
  readonly ttlMs?: number;
  /** Sent again within the queue's window it is not stored again. */
  readonly dedupId?: string;
}

/** A message as received: leased to the receiver until it is settled or the lease is over. */
export interface QueueMessage extends GroupRecord {
  /** Names this delivery; what `settle` takes. */
  readonly receipt: string;
  /** How often it was delivered, this time included. */
  readonly deliveries: number;
}

/** Where a dead letter came from. */
export interface OriginalPlace {
  readonly topic: string | null;
  readonly partition: number | null;
  readonly offset: number | null;
}

/**
 * A message that was given up. Partition and offset are those in the dead-letter topic; what is told of it is null
 * where somebody else has put the record there.
 */
export interface DeadLetter extends ConsumedRecord {
  readonly original: OriginalPlace;
  /** How often it had been delivered. */
  readonly deliveries: number | null;
  /** Why it was given up: the last reason somebody gave, or the server's. */
  readonly reason: string | null;
  /** Unix milliseconds. */
  readonly deadAtMs: number | null;
}

const messageFields = ["delayMs", "deliverAtMs", "priority", "ttlMs", "dedupId"] as const;

/** The message as an entry of a send's body; absent fields are left out. */
export function messageToWire(message: MessageInput): Readonly<Record<string, unknown>> {
  const wire: Record<string, unknown> = { ...toWire(message) };
  for (const field of messageFields) {
    if (message[field] !== undefined) wire[field] = message[field];
  }
  return wire;
}

/** Refuses what a caller without types may pass, before it becomes a surprising body. */
export function checkMessage(message: MessageInput): void {
  checkRecord(message);
  if (message.delayMs !== undefined && message.deliverAtMs !== undefined) {
    throw invalidArgument("give a message's 'delayMs' or its 'deliverAtMs', not both");
  }
}
