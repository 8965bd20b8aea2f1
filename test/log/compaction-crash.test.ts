import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { LogConfig } from "../../src/log/log-types.ts";
import { batchOf } from "../support/batches.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";

const compaction = { dirtyRatioMin: 0.5, minLagMs: 0, maxLagMs: Infinity, deleteRetentionMs: 1 };
const config: Partial<LogConfig> = { segmentBytes: 500, indexIntervalBytes: 150, compaction };
const resources = { keyBytesMax: 1 << 16, throttle: () => null };

const keyed = (key: string, value: string | null, timestampMs = 1000): Uint8Array =>
  batchOf([{ key, value, timestampMs }]);

async function put(fixture: LogFixture, ...batches: Uint8Array[]): Promise<void> {
  for (const batch of batches) await fixture.log.append([batch]).durable;
}

const summary = async (fixture: LogFixture): Promise<string[]> =>
  (await fixture.readAll(fixture.log.positions().logStartOffset)).map(
    ({ offset, key, value }) => `${offset} ${key}=${value}`,
  );

describe("compaction: machine stops at every disk operation", () => {
  test("the latest of each key stays, offsets go on, twice in a row", async () => {
    const run = async (disk: FaultyDisk): Promise<void> => {
      const fixture = new LogFixture({ disk, config, clock: new FakeClock() });
      await fixture.open();
      for (let index = 0; index < 30; index++) {
        await put(fixture, keyed(`k${index % 4}`, `v${index}`));
      }
      await fixture.log.compact(resources);
      await fixture.log.close();
      await fixture.persist();
    };
    const whole = new FaultyDisk();
    await run(whole);
    const first = whole.operations.findIndex(({ path }) => path.endsWith(".cleaned"));
    expect(first).toBeGreaterThan(0);
    for (let nth = first; nth <= whole.operationCount; nth++) {
      const modes = ["none", "all", "prefix", "subset", "garbage", null] as const;
      for (const mode of [modes[nth % 6] ?? null]) {
        const random = seededRandom(nth);
        const disk = new FaultyDisk();
        disk.plan({ nth, effect: "halt-after" });
        await run(disk).catch(() => undefined);
        let after = mode === null ? disk.kill() : disk.crash(random, mode);
        for (let round = 0; round < 2; round++) {
          const fixture = new LogFixture({ disk: after, config });
          await fixture.open();
          expect(fixture.log.health()).toEqual({ state: "ok" });
          expect(fixture.log.positions().logEndOffset).toBe(30);
          const lines = await summary(fixture);
          for (let key = 0; key < 4; key++) {
            const latest = 26 + ((key + 2) % 4);
            expect(lines).toContain(`${latest} k${latest % 4}=v${latest}`);
          }
          for (const line of lines) {
            const offset = Number.parseInt(line, 10);
            expect(line).toBe(`${offset} k${offset % 4}=v${offset}`);
          }
          expect(after.paths().filter((path) => /cleaned|swap/.test(path))).toEqual([]);
          after = after.crash(random);
        }
      }
    }
  });
});
