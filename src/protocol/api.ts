// What a table says about one API: its key, versions, and the fields of its two messages.

import type { Fields } from "./field.ts";

/** One API of the protocol. */
export interface Api<Q extends Fields, S extends Fields> {
  /** The number of the API in a request header. */
  readonly key: number;
  /** First version that the tables read and write. */
  readonly minVersion: number;
  /** Last version that the tables read and write. */
  readonly maxVersion: number;
  /** First version with compact lengths and tagged fields; null for none. */
  readonly flexibleFrom: number | null;
  readonly request: Q;
  readonly response: S;
}

/** Any API, whatever its fields. */
export type AnyApi = Api<Fields, Fields>;

/** An API as its table states it; the types of the fields are kept. */
export function api<Q extends Fields, S extends Fields>(table: {
  readonly key: number;
  /** First and last version. */
  readonly versions: readonly [min: number, max: number];
  readonly flexibleFrom: number | null;
  readonly request: Q;
  readonly response: S;
}): Api<Q, S> {
  const [minVersion, maxVersion] = table.versions;
  const { key, flexibleFrom, request, response } = table;
  return { key, minVersion, maxVersion, flexibleFrom, request, response };
}

/** True when a version of the API has compact lengths and tagged fields. */
export function isFlexible(table: AnyApi, version: number): boolean {
  return table.flexibleFrom !== null && version >= table.flexibleFrom;
}
