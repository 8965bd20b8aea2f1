// What a log's owner was told, against what the log still says after a crash.

import { expect } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { batchOfValues, type LogFixture } from "./log-fixture.ts";

/** Values by offset: sent, and known to be durable. */
export class LogLedger {
  /** What was sent for an offset; more than one value when a crash took the first ones back. */
  readonly sent = new Map<number, Set<string>>();
  /** Offsets below are promised to be there. */
  durableEnd = 0;
  /** Log start that was promised. */
  start = 0;
  /** Log start that was asked for, promised or not. */
  startMax = 0;
  #next = 0;

  /** Appends batches of `counts` records each in one call; the ledger learns when they are durable. */
  append(log: Log, counts: readonly number[], needsSync = true): Promise<void> {
    const batches = counts.map((count) => {
      const values = Array.from({ length: count }, () => `value ${this.#next++}`);
      return { values, batch: batchOfValues(values, this.#next * 10) };
    });
    const pending = log.append(
      batches.map(({ batch }) => batch),
      { needsSync },
    );
    let offset = pending.baseOffset;
    for (const value of batches.flatMap(({ values }) => values)) {
      const known = this.sent.get(offset) ?? new Set();
      this.sent.set(offset, known.add(value));
      offset++;
    }
    expect(pending.nextOffset).toBe(offset);
    return pending.durable.then(() => {
      this.durableEnd = Math.max(this.durableEnd, pending.nextOffset);
    });
  }

  /** Appends without asking for a sync and without waiting; the ledger learns when it was durable after all. */
  appendUnawaited(log: Log, counts: readonly number[]): void {
    this.append(log, counts, false).catch(() => undefined);
  }

  /** Trims; the ledger learns when the new start is durable. */
  async trim(log: Log, offset: number): Promise<void> {
    this.startMax = Math.max(this.startMax, offset);
    await log.trim(offset);
    this.start = Math.max(this.start, offset);
  }

  /** Holds a log opened after a crash to what was promised, and goes on from what it has. */
  async check(fixture: LogFixture): Promise<void> {
    const { log } = fixture;
    expect(log.health()).toEqual({ state: "ok" });
    const { logStartOffset, highWatermark, logEndOffset } = log.positions();
    expect(logStartOffset).toBeGreaterThanOrEqual(this.start);
    expect(logStartOffset).toBeLessThanOrEqual(this.startMax);
    expect(highWatermark).toBeGreaterThanOrEqual(this.durableEnd);
    expect(logEndOffset).toBe(highWatermark);
    const records = await fixture.readAll(logStartOffset);
    expect(records.length).toBe(highWatermark - logStartOffset);
    records.forEach(({ offset, value }, index) => {
      if (offset !== logStartOffset + index || !this.sent.get(offset)?.has(value ?? "")) {
        throw new Error(`record ${index} read has offset ${offset} and value ${value}`);
      }
      this.sent.set(offset, new Set([value ?? ""]));
    });
    for (const offset of this.sent.keys()) if (offset >= highWatermark) this.sent.delete(offset);
    this.durableEnd = highWatermark;
    this.start = logStartOffset;
  }
}
