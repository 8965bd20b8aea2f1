// How long the steps of a start take, so that a slow one is known by its name.

import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";

/** One step after the other, each from the end of the one before. */
export class StartSteps {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #sinceMs: number;

  /** @param seams The steps are logged with `debug`. */
  constructor(seams: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = seams.clock;
    this.#logger = seams.logger;
    this.#sinceMs = seams.clock.monotonicMs();
  }

  /** A step has ended; the next one begins. */
  ended(step: string): void {
    const nowMs = this.#clock.monotonicMs();
    const stepMs = Math.round((nowMs - this.#sinceMs) * 10) / 10;
    this.#sinceMs = nowMs;
    this.#logger.debug({ step, stepMs }, "a step of the start has ended");
  }
}
