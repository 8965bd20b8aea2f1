// The shapes of records in requests and replies, for the API description.

import { Type } from "../../base/schema.ts";
import { isolationSchema } from "./isolation.ts";
import { closed, integer } from "./route-schema.ts";

const bytes = Type.Object({ b64: Type.String() }, { additionalProperties: false });
const headerValue = Type.Union([Type.String(), bytes, Type.Null()]);
const headers = Type.Record(Type.Union([headerValue, Type.Array(headerValue)]));

/** The fields of a record as a producer states it. */
export const recordFields = {
  key: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  keyB64: Type.Optional(Type.String({ description: "Standard base64." })),
  value: Type.Optional(Type.Any({ description: "Any JSON; stored verbatim as its text." })),
  text: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  b64: Type.Optional(Type.String({ description: "Standard base64." })),
  headers: Type.Optional(headers),
  partition: Type.Optional(integer),
  timestampMs: Type.Optional(integer),
};

/** A record as a producer states it. */
export const recordInput = closed(recordFields);

const integerText = Type.Optional(Type.Integer({ minimum: 0 }));

/** The query of a produce request. */
export const produceQuery = {
  acks: Type.Optional(Type.Enum(["0", "1", "all"])),
  partition: integerText,
  key: Type.Optional(Type.String({ description: "Raw bodies only." })),
  timestampMs: integerText,
};

/** Request headers of a produce request. */
export const produceHeaders = {
  "varve-producer-id": integerText,
  "varve-producer-epoch": integerText,
  "varve-sequence": Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        "Of the first record in its partition. With the two others the request is idempotent: one batch, one " +
        "partition, and sent again it is answered with the offsets of the first time.",
    }),
  ),
};

/** A produce request. */
export const produceInput = closed({ records: Type.Array(recordInput, { minItems: 1 }) });

const durability = Type.Union([Type.Literal("fsync"), Type.Literal("written")]);

const duplicate = Type.Optional(
  Type.Boolean({
    description:
      "True: the request was appended before, at these offsets; of messages to a queue: at least one of them was.",
  }),
);

/** A produce reply, in full or minimal form. */
export const produceOutput = Type.Union([
  Type.Object({
    results: Type.Array(Type.Object({ partition: integer, offset: integer })),
    durability,
    duplicate,
  }),
  Type.Object({
    partitions: Type.Array(
      Type.Object({ partition: integer, baseOffset: integer, count: integer }),
    ),
    durability,
    duplicate,
  }),
]);

/** The fields of a record as a reader sees it. */
export const recordOutputFields = {
  topic: Type.Optional(Type.String({ description: "In replies over several topics." })),
  partition: integer,
  offset: integer,
  timestampMs: Type.Integer(),
  key: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  keyB64: Type.Optional(Type.String()),
  value: Type.Optional(Type.Any()),
  text: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  b64: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  headers,
};

/** A record as a reader sees it. */
export const recordOutput = Type.Object(recordOutputFields);

/** A page of one partition. */
export const pageOutput = Type.Object({
  records: Type.Array(recordOutput),
  nextOffset: integer,
  highWatermark: integer,
  lastStableOffset: Type.Optional(
    Type.Integer({
      minimum: 0,
      description: "While a transaction is open: where it began, and read_committed ends.",
    }),
  ),
  logStartOffset: integer,
});

/** A page of all partitions. */
export const mergedOutput = Type.Object({
  records: Type.Array(recordOutput),
  next: Type.String({ description: "The vector to read on from." }),
});

/** The query of every read. */
export const readQuery = {
  from: Type.Optional(
    Type.String({
      description: "earliest, latest, an offset, -N, @ms, @ISO 8601; merged reads: a vector.",
    }),
  ),
  maxRecords: Type.Optional(Type.Integer({ minimum: 1, default: 500 })),
  maxBytes: Type.Optional(Type.Integer({ minimum: 1, default: 1_048_576 })),
  waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000, default: 0 })),
  as: Type.Optional(Type.Union([Type.Literal("json"), Type.Literal("text"), Type.Literal("b64")])),
  follow: Type.Optional(Type.Boolean()),
  isolation: isolationSchema,
};
