// The time by which things grow old: the wall clock, unless that has jumped.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { SteadyClock } from "../base/steady-clock.ts";
import { readClockFile } from "../storage/clock-file.ts";
import type { DataDirectory } from "../storage/data-directory.ts";
import type { Disk } from "../storage/disk.ts";

const hourMs = 3_600_000;
// A server may well have been off for some days.
const offMsMax = 7 * 24 * hourMs;

/** What an age clock is opened with. */
export interface AgeClockOptions {
  readonly disk: Disk;
  readonly data: DataDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: { readonly clockHoldMs: number };
}

/** The clock for a data directory, which remembers what time it was. */
export async function openAgeClock(options: AgeClockOptions): Promise<SteadyClock> {
  const { disk, data, clock, logger, settings } = options;
  const { clockHoldMs: holdMs } = settings;
  const onDoubt = (aheadMs: number): void => {
    const detail = "the wall clock has jumped: nothing is removed by its word for a while";
    logger.warn({ aheadMs, holdMs }, detail);
  };
  const ageClock = new SteadyClock({ clock, toleranceMs: hourMs, holdMs, onDoubt });
  const seenMs = await readClockFile(disk, data.path);
  if (seenMs !== null) ageClock.continueFrom(seenMs, offMsMax);
  return ageClock;
}

/** What is to be said of a clock that is not believed, as sentences. */
export function clockWarnings(ageClock: SteadyClock): readonly string[] {
  const aheadMs = ageClock.doubtedMs;
  if (aheadMs === 0) return [];
  const place = aheadMs > 0 ? "ahead of" : "behind";
  const off = `${Math.abs(aheadMs)} ms ${place} what it should be`;
  return [`the wall clock is ${off}: age is reckoned without it until it has stood by that`];
}
