import { describe, expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/base/random.ts";
import type { LogConfig } from "../../src/log/log-types.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";
import { LogLedger } from "../support/log-ledger.ts";

const small = { segmentBytes: 700, retentionBytes: 1500, indexIntervalBytes: 150 };

// Appends of every kind over several segments, two checkpoints, trim, retention, a clean stop and a start.
async function workload(fixture: LogFixture, ledger: LogLedger): Promise<void> {
  let log = await fixture.open();
  await fixture.persist();
  await Promise.all([ledger.append(log, [2]), ledger.append(log, [1, 3])]);
  for (let index = 0; index < 5; index++) await ledger.append(log, [3]);
  await fixture.persist();
  const lazy = [ledger.append(log, [1], false), ledger.append(log, [2, 2], false)];
  await Promise.all([log.flush(), ...lazy]);
  ledger.appendUnawaited(log, [1, 1]);
  await fixture.clock.run(0);
  ledger.appendUnawaited(log, [2]);
  await fixture.clock.run(0);
  await ledger.append(log, [4]);
  await ledger.trim(log, 7);
  await Promise.all([ledger.append(log, [5]), ledger.append(log, [5]), log.flush()]);
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

async function interrupted(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    expect(error).toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  }
}

async function countOperations(config: Partial<LogConfig>): Promise<number> {
  const disk = new FaultyDisk();
  await workload(new LogFixture({ disk, config }), new LogLedger());
  return disk.operationCount;
}

// The disk after the machine stopped at the n-th call of the workload; half of the time only the process died.
async function stoppedAt(
  nth: number,
  how: { config: Partial<LogConfig>; ledger: LogLedger; random: Random },
): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  disk.plan({ nth, effect: how.random.below(2) === 0 ? "halt-before" : "halt-after" });
  await interrupted(workload(new LogFixture({ disk, config: how.config }), how.ledger));
  return how.random.below(4) === 0 ? disk.kill() : disk.crash(how.random);
}

for (const durability of ["fsync", "os"] as const) {
  const config = { ...small, durability };
  const fixtureOf = (disk: FaultyDisk): LogFixture => new LogFixture({ disk, config });

  describe(`log under ${durability}: machine stops at every disk operation`, () => {
    test("durable records stay, nothing is invented, offsets go on, twice in a row", async () => {
      const count = await countOperations(config);
      expect(count).toBeGreaterThan(100);
      for (let nth = 1; nth <= count; nth++) {
        const random = seededRandom(nth);
        const ledger = new LogLedger();
        const after = fixtureOf(await stoppedAt(nth, { config, ledger, random }));
        await after.open();
        await ledger.check(after);
        await ledger.append(after.log, [3]);
        const again = fixtureOf((after.disk as FaultyDisk).crash(random));
        await again.open();
        await ledger.check(again);
      }
    });

    test("the machine also stops at every operation of the recovery: same result", async () => {
      const count = await countOperations(config);
      for (let nth = 5; nth <= count; nth += 9) {
        const random = seededRandom(1000 + nth);
        const ledger = new LogLedger();
        let disk = await stoppedAt(nth, { config, ledger, random });
        for (let step = 1; ; step++) {
          const halted = disk.plan({ nth: step, effect: "halt-after" });
          const fixture = fixtureOf(disk);
          await interrupted(fixture.open());
          if (halted.hits === 0) {
            halted.cancel();
            await ledger.check(fixture);
            break;
          }
          disk = random.below(2) === 0 ? disk.kill() : disk.crash(random);
        }
      }
    });
  });
}
