// What is thrown on purpose: one error class, named by a row of the error table.

import type { errorTable } from "./error-table.ts";

export { type ErrorInfo, errorTable } from "./error-table.ts";

/** The name of an error: a key of the table. */
export type ErrorName = keyof typeof errorTable;

/** Typed facts carried beside an error, shown to clients as extra fields. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | null>>;

/** An operation that cannot be done. Doors translate it; nothing else is thrown on purpose. */
export class LogError extends Error {
  /** The row of the error table. */
  readonly code: ErrorName;
  /** Topic, partition, offsets and other numbers a client can act on without parsing prose. */
  readonly facts: ErrorFacts;

  /**
   * @param code    Name of a row of the error table.
   * @param detail  A sentence in lower case that names the thing, the values and the way out.
   * @param options `facts` for clients, `cause` for the server log.
   */
  constructor(
    code: ErrorName,
    detail: string,
    options: { readonly facts?: ErrorFacts; readonly cause?: unknown } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LogError";
    this.code = code;
    this.facts = options.facts ?? {};
  }
}
