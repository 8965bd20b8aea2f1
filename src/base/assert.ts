// Programmer errors: what must hold. A failed assertion means memory cannot be trusted; the process ends and
// recovery runs.

/** Thrown by `assert`; never caught on purpose except by the process's last handler. */
export class AssertionFailure extends Error {
  /** @param detail What did not hold. */
  constructor(detail: string) {
    super(detail);
    this.name = "AssertionFailure";
  }
}

/**
 * Stops the program when a condition that must hold does not.
 *
 * @param condition What must be true.
 * @param detail    What it would mean if it were false.
 */
export function assert(condition: boolean, detail: string): asserts condition {
  if (!condition) throw new AssertionFailure(detail);
}

/**
 * Marks a branch that types say cannot be reached.
 *
 * @param value The value of type `never`.
 */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable value: ${String(value)}`);
}
