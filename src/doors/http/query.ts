// Reads query parameters: each name known, each given once, each in its range; anything else is a clear 400.

import type { FastifyRequest } from "fastify";
import { LogError } from "../../base/error.ts";

/** Parameters by name, each given once. */
export type Query = Readonly<Record<string, string | undefined>>;

/**
 * The query of a request.
 * @throws INVALID_REQUEST when a name is not in `known` or is given twice.
 */
export function queryOf(request: FastifyRequest, known: readonly string[]): Query {
  const query = request.query as Record<string, string | string[]>;
  for (const name in query) {
    if (!known.includes(name)) {
      const takes = known.length === 0 ? "none" : known.join(", ");
      throw badQuery(name, `is not a query parameter of this endpoint; it takes ${takes}`);
    }
    if (Array.isArray(query[name])) throw badQuery(name, "is given more than once");
  }
  return query as Query;
}

/** A safe integer from 0 in plain digits; null when the text is anything else. */
export function integerText(text: string): number | null {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
  return Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** The range and default of an integer parameter. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}

/** An integer parameter; null when it is not given. @throws INVALID_REQUEST */
export function integerIn(query: Query, name: string, range: IntegerRange): number | null {
  const text = query[name];
  if (text === undefined) return null;
  const value = integerText(text);
  if (value !== null && value >= range.min && value <= range.max) return value;
  throw badQuery(name, `must be an integer from ${range.min} to ${range.max}`);
}

/** A parameter that is `true` or `false`; null when it is not given. @throws INVALID_REQUEST */
export function booleanIn(query: Query, name: string): boolean | null {
  const text = query[name];
  if (text === undefined) return null;
  if (text === "true" || text === "") return true;
  if (text === "false") return false;
  throw badQuery(name, "must be true or false");
}

/** A parameter that is one of some words; null when it is not given. @throws INVALID_REQUEST */
export function wordIn<Word extends string>(
  query: Query,
  name: string,
  words: readonly Word[],
): Word | null {
  const text = query[name];
  if (text === undefined) return null;
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw badQuery(name, `must be one of ${words.join(", ")}`);
}

/** The error for a parameter. */
export function badQuery(name: string, detail: string): LogError {
  return new LogError("INVALID_REQUEST", `'${name.slice(0, 60)}' ${detail}`, {
    facts: { parameter: name.slice(0, 60) },
  });
}
