// What the end of a message's handler means for the message: done, again later, or never again.

/** Thrown by a handler: the message can never be handled and is given up at once. */
export class Rejection extends Error {
  /** @param reason Kept with the dead letter. */
  constructor(reason: string) {
    super(reason);
    this.name = "Rejection";
  }
}

/** Thrown by a handler: the message is to come again after a time of its own. */
export class RetryLater extends Error {
  /** Until the next delivery. */
  readonly delayMs: number;

  /** @param delayMs Until the next delivery, 0 or more; @param reason Kept with the message. */
  constructor(delayMs: number, reason = "") {
    super(reason);
    this.name = "RetryLater";
    this.delayMs = delayMs;
  }
}

/** What is said of a message. */
export type Answer =
  | { readonly kind: "ack" }
  /** Null delay: the queue's backoff. */
  | { readonly kind: "nack"; readonly delayMs: number | null; readonly reason: string }
  | { readonly kind: "reject"; readonly reason: string };

/** The answer for a message that nobody began with. */
export const givenBack: Answer = { kind: "nack", delayMs: 0, reason: "" };

// Reasons are for people; a stack or a body belongs into the handler's own log.
const reasonLengthMax = 1_000;

/**
 * The answer for a message whose handler threw.
 *
 * @param error   What was thrown. A `Rejection`, by class or by name, gives the message up; a `delayMs` of 0 or more on
 *                any other error is its delay.
 * @param delayMs The delay where the error asks for none; null for the queue's backoff.
 */
export function answerToError(error: unknown, delayMs: number | null): Answer {
  const reason = reasonOf(error);
  const { name, delayMs: asked } = Object(error) as { name?: unknown; delayMs?: unknown };
  if (error instanceof Rejection || name === "Rejection") return { kind: "reject", reason };
  return { kind: "nack", delayMs: isDelay(asked) ? Math.round(asked) : delayMs, reason };
}

/** True for a number of milliseconds that a message can be put off by. */
export function isDelay(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : textOf(error);
  return text.length <= reasonLengthMax ? text : `${text.slice(0, reasonLengthMax - 1)}…`;
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "a value without a text was thrown";
  }
}
