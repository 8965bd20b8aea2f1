// How fast a queue is worked on: measured from one look at its counters to another, so that only who looks pays.

import type { Clock } from "../../base/clock.ts";
import type { QueueDescription } from "../../services.ts";

/** Mean rates since an earlier look, of the last minute if possible; null where there was none a second ago. */
export interface Rates {
  readonly deliveredPerSecond: number | null;
  readonly ackedPerSecond: number | null;
}

interface Look {
  readonly atMs: number;
  readonly delivered: number;
  readonly acked: number;
}

const windowMs = 60_000;
// Looks that are closer together are one: a rate over less says nothing.
const betweenLooksMs = 1000;

/** Remembers looks at the counters of queues. */
export class QueueRates {
  readonly #clock: Clock;
  readonly #looks = new Map<string, Look[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The rates of a queue that has just been counted. */
  of({ queue, counts }: Pick<QueueDescription, "queue" | "counts">): Rates {
    const { delivered, acked } = counts;
    const now: Look = { atMs: this.#clock.monotonicMs(), delivered, acked };
    const looks = this.#looksAt(queue, now);
    const before = looks.find(({ atMs }) => atMs <= now.atMs - betweenLooksMs);
    const last = looks.at(-1);
    if (last === undefined || last.atMs <= now.atMs - betweenLooksMs) looks.push(now);
    if (before === undefined) return { deliveredPerSecond: null, ackedPerSecond: null };
    const seconds = (now.atMs - before.atMs) / 1000;
    return {
      deliveredPerSecond: perSecond(delivered - before.delivered, seconds),
      ackedPerSecond: perSecond(acked - before.acked, seconds),
    };
  }

  /** Forgets a queue. */
  forget(queue: string): void {
    this.#looks.delete(queue);
  }

  // Looks of the last minute, or else the last one there was.
  #looksAt(queue: string, now: Look): Look[] {
    const looks = this.#looks.get(queue) ?? [];
    this.#looks.set(queue, looks);
    const last = looks.at(-1);
    // Counters that went back are those of another queue of the name.
    const isAnother =
      last !== undefined && (last.delivered > now.delivered || last.acked > now.acked);
    if (isAnother) looks.length = 0;
    while (looks.length > 1 && (looks[0]?.atMs ?? 0) < now.atMs - windowMs) looks.shift();
    return looks;
  }
}

function perSecond(count: number, seconds: number): number {
  return Math.round((count / seconds) * 1000) / 1000;
}
