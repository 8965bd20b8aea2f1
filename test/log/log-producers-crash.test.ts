// A log with producers and transactions whose machine stops at every disk operation: what is known of them afterwards
// is what the batches say that are left, and what readers of committed records are told is right.

import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/base/random.ts";
import type { LogConfig } from "../../src/log/log-types.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
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
} from "../support/producer-model.ts";

const small = { segmentBytes: 500, indexIntervalBytes: 150 };

/** Everything the workload appended or tried to; offsets are those it had. */
type History = ModelBatch[];

class Work {
  readonly fixture: LogFixture;
  readonly history: History;

  constructor(fixture: LogFixture, history: History) {
    this.fixture = fixture;
    this.history = history;
  }

  async append(batch: Uint8Array): Promise<void> {
    const { log } = this.fixture;
    this.history.push(modelBatchOf(batch, log.positions().logEndOffset));
    await log.append([batch]).durable;
  }

  part(id: number, sequence: number): Promise<void> {
    return this.append(producerBatch({ id, sequence, isTransactional: true }));
  }

  end(producerId: number, isCommit: boolean): Promise<void> {
    const marker = { producerId, producerEpoch: 0, coordinatorEpoch: 0, isCommit };
    return this.append(buildMarkerBatch(marker, 2000));
  }
}

// Idempotent batches and transactions over several segments, with checkpoints, a trim, an orderly stop and a start.
async function workload(fixture: LogFixture, history: History): Promise<void> {
  await fixture.open();
  const work = new Work(fixture, history);
  await fixture.persist();
  await work.append(batchOfValues(["plain"]));
  await work.append(producerBatch({ id: 1, sequence: 0, count: 2 }));
  await fixture.persist();
  await work.part(2, 0);
  await fixture.persist();
  await work.part(3, 0);
  await work.end(2, false);
  await work.append(producerBatch({ id: 1, sequence: 2 }));
  await work.part(2, 1);
  await work.end(3, false);
  await work.end(2, true);
  await fixture.persist();
  await work.part(4, 0);
  await fixture.log.trim(5);
  await work.append(producerBatch({ id: 1, sequence: 3 }));
  await work.end(4, false);
  await fixture.closeClean();
  await fixture.open();
  await work.part(2, 2);
  await work.end(2, false);
  await work.part(5, 7);
  await fixture.log.close();
  await fixture.persist();
}

async function interrupted(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    expect(error).toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  }
}

async function check({ log }: LogFixture, all: History): Promise<void> {
  expect(log.health()).toEqual({ state: "ok" });
  const { logStartOffset, logEndOffset, lastStableOffset } = log.positions();
  const history = all.filter(({ lastOffset }) => lastOffset < logEndOffset);
  const producers = modelProducers(history);
  const entries = [...log.producers()];
  expect(new Set(entries.map(({ producerId }) => producerId))).toEqual(new Set(producers.keys()));
  for (const entry of entries) {
    const { batches, ...rest } = modelOf(entry);
    const { batches: expected, ...others } = producers.get(entry.producerId) ?? { batches: [] };
    expect(rest).toEqual(others);
    expect(batches.at(-1)).toBe(expected.at(-1));
  }
  const transactions = modelTransactions(history);
  const stable = Math.max(logStartOffset, modelStableOffset(transactions, logEndOffset));
  expect(lastStableOffset).toBe(stable);
  for (let offset = logStartOffset; offset < stable; ) {
    const read = await log.read({ offset, maxBytes: 200, upTo: "lastStableOffset" });
    read.release();
    const told = read.aborted.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
    expect(told).toEqual(modelAborted(transactions, { from: offset, to: read.nextOffset }));
    offset = read.nextOffset;
  }
}

async function stoppedAt(
  nth: number,
  how: { config: Partial<LogConfig>; history: History; random: Random },
): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  disk.plan({ nth, effect: how.random.below(2) === 0 ? "halt-before" : "halt-after" });
  await interrupted(workload(new LogFixture({ disk, config: how.config }), how.history));
  return how.random.below(3) === 0 ? disk.kill() : disk.crash(how.random);
}

for (const durability of ["fsync", "os"] as const) {
  const config = { ...small, durability };

  test(`log with producers under ${durability}: the machine stops at every disk operation, twice`, async () => {
    const whole = new FaultyDisk();
    const done: History = [];
    const last = new LogFixture({ disk: whole, config });
    await workload(last, done);
    const count = whole.operationCount;
    expect(count).toBeGreaterThan(100);
    for (let nth = 1; nth <= count; nth++) {
      const random = seededRandom(nth);
      const history: History = [];
      const after = new LogFixture({
        disk: await stoppedAt(nth, { config, history, random }),
        config,
      });
      await after.open();
      await check(after, history);
      await after.persist();
      const again = new LogFixture({ disk: (after.disk as FaultyDisk).crash(random), config });
      await again.open();
      await check(again, history);
    }
  });
}
