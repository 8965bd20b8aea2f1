import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";
import { LogLedger } from "../support/log-ledger.ts";

const config = { segmentBytes: 700, retentionBytes: 1500, indexIntervalBytes: 150 };

function fixtureOf(disk: FaultyDisk): LogFixture {
  return new LogFixture({ disk, config });
}

// Appends of every kind over several segments, two checkpoints, trim, retention, a clean stop and a start.
async function workload(fixture: LogFixture, ledger: LogLedger): Promise<void> {
  let log = await fixture.open();
  await fixture.persist();
  const pending = [ledger.append(log, [2]), ledger.append(log, [1, 3])];
  await Promise.all(pending);
  for (let index = 0; index < 5; index++) await ledger.append(log, [3]);
  await fixture.persist();
  await ledger.append(log, [1], false);
  await ledger.append(log, [2, 2], false);
  await ledger.append(log, [4]);
  await ledger.trim(log, 7);
  const late = Promise.all([ledger.append(log, [5]), ledger.append(log, [5]), log.flush()]);
  await late;
  ledger.startMax = Number.POSITIVE_INFINITY;
  await log.applyRetention();
  ledger.startMax = log.positions().logStartOffset;
  ledger.start = ledger.startMax;
  await ledger.append(log, [2]);
  await fixture.clock.run(100_000);
  await fixture.closeClean();
  log = await fixture.open();
  await ledger.append(log, [1]);
  await ledger.append(log, [6]);
  await log.close();
  await fixture.persist();
}

async function interrupted(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    expect(error).toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  }
}

async function countOperations(): Promise<number> {
  const disk = new FaultyDisk();
  await workload(fixtureOf(disk), new LogLedger());
  return disk.operationCount;
}

describe("log: power cut at every disk operation", () => {
  for (const effect of ["halt-before", "halt-after"] as const) {
    test(`${effect}: durable records stay, nothing is invented, offsets go on`, async () => {
      const count = await countOperations();
      expect(count).toBeGreaterThan(100);
      for (let nth = 1; nth <= count; nth++) {
        const ledger = new LogLedger();
        const disk = new FaultyDisk();
        disk.plan({ nth, effect });
        await interrupted(workload(fixtureOf(disk), ledger));
        const random = seededRandom(nth);
        const after = fixtureOf(disk.crash(random));
        await after.open();
        await ledger.check(after);
        await ledger.append(after.log, [3]);
        const again = fixtureOf((after.disk as FaultyDisk).crash(random));
        await again.open();
        await ledger.check(again);
      }
    });
  }
});
