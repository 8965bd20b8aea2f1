// Random lives of a log against what its owner was told: appends of every kind, reads, trims, retention, rolls, orderly
// stops, deaths, power cuts, failing syncs and full disks, in any order.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";
import { LogLedger } from "../support/log-ledger.ts";

class Life {
  readonly ledger = new LogLedger();
  readonly #config;
  readonly #random: Random;
  fixture: LogFixture;

  constructor(durability: "fsync" | "os", seed: number) {
    this.#config = { durability, segmentBytes: 600, retentionBytes: 2500, segmentMs: 3000 };
    this.#random = seededRandom(seed);
    const disk = new FaultyDisk({ schedule: this.#random, views: "poisoned" });
    this.fixture = new LogFixture({ disk, config: this.#config });
  }

  get disk(): FaultyDisk {
    return this.fixture.disk as FaultyDisk;
  }

  async start(disk: FaultyDisk): Promise<void> {
    const { clock } = this.fixture;
    this.fixture = new LogFixture({ disk, clock, config: this.#config });
    await this.fixture.open();
    await this.ledger.check(this.fixture);
  }

  crash(): Promise<void> {
    return this.start(this.disk.crash(this.#random));
  }

  // A failed sync and a full disk are told to the caller; a failed log is only good for a restart.
  async tolerant(step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const codes = ["KAFKA_STORAGE_ERROR", "DISK_FULL"];
      if (!(error instanceof LogError) || !codes.includes(error.code)) throw error;
    }
    if (this.fixture.log.health().state === "failed") await this.start(this.disk.kill());
  }
}

type Step = (life: Life) => Promise<void>;

const small = fc.integer({ min: 1, max: 4 });
const fraction = fc.integer({ min: 0, max: 100 });

const append = fc.tuple(fc.array(small, { minLength: 1, maxLength: 3 }), fc.boolean()).map(
  ([counts, needsSync]): Step =>
    async ({ ledger, fixture }) => {
      if (needsSync) await ledger.append(fixture.log, counts);
      else ledger.appendUnawaited(fixture.log, counts);
    },
);
const appendMany = fc.array(small, { minLength: 2, maxLength: 6 }).map((all): Step => {
  return async ({ ledger, fixture }) => {
    for (const count of all) ledger.appendUnawaited(fixture.log, [count]);
    await fixture.clock.run(0);
  };
});
const read = fraction.map(
  (percent): Step =>
    async ({ fixture, ledger }) => {
      const { logStartOffset, highWatermark } = fixture.log.positions();
      const from = logStartOffset + Math.floor(((highWatermark - logStartOffset) * percent) / 100);
      const records = await fixture.readAll(from);
      expect(records[0]?.offset ?? highWatermark).toBe(from);
      for (const { offset, value } of records) {
        expect(ledger.sent.get(offset)?.has(value ?? "")).toBe(true);
      }
    },
);
const trim = fraction.map(
  (percent): Step =>
    async (life) => {
      const { logStartOffset, highWatermark } = life.fixture.log.positions();
      const to = logStartOffset + Math.floor(((highWatermark - logStartOffset) * percent) / 100);
      await life.ledger.trim(life.fixture.log, to);
    },
);
const retain: Step = async (life) => {
  const { log } = life.fixture;
  try {
    await log.applyRetention();
  } finally {
    life.ledger.startMax = Math.max(life.ledger.startMax, log.positions().logStartOffset);
  }
};
const tick = fc.integer({ min: 1, max: 5000 }).map(
  (ms): Step =>
    async (life) => {
      await life.fixture.clock.run(ms);
      await life.fixture.log.rollIfDue();
    },
);
const persist: Step = (life) => life.fixture.persist();
const stop: Step = async (life) => {
  try {
    await life.fixture.closeClean();
  } finally {
    await life.start(life.disk.kill());
  }
};
const kill: Step = (life) => life.start(life.disk.kill());
const crash: Step = (life) => life.crash();
const failSync: Step = async ({ disk }) => {
  disk.plan({ kind: "sync", path: /\.log$/, effect: "fail" });
};
const full = small.map(
  (nth): Step =>
    async ({ disk }) => {
      disk.plan({ kind: ["write", "reserve"], path: /\.log$/, nth, effect: "full" });
    },
);

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: append },
    { weight: 3, arbitrary: appendMany },
    { weight: 2, arbitrary: read },
    { weight: 1, arbitrary: trim },
    { weight: 2, arbitrary: tick },
    { weight: 1, arbitrary: full },
    {
      weight: 5,
      arbitrary: fc.constantFrom(retain, persist, stop, kill, crash, crash, failSync),
    },
  ),
  { minLength: 5, maxLength: 25 },
);

describe("log: random lives", () => {
  for (const durability of ["fsync", "os"] as const) {
    test(`${durability}: nothing promised is lost, nothing is invented`, async () => {
      await fc.assert(
        fc.asyncProperty(steps, fc.nat(), async (life, seed) => {
          const each = new Life(durability, seed);
          await each.fixture.open();
          for (const step of life) await each.tolerant(() => step(each));
          await each.crash();
          await each.crash();
        }),
        { numRuns: 80, seed: 20_261 },
      );
    });
  }
});
