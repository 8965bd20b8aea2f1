// Calls that are answered later: one for each member, told from one that the same member makes again.

import type { LogError } from "../base/error.ts";

/** One call that waits. */
export interface ParkedCall<Result> {
  readonly memberId: string;
  /** Settles when it is answered; nobody needs to listen. */
  readonly answer: Promise<Result>;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** The parked calls of one kind in one group. */
export class ParkedCalls<Result> {
  readonly #calls = new Map<string, ParkedCall<Result>>();

  /** How many wait. */
  get size(): number {
    return this.#calls.size;
  }

  /** True while a call of the member waits. */
  has(memberId: string): boolean {
    return this.#calls.has(memberId);
  }

  /** The member's call; null when none waits. */
  find(memberId: string): ParkedCall<Result> | null {
    return this.#calls.get(memberId) ?? null;
  }

  /** Parks a call. The same member's earlier one is over: it is refused with `replaced`. */
  park(memberId: string, replaced: LogError): ParkedCall<Result> {
    this.reject(memberId, replaced);
    const { promise: answer, resolve, reject } = withResolvers<Result>();
    answer.catch(() => undefined);
    const call = { memberId, answer, resolve, reject };
    this.#calls.set(memberId, call);
    return call;
  }

  /** Refuses a member's call, if one waits. */
  reject(memberId: string, error: LogError): void {
    const call = this.#calls.get(memberId);
    this.#calls.delete(memberId);
    call?.reject(error);
  }

  /** Refuses every call. */
  rejectAll(error: LogError): void {
    for (const call of this.takeAll()) call.reject(error);
  }

  /** Hands out every call to be answered by the caller. */
  takeAll(): readonly ParkedCall<Result>[] {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    return calls;
  }
}

function withResolvers<Result>(): {
  readonly promise: Promise<Result>;
  resolve(result: Result): void;
  reject(error: unknown): void;
} {
  let resolve: (result: Result) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Result>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
