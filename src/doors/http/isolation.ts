// Which records of transactions a reader sees: `isolation`, as queries and bodies give it.

import { Type } from "../../base/schema.ts";
import type { IsolationLevel } from "../../services.ts";
import { type Query, wordIn } from "./query.ts";

const levels = ["read_committed", "read_uncommitted"] as const satisfies readonly IsolationLevel[];

/** What a reader sees who does not say: nothing that may still be taken back. */
export const isolationDefault: IsolationLevel = "read_committed";

/** The parameter `isolation` in the API description. */
export const isolationSchema = Type.Optional(
  Type.Union(levels.map((level) => Type.Literal(level))),
);

/** The parameter `isolation` of a query. @throws INVALID_REQUEST */
export function isolationIn(query: Query): IsolationLevel {
  return wordIn(query, "isolation", levels) ?? isolationDefault;
}
