// How much time may have gone by for the server: it keeps to its own count when the wall clock is set, and takes the
// wall clock's word when it starts and that is later.

import type { SimEvent } from "../history.ts";

/** A server that has seen the wall clock move by no more than this goes along. Milliseconds; two are for rounding. */
const toleranceMs = 1002;

interface Life {
  untilMs: number;
  /** How far ahead of the steady time it may have thought it was. */
  readonly aheadMs: Set<number>;
  isUp: boolean;
}

/** Bounds of the server's time by the steady time of the events. */
export class LeaseTime {
  readonly #lives: Life[] = [];
  #nowMs = 0;
  #aheadMs: number | null = null;
  #isSteady = true;

  /** True while nobody has set the wall clock. */
  get isSteady(): boolean {
    return this.#isSteady;
  }

  /** Hears of every event, in order. */
  take({ type, ms, wallMs }: SimEvent): void {
    this.#nowMs = ms;
    this.#aheadMs ??= wallMs - ms;
    // A millisecond is for rounding.
    if (Math.abs(wallMs - ms - this.#aheadMs) > 1) this.#isSteady = false;
    let life = this.#lives.at(-1);
    if (life === undefined || type === "stopped") {
      if (life !== undefined) life.untilMs = ms;
      life = { untilMs: Infinity, aheadMs: new Set(), isUp: false };
      this.#lives.push(life);
    }
    this.#see(life, wallMs - ms);
    if (type === "started") life.isUp = true;
  }

  /**
   * How much time may have gone by for the server since `ms`. A start believes a clock that was set ahead; of one that
   * was set back nobody loses time.
   */
  elapsed(ms: number): number {
    let sum = this.#nowMs - ms;
    let before: number | null = null;
    for (const { untilMs, aheadMs } of this.#lives) {
      if (untilMs < ms) continue;
      const least = Math.min(...aheadMs);
      sum += Math.max(...aheadMs) - Math.min(before ?? least, least);
      before = least;
    }
    return sum;
  }

  #see({ aheadMs, isUp }: Life, wallAheadMs: number): void {
    if (aheadMs.has(wallAheadMs)) return;
    const isNear = [...aheadMs].some((each) => Math.abs(each - wallAheadMs) <= toleranceMs);
    if (!isUp || isNear) aheadMs.add(wallAheadMs);
  }
}
