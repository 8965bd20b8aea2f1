// Ends uploads that take too long, with one timer for all of them: arming one for each request would cost more than the
// shortest requests do.

import type { Clock } from "../../base/clock.ts";

/** An upload under watch. */
export interface WatchedBody {
  /** When bytes last came (or when it began), in the clock's monotonic milliseconds. */
  sinceMs: number;
  /** Ends it. */
  cut(): void;
}

/** Watches uploads. */
export class BodyWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #bodies = new Set<WatchedBody>();
  #isArmed = false;

  /** @param timeoutMs An upload older than this is cut, at the latest a quarter of it too late. */
  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Begins to watch an upload. */
  add(cut: () => void): WatchedBody {
    const body: WatchedBody = { sinceMs: this.#clock.monotonicMs(), cut };
    this.#bodies.add(body);
    this.#arm();
    return body;
  }

  /** Bytes have come: the time starts anew. */
  renew(body: WatchedBody): void {
    body.sinceMs = this.#clock.monotonicMs();
  }

  /** The upload is over; harmless twice. */
  delete(body: WatchedBody): void {
    this.#bodies.delete(body);
  }

  #sweep(): void {
    this.#isArmed = false;
    const oldestMs = this.#clock.monotonicMs() - this.#timeoutMs;
    for (const body of this.#bodies) {
      if (body.sinceMs > oldestMs) continue;
      this.#bodies.delete(body);
      body.cut();
    }
    if (this.#bodies.size > 0) this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.after(this.#timeoutMs / 4, () => this.#sweep());
  }
}
