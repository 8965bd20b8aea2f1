import { describe, expect, test } from "vitest";
import { createTopic, openTestEngine, produce, readAll } from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const dayMs = 86_400_000;
const small = {
  "segment.bytes": "1024",
  "file.delete.delay.ms": "0",
  "retention.ms": "604800000",
  "message.timestamp.type": "LogAppendTime",
};

async function filled(count = 5) {
  const disk = new FaultyDisk();
  const clock = new FakeClock(1_800_000_000_000);
  const opened = await openTestEngine({ disk, clock });
  await createTopic(opened.engine, "orders", { configs: small });
  for (let index = 0; index < count; index++) {
    await produce(opened.engine, { topic: "orders", values: ["x".repeat(400)] });
  }
  return opened;
}

type Opened = Awaited<ReturnType<typeof filled>>;

async function left({ engine }: Opened): Promise<number> {
  await engine.applyRetention();
  await settle(20);
  return (await readAll(engine, "orders")).length;
}

async function commitOne({ engine }: Opened): Promise<void> {
  await engine.services.groups.commitOffsets({
    group: "readers",
    memberId: "",
    memberEpoch: -1,
    offsets: [{ topic: "orders", partition: 0, offset: 1, leaderEpoch: -1, metadata: "" }],
  });
}

describe("age clock: the wall clock jumps by years", () => {
  test("nothing is removed by age, it is said, and a clock set right again is forgotten", async () => {
    const opened = await filled();
    const { engine, clock } = opened;
    await commitOne(opened);
    clock.setWall(clock.nowMs() + 3650 * dayMs);
    expect(await left(opened)).toBe(5);
    const { ready, warnings } = await engine.services.health();
    expect([ready, warnings.join()]).toEqual([
      true,
      expect.stringMatching(/clock is \d+ ms ahead/),
    ]);
    expect(engine.gauges().clockDoubtedMs).toBe(3650 * dayMs);
    await clock.run(dayMs / 24);
    expect(await left(opened)).toBe(5);
    expect((await engine.services.groups.committedOffsets("readers", null)).length).toBe(1);
    clock.setWall(clock.nowMs() - 3650 * dayMs);
    expect((await engine.services.health()).warnings).toEqual([]);
    clock.advance(8 * dayMs);
    expect(await left(opened)).toBe(0);
    await engine.close();
  });

  test("it stands by it for a day: it is believed, and age removes again", async () => {
    const opened = await filled();
    const { clock, engine } = opened;
    clock.setWall(clock.nowMs() + 3650 * dayMs);
    expect(await left(opened)).toBe(5);
    clock.advance(dayMs);
    expect(await left(opened)).toBe(0);
    await engine.close();
  });

  test("while the server is off: the next start keeps everything for as long", async () => {
    const first = await filled();
    await commitOne(first);
    await first.engine.close();
    const clock = new FakeClock(first.clock.nowMs() + 3650 * dayMs);
    const second = await openTestEngine({ disk: first.disk, clock });
    expect(await left(second)).toBe(5);
    expect((await second.engine.services.health()).warnings).toHaveLength(1);
    await second.engine.close();
    const later = new FakeClock(first.clock.nowMs() + 3651 * dayMs);
    const third = await openTestEngine({ disk: first.disk, clock: later });
    expect(await left(third)).toBe(5);
    later.advance(dayMs);
    expect(await left(third)).toBe(0);
    await third.engine.close();
  });

  test("some days off are none of that", async () => {
    const first = await filled();
    await first.engine.close();
    const clock = new FakeClock(first.clock.nowMs() + 6.9 * dayMs);
    const second = await openTestEngine({ disk: first.disk, clock });
    expect((await second.engine.services.health()).warnings).toEqual([]);
    clock.advance(dayMs);
    expect(await left(second)).toBe(0);
    await second.engine.close();
  });
});

test("a long log: age removes a part of it in one round", async () => {
  const opened = await filled(100);
  opened.clock.advance(8 * dayMs);
  const rounds = [await left(opened)];
  while ((rounds.at(-1) ?? 0) > 0 && rounds.length < 10) rounds.push(await left(opened));
  expect(rounds[0]).toBeGreaterThan(50);
  expect(rounds.at(-1)).toBe(0);
  await opened.engine.close();
});

describe("leases: the wall clock jumps", () => {
  test.each([dayMs, -dayMs])(
    "by %i ms: what is held stays held, for as long as it was",
    async (ms) => {
      const { engine, clock } = await openTestEngine();
      const { queues } = engine.services;
      await queues.put("jobs", { leaseMs: 30_000 });
      await produce(engine, { topic: "jobs", values: ["job"] });
      const receive = async () => {
        const asked = { max: 1, maxBytes: 1 << 20, waitMs: 0, leaseMs: null, signal: null };
        const { ranges, release } = await queues.receive({ queue: "jobs", ...asked });
        release();
        return ranges.length;
      };
      expect(await receive()).toBe(1);
      clock.setWall(clock.nowMs() + ms);
      await clock.run(29_000);
      expect(await receive()).toBe(0);
      await clock.run(2000);
      expect(await receive()).toBe(1);
      await engine.close();
    },
  );
});
