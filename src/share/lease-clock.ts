// The clock by which leases and delays end.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { SteadyClock } from "../base/steady-clock.ts";

const toleranceMs = 1000;
// Leases and delays are short: an hour in which a clock that was set is not followed is long for them.
const holdMs = 3_600_000;

/** A clock that goes on for an hour as if the wall clock had not been set. */
export function leaseClock(clock: Clock, logger: Logger): Clock {
  const onDoubt = (aheadMs: number): void => {
    logger.warn({ aheadMs }, "the wall clock was set: leases and delays go on without it for now");
  };
  return new SteadyClock({ clock, toleranceMs, holdMs, onDoubt });
}
