// The shapes of consumer groups, for the API description.

import { Type } from "../../base/schema.ts";
import { recordOutput } from "./record-schema.ts";
import { integer } from "./route-schema.ts";

const state = Type.Union([
  Type.Literal("EMPTY"),
  Type.Literal("STABLE"),
  Type.Literal("REBALANCING"),
]);
const assignment = Type.Array(
  Type.Object({ topic: Type.String(), partitions: Type.Array(integer) }),
);
const maybeOffset = Type.Union([integer, Type.Null()]);
const place = { topic: Type.String(), partition: integer };
const offsets = Type.Array(
  Type.Object({
    ...place,
    committedOffset: maybeOffset,
    logEndOffset: maybeOffset,
    lag: maybeOffset,
    metadata: Type.String(),
  }),
);

/** Groups as listed. */
export const groupsOutput = Type.Object({
  groups: Type.Array(
    Type.Object({
      group: Type.String(),
      state,
      members: integer,
      topics: Type.Array(Type.String()),
    }),
  ),
});

/** A group in full. */
export const groupOutput = Type.Object({
  group: Type.String(),
  state,
  epoch: integer,
  members: Type.Array(
    Type.Object({
      member: Type.String(),
      client: Type.String(),
      assignment,
      lastSeenMs: integer,
    }),
  ),
  offsets,
});

/** Committed offsets with lag. */
export const groupOffsetsOutput = Type.Object({ offsets });

/** What a reset answers. */
export const resetOutput = Type.Object({
  dryRun: Type.Boolean(),
  offsets: Type.Array(Type.Object({ ...place, before: maybeOffset, after: integer })),
});

/** What a poll answers. */
export const pollOutput = Type.Object({
  member: Type.String(),
  epoch: Type.Integer(),
  assignment,
  records: Type.Array(recordOutput),
  positions: Type.Array(Type.Object({ ...place, offset: integer })),
});
