// A bound on how many things happen in a second, on average: tokens come evenly, and at most a second's worth is kept.

/** Tokens. */
export class Throttle {
  #tokens = 0;
  #filledAtMs: number | null = null;

  /** How many may happen now. */
  available(perSecond: number, nowMs: number): number {
    this.#fill(perSecond, nowMs);
    return Math.floor(this.#tokens);
  }

  /** So many happened. */
  take(count: number): void {
    this.#tokens -= count;
  }

  /** How long until one may happen, in milliseconds. */
  waitMs(perSecond: number): number {
    return Math.max(1, Math.ceil(((1 - this.#tokens) * 1000) / perSecond));
  }

  #fill(perSecond: number, nowMs: number): void {
    const most = Math.max(1, perSecond);
    if (this.#filledAtMs === null) this.#tokens = most;
    else this.#tokens += (Math.max(0, nowMs - this.#filledAtMs) * perSecond) / 1000;
    this.#tokens = Math.min(this.#tokens, most);
    this.#filledAtMs = nowMs;
  }
}
