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

// What a deadline is counted from: the wall clock's time that is stored, and the monotonic time that it stands for.
interface Beginning {
  readonly storedMs: number;
  readonly monotonicMs: number;
}

/**
 * One deadline for each transactional id, kept by the coordinator. Time goes by the monotonic clock: a wall clock that
 * jumps ends nothing early. Only what happened before a restart is told by the wall clock.
 */
export class Deadlines {
  readonly #options: DeadlinesOptions;
  readonly #beginnings = new Map<string, Beginning>();

  /** @param options The coordinator keeps the deadlines. */
  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  /** Follows a change of a transactional id that was decided just now. */
  changed(transactionalId: string, transaction: Transaction | null): void {
    this.#follow(transactionalId, transaction, () => 0);
  }

  /**
   * Sets the deadline of a transactional id after a replay. A clock that was set meanwhile may shorten the time, but
   * never lengthens it.
   */
  replayed(transactionalId: string, transaction: Transaction): void {
    const nowMs = this.#options.clock.nowMs();
    this.#follow(transactionalId, transaction, (storedMs) => Math.max(0, nowMs - storedMs));
  }

  #follow(
    transactionalId: string,
    transaction: Transaction | null,
    goneMs: (storedMs: number) => number,
  ): void {
    const { coordinator, commands, clock, idExpirationMs } = this.#options;
    const key = `transaction ${transactionalId}`;
    if (transaction === null || isPrepared(transaction)) {
      this.#beginnings.delete(transactionalId);
      coordinator.unschedule(key);
      return;
    }
    const isOngoing = transaction.state === "Ongoing";
    const storedMs = isOngoing ? transaction.startedAtMs : transaction.updatedAtMs;
    const known = this.#beginnings.get(transactionalId);
    const beginning =
      known?.storedMs === storedMs
        ? known
        : { storedMs, monotonicMs: clock.monotonicMs() - goneMs(storedMs) };
    this.#beginnings.set(transactionalId, beginning);
    const passedMs = clock.monotonicMs() - beginning.monotonicMs;
    const leftMs = (durationMs: number): number => Math.max(0, durationMs - passedMs);
    if (isOngoing) {
      const command = commands.timeOut(transactionalId, transaction);
      coordinator.schedule(key, leftMs(transaction.timeoutMs), command);
    } else {
      const command = commands.expire(transactionalId, transaction);
      coordinator.schedule(key, leftMs(idExpirationMs), command);
    }
  }
}
