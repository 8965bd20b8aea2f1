// What time it may have been for the server: it keeps to its own count when the wall clock is set, and takes the wall
// clock's word when it starts.

import type { SimEvent } from "../history.ts";

/** A server that has seen the wall clock move by no more than this goes along. Milliseconds; two are for rounding. */
const toleranceMs = 1002;

interface Life {
  readonly fromMs: number;
  untilMs: number;
  /** How far ahead of the steady time it may have thought it was. */
  readonly aheadMs: Set<number>;
  isUp: boolean;
}

/** Bounds of the server's time by the steady time of the events. */
export class LeaseTime {
  readonly #lives: Life[] = [];
  #nowMs = 0;

  /** The steady time of the last event. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Hears of every event, in order. */
  take({ type, ms, wallMs }: SimEvent): void {
    this.#nowMs = ms;
    let life = this.#lives.at(-1);
    if (life === undefined || type === "stopped") {
      if (life !== undefined) life.untilMs = ms;
      life = { fromMs: ms, untilMs: Infinity, aheadMs: new Set(), isUp: false };
      this.#lives.push(life);
    }
    this.#see(life, wallMs - ms);
    if (type === "started") life.isUp = true;
  }

  /** The earliest that it may have been for the server at any time since `ms`. */
  earliest(ms: number): number {
    const bounds = this.#since(ms).map(({ fromMs, aheadMs }) => {
      return Math.max(ms, fromMs) + Math.min(...aheadMs);
    });
    return Math.min(...bounds);
  }

  /** The latest that it may have been for the server at any time since `ms`. */
  latest(ms: number): number {
    const bounds = this.#since(ms).map(({ untilMs, aheadMs }) => {
      return Math.min(this.#nowMs, untilMs) + Math.max(...aheadMs);
    });
    return Math.max(...bounds);
  }

  #since(ms: number): readonly Life[] {
    return this.#lives.filter(({ untilMs }) => untilMs >= ms);
  }

  #see({ aheadMs, isUp }: Life, wallAheadMs: number): void {
    if (aheadMs.has(wallAheadMs)) return;
    const isNear = [...aheadMs].some((each) => Math.abs(each - wallAheadMs) <= toleranceMs);
    if (!isUp || isNear) aheadMs.add(wallAheadMs);
  }
}
