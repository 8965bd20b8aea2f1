// Random lives of a log with producers and transactions: what it knows of them against a slow reading of every batch it
// ever held, after each step and after each death, power cut, refusal and damage to the files that only derive from it.

import fc from "fast-check";
import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import type { PendingAppend } from "../../src/log/log-types.ts";
import { batchesOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfValues, LogFixture } from "../support/log-fixture.ts";
import { producerBatch } from "../support/producer-batches.ts";
import {
  type ModelBatch,
  modelAborted,
  modelBatchOf,
  modelOf,
  modelProducers,
  modelStableOffset,
  modelTransactions,
  wrapped,
} from "../support/producer-model.ts";

interface Attempt {
  readonly batch: ModelBatch;
  readonly pending: PendingAppend;
}

class Life {
  readonly #config;
  readonly #random: Random;
  fixture: LogFixture;
  /** Every batch the log ever held, oldest first. */
  history: ModelBatch[] = [];
  #attempts: Attempt[] = [];

  constructor(durability: "fsync" | "os", seed: number) {
    this.#config = { durability, segmentBytes: 500, retentionBytes: 2500, indexIntervalBytes: 150 };
    this.#random = seededRandom(seed);
    const disk = new FaultyDisk({ schedule: this.#random, views: "poisoned" });
    this.fixture = new LogFixture({ disk, config: this.#config });
  }

  get disk(): FaultyDisk {
    return this.fixture.disk as FaultyDisk;
  }

  /** What the log was given, durable or not. */
  get known(): readonly ModelBatch[] {
    return [...this.history, ...this.#attempts.map(({ batch }) => batch)];
  }

  append(batch: Uint8Array): PendingAppend {
    const { logEndOffset } = this.fixture.log.positions();
    const model = modelBatchOf(batch, logEndOffset);
    const pending = this.fixture.log.append([batch]);
    expect(pending.isDuplicate).toBe(false);
    this.#attempts.push({ batch: model, pending });
    return pending;
  }

  marker(id: number, epoch: number, isCommit: boolean): void {
    const baseOffset = this.fixture.log.positions().logEndOffset;
    const marker = { producerId: id, producerEpoch: epoch, coordinatorEpoch: 1, isCommit };
    const pending = this.fixture.log.appendMarker(marker, 3000);
    this.#attempts.push({
      pending,
      batch: {
        baseOffset,
        lastOffset: baseOffset,
        producerId: id,
        producerEpoch: epoch,
        baseSequence: -1,
        isTransactional: true,
        timestampMs: 3000,
        marker: { isCommit, coordinatorEpoch: 1 },
      },
    });
  }

  /** Waits until what was appended is durable or refused. */
  async settle(): Promise<void> {
    for (const { batch, pending } of this.#attempts.splice(0)) {
      try {
        await pending.durable;
        this.history.push(batch);
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
      }
    }
  }

  async start(disk: FaultyDisk): Promise<void> {
    const { clock } = this.fixture;
    this.#attempts = [];
    this.fixture = new LogFixture({ disk, clock, config: this.#config });
    const log = await this.fixture.open();
    expect(log.health()).toEqual({ state: "ok" });
    const { logStartOffset, logEndOffset } = log.positions();
    this.history = this.history.filter(({ lastOffset }) => lastOffset < logStartOffset);
    for (let offset = logStartOffset; offset < logEndOffset; ) {
      const read = await log.read({ offset, maxBytes: 1 << 20, upTo: "logEndOffset" });
      this.history.push(...batchesOf(read.bytes).map((batch) => modelBatchOf(batch.slice())));
      read.release();
      offset = read.nextOffset;
    }
  }

  check(): void {
    const { log } = this.fixture;
    const producers = modelProducers(this.history);
    const entries = new Map([...log.producers()].map((entry) => [entry.producerId, entry]));
    expect(new Set(entries.keys())).toEqual(new Set(producers.keys()));
    for (const [producerId, model] of producers) {
      const entry = entries.get(producerId);
      if (entry === undefined) throw new Error(`producer ${producerId} is unknown`);
      const { batches, ...rest } = modelOf(entry);
      const { batches: all, ...expected } = model;
      expect(rest).toEqual(expected);
      // A snapshot keeps the last batch only.
      expect(batches.length).toBeGreaterThanOrEqual(Math.min(1, all.length));
      expect(batches.length).toBeLessThanOrEqual(5);
      expect(batches).toEqual(all.slice(all.length - batches.length));
    }
    const transactions = modelTransactions(this.history);
    const { highWatermark, lastStableOffset, logStartOffset } = log.positions();
    const stable = Math.max(logStartOffset, modelStableOffset(transactions, highWatermark));
    expect(lastStableOffset).toBe(stable);
  }

  /** What readers of committed records are told of all offsets. */
  async checkAborted(): Promise<void> {
    const { log } = this.fixture;
    const transactions = modelTransactions(this.history);
    const { logStartOffset, lastStableOffset: stable } = log.positions();
    for (let offset = logStartOffset; offset < stable; ) {
      const maxBytes = 1 + this.#random.below(1500);
      const read = await log.read({ offset, maxBytes, upTo: "lastStableOffset" });
      read.release();
      expect(read.nextOffset).toBeLessThanOrEqual(stable);
      const range = { from: offset, to: read.nextOffset };
      const told = read.aborted.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
      expect(told).toEqual(modelAborted(transactions, range));
      offset = read.nextOffset;
    }
  }

  // A failed sync and a full disk are told to the caller; a failed log is only good for a restart.
  async tolerant(step: (life: Life) => unknown): Promise<void> {
    try {
      await step(this);
    } catch (error) {
      const codes = ["KAFKA_STORAGE_ERROR", "DISK_FULL"];
      if (!(error instanceof LogError) || !codes.includes(error.code)) throw error;
    }
    if (this.fixture.log.health().state !== "failed") await this.settle();
    if (this.fixture.log.health().state === "failed") await this.start(this.disk.kill());
    this.check();
  }

  crash(): Promise<void> {
    return this.start(this.disk.crash(this.#random));
  }

  pick(count: number): number {
    return this.#random.below(count);
  }
}

type Step = (life: Life) => unknown;

const producer = fc.integer({ min: 1, max: 4 });

function nextOf(life: Life, id: number): { epoch: number; sequence: number; isOpen: boolean } {
  const known = modelProducers(life.known).get(id);
  if (known === undefined) return { epoch: 0, sequence: 2 ** 31 - 2, isOpen: false };
  const last = known.batches.at(-1)?.split("@")[0]?.split("-")[1];
  const sequence = last === undefined ? 0 : wrapped(Number(last), 1);
  const isOpen = known.currentTransactionStart >= 0;
  return { epoch: known.producerEpoch, sequence, isOpen };
}

const send = fc.tuple(producer, fc.integer({ min: 1, max: 3 }), fc.boolean()).map(
  ([id, count, wantsTransaction]): Step =>
    (life) => {
      const { epoch, sequence, isOpen } = nextOf(life, id);
      const isTransactional = isOpen || wantsTransaction;
      life.append(producerBatch({ id, epoch, sequence, count, isTransactional }));
    },
);
const end = fc.tuple(producer, fc.boolean()).map(
  ([id, isCommit]): Step =>
    (life) => {
      life.marker(id, nextOf(life, id).epoch, isCommit);
    },
);
const bump = producer.map(
  (id): Step =>
    (life) => {
      const { epoch, isOpen } = nextOf(life, id);
      const options = { id, epoch: epoch + 1, sequence: 0, isTransactional: isOpen };
      life.append(producerBatch(options));
    },
);
const repeat = producer.map(
  (id): Step =>
    async (life) => {
      const batches = life.known.filter((each) => each.producerId === id);
      const last = batches.findLast(({ marker }) => marker === null);
      const epoch = batches.at(-1)?.producerEpoch;
      if (last === undefined || last.producerEpoch !== epoch) return;
      const { baseSequence: sequence, baseOffset, lastOffset, isTransactional } = last;
      const count = lastOffset - baseOffset + 1;
      const again = producerBatch({ id, epoch, sequence, count, isTransactional });
      const pending = life.fixture.log.append([again]);
      expect(pending).toMatchObject({ isDuplicate: true, baseOffset, nextOffset: lastOffset + 1 });
    },
);
const plain: Step = (life) => life.append(batchOfValues(["plain"]));
const look: Step = (life) => life.checkAborted();
const burst = fc.array(fc.oneof(send, send, end, fc.constant(plain), repeat), {
  minLength: 2,
  maxLength: 8,
});
const burstStep = burst.map(
  (all): Step =>
    async (life) => {
      for (const each of all) void each(life);
    },
);
const persist: Step = async (life) => {
  await life.fixture.persist();
  await life.fixture.clock.run(0);
};
const stop: Step = async (life) => {
  try {
    await life.settle();
    await life.fixture.closeClean();
  } finally {
    await life.start(life.disk.kill());
  }
};
const kill: Step = (life) => life.start(life.disk.kill());
const crash: Step = (life) => life.crash();
const failSync: Step = ({ disk }) => void disk.plan({ kind: "sync", effect: "fail" });
const full = fc.integer({ min: 1, max: 4 }).map(
  (nth): Step =>
    ({ disk }) => {
      disk.plan({ kind: ["write", "reserve"], nth, effect: "full" });
    },
);
const trim: Step = async (life) => {
  const { logStartOffset, highWatermark } = life.fixture.log.positions();
  await life.fixture.log.trim(logStartOffset + life.pick(highWatermark - logStartOffset + 1));
};
const retain: Step = (life) => life.fixture.log.applyRetention();
// What derives from the log is lost or spoilt while the server is down.
const spoil: Step = async (life) => {
  // What was trimmed away is told by snapshots only.
  const isWhole = life.fixture.log.positions().logStartOffset === 0;
  const disk = life.disk.kill();
  const derived = disk
    .paths()
    .filter((path) => /\.(snapshot|txnindex|index|timeindex)$/.test(path));
  for (const path of isWhole ? derived : []) {
    if (life.pick(2) === 0) continue;
    const bytes = disk.contents(path);
    if (bytes === null || !path.endsWith(".snapshot") || life.pick(3) === 0) {
      if (!path.endsWith(".snapshot") && !path.endsWith(".txnindex")) await disk.remove(path);
      continue;
    }
    const at = life.pick(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 + life.pick(255));
    disk.setContents(path, bytes);
  }
  await life.start(disk);
};
const loseIndex: Step = async (life) => {
  const isWhole = life.fixture.log.positions().logStartOffset === 0;
  const disk = life.disk.kill();
  const indexes = disk.paths().filter((path) => path.endsWith(".txnindex"));
  const path = indexes[life.pick(Math.max(1, indexes.length))];
  if (isWhole && path !== undefined) await disk.remove(path);
  await life.start(disk);
};

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: send },
    { weight: 4, arbitrary: end },
    { weight: 6, arbitrary: burstStep },
    { weight: 1, arbitrary: bump },
    { weight: 2, arbitrary: repeat },
    { weight: 2, arbitrary: full },
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        plain,
        persist,
        persist,
        stop,
        kill,
        crash,
        crash,
        failSync,
        trim,
        retain,
        spoil,
        loseIndex,
        look,
        look,
      ),
    },
  ),
  { minLength: 5, maxLength: 25 },
);

for (const durability of ["fsync", "os"] as const) {
  test(`log with producers under ${durability}: random lives`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), async (life, seed) => {
        const each = new Life(durability, seed);
        await each.fixture.open();
        for (const step of life) await each.tolerant(step);
        await each.checkAborted();
        await each.crash();
        each.check();
        await each.checkAborted();
      }),
      { numRuns: 40, seed: 20_262 },
    );
  });
}
