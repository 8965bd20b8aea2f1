// The logging interface: the part of pino's that the house uses, so that nothing below the doors depends on pino.

/** Structured logging; each call takes facts first, then a sentence. */
export interface Logger {
  /** Facts for whoever debugs; off by default. */
  debug(facts: object, message: string): void;
  /** What an operator wants to know happened. */
  info(facts: object, message: string): void;
  /** Something is wrong but handled. */
  warn(facts: object, message: string): void;
  /** Something failed; `err` carries the error with its stack. */
  error(facts: object, message: string): void;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
