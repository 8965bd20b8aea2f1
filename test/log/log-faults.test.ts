import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { seededRandom } from "../../src/base/random.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";
import { LogLedger } from "../support/log-ledger.ts";

const config = { segmentBytes: 700, retentionBytes: 1500, indexIntervalBytes: 150 };

// Goes on after each refusal, as a broker does: only LogErrors of the storage kind may come out.
async function tolerant(step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    expect(["KAFKA_STORAGE_ERROR", "DISK_FULL"]).toContain(error.code);
  }
}

async function workload(fixture: LogFixture, ledger: LogLedger): Promise<void> {
  for (let lap = 0; lap < 2; lap++) {
    let isOpen = false;
    await tolerant(async () => {
      await fixture.open();
      isOpen = true;
    });
    if (!isOpen) continue;
    const { log } = fixture;
    await tolerant(() => fixture.persist());
    for (let index = 0; index < 5; index++) {
      await tolerant(() => ledger.append(log, [3, 1]));
      await tolerant(() => Promise.all([ledger.append(log, [2]), log.flush()]));
    }
    await tolerant(() => ledger.trim(log, Math.min(7, log.positions().highWatermark)));
    await tolerant(async () => {
      ledger.startMax = Number.POSITIVE_INFINITY;
      await log.applyRetention();
    });
    await tolerant(() => fixture.readAll(log.positions().logStartOffset));
    await tolerant(() => ledger.append(log, [2]));
    await tolerant(() => fixture.closeClean());
  }
}

const effects = [
  { effect: "fail", kind: undefined },
  { effect: "short", kind: "write" },
  { effect: "full", kind: ["write", "reserve", "open", "truncate"] },
] as const;

async function countOperations(kinds: readonly string[] | null): Promise<number> {
  const disk = new FaultyDisk();
  await workload(new LogFixture({ disk, config }), new LogLedger());
  return disk.operations.filter(({ kind }) => kinds?.includes(kind) ?? true).length;
}

describe("log: every single disk call fails once", () => {
  for (const { effect, kind } of effects) {
    test(`${effect}: what was acknowledged is there after a power cut`, async () => {
      const kinds = kind === undefined ? null : [kind].flat();
      const count = await countOperations(kinds);
      for (let nth = 1; nth <= count; nth++) {
        const random = seededRandom(nth);
        const disk = new FaultyDisk();
        const ledger = new LogLedger();
        disk.plan({ nth, effect, ...(kinds === null ? {} : { kind: kinds }) });
        await workload(new LogFixture({ disk, config }), ledger);
        const isCrash = random.below(2) === 0;
        const after = new LogFixture({ disk: isCrash ? disk.crash(random) : disk.kill(), config });
        await after.open();
        await ledger.check(after);
        await ledger.append(after.log, [3]);
        expect(after.log.health()).toEqual({ state: "ok" });
        const again = new LogFixture({ disk: (after.disk as FaultyDisk).crash(random), config });
        await again.open();
        await ledger.check(again);
      }
    });
  }
});
