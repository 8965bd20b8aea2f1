// How long transactional ids have: an open transaction its timeout, an unused id its expiration.

import type { Clock } from "../base/clock.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import { isPrepared, type Transaction } from "./transaction.ts";
import type { TransactionCommands } from "./transaction-commands.ts";
import type { TransactionEvent } from "./transaction-events.ts";

/** What deadlines act on. */
export interface DeadlinesOptions {
  readonly coordinator: Coordinator<TransactionEvent>;
  readonly commands: TransactionCommands;
  readonly clock: Clock;
  /** How long a transactional id is remembered without being used. */
  readonly idExpirationMs: number;
}

/** One deadline for each transactional id, kept by the coordinator. */
export class Deadlines {
  readonly #options: DeadlinesOptions;

  /** @param options The coordinator keeps the deadlines. */
  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  /** Follows a change of a transactional id, and sets its deadline after a replay. */
  changed(transactionalId: string, transaction: Transaction | null): void {
    const { coordinator, commands, idExpirationMs } = this.#options;
    const key = `transaction ${transactionalId}`;
    if (transaction === null || isPrepared(transaction)) {
      coordinator.unschedule(key);
    } else if (transaction.state === "Ongoing") {
      const delayMs = this.#leftMs(transaction.startedAtMs, transaction.timeoutMs);
      coordinator.schedule(key, delayMs, commands.timeOut(transactionalId, transaction));
    } else {
      const delayMs = this.#leftMs(transaction.updatedAtMs, idExpirationMs);
      coordinator.schedule(key, delayMs, commands.expire(transactionalId, transaction));
    }
  }

  /** A clock that was set meanwhile may shorten the time, but never lengthens it. */
  #leftMs(sinceMs: number, durationMs: number): number {
    const goneMs = this.#options.clock.nowMs() - sinceMs;
    return Math.min(durationMs, Math.max(0, durationMs - goneMs));
  }
}
