// What can be set of a share group, as a queue over HTTP or by Kafka's group configs; what is not set has its default.

import { LogError } from "../base/error.ts";
import { faultOf, type Schema, Type } from "../base/schema.ts";
import type { Backoff, QueueSettings } from "../services.ts";

/** Settings in force. A group of Kafka's clients alone has no topic of its own and no dead letters. */
export interface ShareSettings extends Omit<QueueSettings, "topic" | "deadLetterTopic"> {
  readonly topic: string | null;
  readonly deadLetterTopic: string | null;
  /** Whether records of transactions that are not committed are delivered. */
  readonly isolation: "read_committed" | "read_uncommitted";
}

/** Settings that were given. */
export type GivenSettings = Partial<ShareSettings>;

const monthMs = 31 * 24 * 3_600_000;
const aboutYearMs = 366 * 24 * 3_600_000;
const nullable = (schema: Schema<number>): Schema<number | null> =>
  Type.Union<Schema<number | null>>([Type.Null(), schema]);

const backoffSchema = Type.Object(
  {
    type: Type.Enum(["fixed", "exponential"]),
    baseMs: Type.Integer({ minimum: 0, maximum: aboutYearMs }),
    maxMs: Type.Optional(Type.Integer({ minimum: 0, maximum: aboutYearMs })),
    jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  { additionalProperties: false },
);

/** What a client may give of a queue. */
export const queueSettingsSchema = Type.Object(
  {
    topic: Type.Optional(Type.String({ minLength: 1 })),
    deadLetterTopic: Type.Optional(Type.String({ minLength: 1 })),
    leaseMs: Type.Optional(Type.Integer({ minimum: 1, maximum: monthMs })),
    maxDeliveries: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    backoff: Type.Optional(backoffSchema),
    order: Type.Optional(Type.Enum(["none", "key"])),
    from: Type.Optional(Type.Enum(["earliest", "latest"])),
    expired: Type.Optional(Type.Enum(["dead-letter", "drop"])),
    maxDepth: Type.Optional(nullable(Type.Integer({ minimum: 1 }))),
    maxBytes: Type.Optional(nullable(Type.Integer({ minimum: 1 }))),
    overflow: Type.Optional(Type.Enum(["reject", "drop-oldest", "dead-letter"])),
    rate: Type.Optional(nullable(Type.Number({ minimum: 0.001, maximum: 1_000_000 }))),
    concurrency: Type.Optional(nullable(Type.Integer({ minimum: 1 }))),
    dedupWindowMs: Type.Optional(Type.Integer({ minimum: 0, maximum: monthMs })),
  },
  { additionalProperties: false },
);

/** What holds when nothing is given; Kafka's defaults where it has them. */
export const defaultShareSettings: ShareSettings = {
  topic: null,
  deadLetterTopic: null,
  leaseMs: 30_000,
  maxDeliveries: 5,
  backoff: { type: "fixed", baseMs: 0, maxMs: 0, jitter: 0 },
  order: "none",
  from: "latest",
  expired: "dead-letter",
  maxDepth: null,
  maxBytes: null,
  overflow: "reject",
  rate: null,
  concurrency: null,
  dedupWindowMs: 300_000,
  isolation: "read_uncommitted",
};

/** What is in force of the settings given. A queue begins at the earliest record and sees committed ones only. */
export function settingsInForce(given: GivenSettings): ShareSettings {
  const isQueue = typeof given.topic === "string";
  const ofQueue: GivenSettings = isQueue ? { from: "earliest", isolation: "read_committed" } : {};
  return { ...defaultShareSettings, ...ofQueue, ...given };
}

/**
 * Checks what a client gives of a queue, and fills a backoff up.
 * @throws INVALID_CONFIG
 */
export function checkedSettings(given: Partial<QueueSettings>): Partial<QueueSettings> {
  const fault = faultOf(queueSettingsSchema, given);
  if (fault !== null) {
    const name = fault.path.join(".");
    const detail = `${name === "" ? "the settings" : `'${name}'`} ${fault.message}`;
    throw new LogError("INVALID_CONFIG", detail, { facts: { setting: name } });
  }
  const { backoff, ...rest } = given;
  if (backoff === undefined) return rest;
  // What the schema lets be left out.
  const asked: Partial<Backoff> & Pick<Backoff, "type" | "baseMs"> = backoff;
  const { type, baseMs, maxMs = type === "fixed" ? baseMs : monthMs, jitter = 0 } = asked;
  if (maxMs < baseMs) {
    throw new LogError("INVALID_CONFIG", "'backoff.maxMs' must not be below 'backoff.baseMs'");
  }
  return { ...rest, backoff: { type, baseMs, maxMs, jitter } };
}
