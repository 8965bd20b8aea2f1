// Everything clients may do to topics, at once and in any order, on a disk that answers in any order and may fail.

import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/base/random.ts";
import type { Engine } from "../../src/engine.ts";
import {
  createTopic,
  fetched,
  fetchRequest,
  openTestEngine,
  produce,
  readAll,
} from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const configs = { "segment.bytes": "1024", "file.delete.delay.ms": "10" };
const settings = {
  inFlightBytesMax: 3000,
  lentBytesMax: 4000,
  replyBytesMax: 2000,
  admissionWaitMs: 50,
};

/** What acks=all answered: topic id and partition to the values by offset. */
type Kept = Map<string, Map<number, string>>;

async function act(engine: Engine, random: Random, kept: Kept): Promise<unknown> {
  const { topics } = engine.services;
  const name = `topic${random.below(3)}`;
  const partition = random.below(2);
  switch (random.below(9)) {
    case 0:
      return createTopic(engine, name, { partitions: 1 + random.below(3), configs });
    case 1:
      return random.below(3) === 0 ? topics.delete(name) : engine.applyRetention();
    case 2:
      return topics.createPartitions(name, 1 + random.below(5));
    case 3:
      return topics.alterConfigs(name, { "segment.ms": random.below(2) === 0 ? "50" : null });
    case 4:
      return topics.deleteRecords(name, [{ partition, offset: random.below(3) - 1 }]);
    case 5: {
      const request = { maxWaitMs: 100, minBytes: random.below(800), partition };
      return fetched(engine, fetchRequest(name, random.below(5), request));
    }
    default: {
      const id = topics.lookup(name)?.topicId;
      const value = `${random.below(2 ** 32)}${"x".repeat(random.below(600))}`;
      const acks = random.below(2) === 0 ? -1 : 1;
      const answer = await produce(engine, { topic: name, partition, values: [value], acks });
      const isSame = topics.lookup(name)?.topicId === id;
      if (answer.error !== null || acks !== -1 || !isSame) return answer;
      const records = kept.get(`${id} ${partition}`) ?? new Map<number, string>();
      kept.set(`${id} ${partition}`, records.set(answer.baseOffset, value));
      return answer;
    }
  }
}

async function expectKept(engine: Engine, kept: Kept, label: string): Promise<number> {
  let checkedCount = 0;
  for (const { name, topicId, partitionCount } of await engine.services.topics.list()) {
    for (let partition = 0; partition < partitionCount; partition++) {
      const records = kept.get(`${topicId} ${partition}`);
      if (records === undefined) continue;
      const found = await readAll(engine, name, partition);
      const question = { topic: name, partition, timestampMs: -2 };
      const [earliest] = await engine.services.data.listOffsets([question]);
      // What lies below was trimmed by a client.
      const start = earliest?.offset ?? 0;
      const byOffset = new Map(found.map((record) => [record.offset, record.value]));
      for (const [offset, value] of records) {
        if (offset < start) continue;
        expect(byOffset.get(offset), label).toBe(value);
        checkedCount++;
      }
    }
  }
  return checkedCount;
}

test("topics: any interleaving: errors have names, nothing leaks, what is kept is kept", async () => {
  let checkedCount = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const label = `seed ${seed}`;
    const clock = new FakeClock();
    const disk = new FaultyDisk({ schedule: random });
    const { engine } = await openTestEngine({ disk, clock, seed, settings });
    if (random.below(2) === 0) {
      const effect = random.below(2) === 0 ? "full" : "fail";
      disk.plan({ kind: "write", path: /topic\d-/, nth: 1 + random.below(40), times: 3, effect });
    }
    const kept: Kept = new Map();
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 150; call++) {
      calls.push(
        act(engine, random, kept).catch((error: unknown) => {
          expect(error, label).toHaveProperty("code");
        }),
      );
      if (random.below(3) === 0) clock.advance(random.below(40));
      await settle(random.below(3));
    }
    const closesEarly = random.below(2) === 0;
    const early = closesEarly ? engine.close() : null;
    // Enough time for every wait to end by itself.
    for (let turn = 0; turn < 30; turn++) {
      clock.advance(100);
      await settle(10);
    }
    await Promise.all(calls);
    const idle = { inFlightBytes: 0, lentBytes: 0, parkedFetches: 0 };
    expect(engine.gauges(), label).toMatchObject(idle);
    await (early ?? engine.close());
    const again = await openTestEngine({ disk, clock, seed: seed + 1000 });
    expect((await again.engine.services.health()).problems, label).toEqual([]);
    checkedCount += await expectKept(again.engine, kept, label);
    await again.engine.close();
    await settle(20);
    expect([disk.openFiles, disk.liveMaps], label).toEqual([0, 0]);
  }
  expect(checkedCount).toBeGreaterThan(50);
});
