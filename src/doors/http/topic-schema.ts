// The shapes of topics, for the API description.

import { Type } from "../../base/schema.ts";
import { integer } from "./route-schema.ts";

/** A topic in full. */
export const topicOutput = Type.Object({
  name: Type.String(),
  id: Type.String(),
  internal: Type.Boolean(),
  config: Type.Record(Type.Object({ value: Type.String(), source: Type.String() })),
  partitions: Type.Array(
    Type.Object({
      partition: integer,
      logStartOffset: integer,
      highWatermark: integer,
      logEndOffset: integer,
      segments: integer,
      bytes: integer,
      damage: Type.Optional(
        Type.Array(
          Type.Object({
            file: Type.String(),
            position: integer,
            fromOffset: integer,
            toOffset: integer,
            what: Type.String(),
          }),
          { description: "Places that cannot be read; absent when none is known." },
        ),
      ),
    }),
  ),
});

/** Topics as listed. */
export const topicsOutput = Type.Object({
  topics: Type.Array(
    Type.Object({ name: Type.String(), partitions: integer, internal: Type.Boolean() }),
  ),
});

/** An offset in each partition. */
export const offsetsOutput = Type.Object({
  offsets: Type.Array(Type.Object({ partition: integer, offset: integer })),
});

/** What trim answers. */
export const trimOutput = Type.Object({
  partitions: Type.Array(Type.Object({ partition: integer, logStartOffset: integer })),
});
