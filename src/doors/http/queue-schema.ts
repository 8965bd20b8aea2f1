// The shapes of work queues in requests and replies, for the API description and for the check of bodies.

import { type Schema, Type } from "../../base/schema.ts";
import { messageNumbers } from "./message-wishes.ts";
import { produceQuery, readQuery, recordFields, recordOutputFields } from "./record-schema.ts";
import { closed, integer } from "./route-schema.ts";

const monthMs = 31 * 24 * 3_600_000;
const aboutYearMs = 366 * 24 * 3_600_000;
/** Answers of one kind in one call. */
const answersMax = 10_000;

const maybe = (schema: Schema<number>): Schema<number | null> =>
  Type.Union<Schema<number | null>>([schema, Type.Null()]);
const positive = Type.Integer({ minimum: 1 });

const backoff = {
  type: Type.Enum(["fixed", "exponential"]),
  baseMs: integer,
};

const settings = {
  topic: Type.String(),
  deadLetterTopic: Type.String(),
  leaseMs: positive,
  maxDeliveries: positive,
  backoff: Type.Object({ ...backoff, maxMs: integer, jitter: Type.Number() }),
  order: Type.Enum(["none", "key"]),
  from: Type.Enum(["earliest", "latest"]),
  expired: Type.Enum(["dead-letter", "drop"], { description: "What becomes of them." }),
  maxDepth: maybe(positive),
  maxBytes: maybe(positive),
  overflow: Type.Enum(["reject", "drop-oldest", "dead-letter"]),
  rate: maybe(Type.Number({ description: "Most deliveries a second." })),
  concurrency: maybe(positive),
  dedupWindowMs: integer,
};

/** The settings that a client gives; those left out keep their value, or have the default in a new queue. */
export const queueInput = closed({
  topic: Type.Optional(Type.String({ description: "Default: the queue's name." })),
  deadLetterTopic: Type.Optional(Type.String({ description: "Default: the name with .dead." })),
  leaseMs: Type.Optional(Type.Integer({ minimum: 1, default: 30_000 })),
  maxDeliveries: Type.Optional(Type.Integer({ minimum: 1, default: 5 })),
  backoff: Type.Optional(
    closed({
      ...backoff,
      maxMs: Type.Optional(integer),
      jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    }),
  ),
  order: Type.Optional(settings.order),
  from: Type.Optional(settings.from),
  expired: Type.Optional(settings.expired),
  maxDepth: Type.Optional(settings.maxDepth),
  maxBytes: Type.Optional(settings.maxBytes),
  overflow: Type.Optional(settings.overflow),
  rate: Type.Optional(settings.rate),
  concurrency: Type.Optional(settings.concurrency),
  dedupWindowMs: Type.Optional(Type.Integer({ minimum: 0, default: 300_000 })),
});

const perSecond = maybe(
  Type.Number({ description: "Mean since an earlier look at the queue; null at the first." }),
);

/** A queue in full. */
export const queueOutput = Type.Object({
  queue: Type.String(),
  ...settings,
  depth: integer,
  bytes: integer,
  inFlight: integer,
  delayed: integer,
  dead: integer,
  oldestAgeMs: maybe(integer),
  delivered: integer,
  acked: integer,
  nacked: integer,
  lapsed: integer,
  expiredCount: integer,
  dropped: integer,
  deliveredPerSecond: perSecond,
  ackedPerSecond: perSecond,
});

/** Queues as listed. */
export const queuesOutput = Type.Object({ queues: Type.Array(queueOutput) });

const numberField = ({ min, max }: { readonly min: number; readonly max: number }) =>
  Type.Optional(Type.Integer({ minimum: min, maximum: max }));
const wishes = {
  delayMs: numberField(messageNumbers.delayMs),
  deliverAtMs: numberField(messageNumbers.deliverAtMs),
  priority: numberField(messageNumbers.priority),
  ttlMs: numberField(messageNumbers.ttlMs),
  dedupId: Type.Optional(Type.String({ minLength: 1 })),
};

/** A message as a producer states it. */
export const messageInput = closed({ ...recordFields, ...wishes });

/** A request to send messages. */
export const messagesInput = closed({ records: Type.Array(messageInput, { minItems: 1 }) });

/** The query of such a request; wishes are for raw bodies only. */
export const messageQuery = { ...produceQuery, ...wishes };

const receipt = Type.String();

const reason = Type.Optional(
  Type.String({ description: "Kept with a dead letter; cut after 1000 characters." }),
);

/** A request to settle; answers are taken, and results given, in this order of kinds. */
export const settleInput = closed({
  ack: Type.Optional(Type.Array(receipt, { maxItems: answersMax })),
  nack: Type.Optional(
    Type.Array(
      closed({
        receipt,
        delayMs: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: aboutYearMs,
            description: "Default: the queue's backoff.",
          }),
        ),
        reason,
      }),
      { maxItems: answersMax },
    ),
  ),
  extend: Type.Optional(
    Type.Array(closed({ receipt, leaseMs: Type.Integer({ minimum: 1, maximum: monthMs }) }), {
      maxItems: answersMax,
    }),
  ),
  reject: Type.Optional(Type.Array(closed({ receipt, reason }), { maxItems: answersMax })),
});

// One a receipt: ack, nack, extend, reject, each in the order of the request.
const results = Type.Array(
  Type.Object({ receipt, ok: Type.Boolean(), code: Type.Optional(Type.String()) }),
);

/** What became of answers. */
export const settleOutput = Type.Object({ results });

/** A request to receive; one that settles too is answered at once, whatever `waitMs` says. */
export const receiveInput = closed({
  max: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 10 })),
  waitMs: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
  leaseMs: Type.Optional(
    Type.Integer({ minimum: 1, maximum: monthMs, description: "Default: the queue's." }),
  ),
  maxBytes: Type.Optional(Type.Integer({ minimum: 1, default: 1_048_576 })),
  settle: Type.Optional(settleInput),
});

/** Messages as received; results where the request settled. */
export const receiveOutput = Type.Object({
  messages: Type.Array(Type.Object({ receipt, deliveries: integer, ...recordOutputFields })),
  results: Type.Optional(results),
});

/** The query of a look at dead letters. */
export const deadQuery = {
  from: readQuery.from,
  maxRecords: readQuery.maxRecords,
  maxBytes: readQuery.maxBytes,
  as: readQuery.as,
};

/** Dead letters. */
export const deadOutput = Type.Object({
  messages: Type.Array(
    Type.Object({
      ...recordOutputFields,
      original: Type.Object({
        topic: Type.Union<Schema<string | null>>([Type.String(), Type.Null()]),
        partition: maybe(integer),
        offset: maybe(integer),
      }),
      deliveries: maybe(integer),
      reason: Type.Union<Schema<string | null>>([Type.String(), Type.Null()]),
      deadAtMs: maybe(integer),
    }),
  ),
  nextOffset: Type.Optional(
    Type.Integer({ minimum: 0, description: "Where the dead-letter topic has one partition." }),
  ),
  next: Type.String({ description: "The vector to read on from." }),
});

const offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** A request to put dead letters back. */
export const redriveInput = closed({
  max: Type.Optional(Type.Integer({ minimum: 1, description: "The oldest; default: all." })),
  offsets: Type.Optional(
    Type.Array(
      Type.Union<Schema<number | { partition: number; offset: number }>>([
        offset,
        closed({ partition: Type.Integer({ minimum: 0 }), offset }),
      ]),
      { maxItems: answersMax },
    ),
  ),
});

/** How many were put back. */
export const redriveOutput = Type.Object({ redriven: integer });
