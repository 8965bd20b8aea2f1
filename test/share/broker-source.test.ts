import { describe, expect, test } from "vitest";
import { brokerSource } from "../../src/share/broker-source.ts";
import { ShareWorld } from "../support/share-processes.ts";

const place = { topic: "t", partition: 0 };

async function sourceWorld() {
  const world = await ShareWorld.open();
  return { world, source: brokerSource(world.broker) };
}

describe("broker source", () => {
  test("topics and positions: of what is there, null of what is not", async () => {
    const { world, source } = await sourceWorld();
    expect([source.topic("t"), source.positions(place)]).toEqual([null, null]);
    await world.topic("t");
    await world.appendEach("t", ["a", "b"]);
    expect(source.topic("t")).toMatchObject({ name: "t", partitionCount: 1 });
    expect(source.positions(place)).toMatchObject({
      logStartOffset: 0,
      lastStableOffset: 2,
      highWatermark: 2,
    });
    expect(source.positions({ topic: "t", partition: 1 })).toBeNull();
  });

  test("a topic that must be there: is made, keeps everything, and has room for what it is like", async () => {
    const { world, source } = await sourceWorld();
    await world.topic("t", 3, { "max.message.bytes": "5000" });
    const like = source.topic("t");
    const made = await source.ensureTopic("t.dead", like);
    expect(made).toMatchObject({ name: "t.dead", partitionCount: 3 });
    expect(made.accepts.batchBytesMax).toBeGreaterThan(5000);
    const { configs } = await world.broker.topics.describe("t.dead");
    expect(configs.find(({ name }) => name === "retention.ms")?.value).toBe("-1");
    expect(await source.ensureTopic("t", null)).toEqual(like);
  });

  test("made by two at once: one topic, and both have it", async () => {
    const { source } = await sourceWorld();
    const [one, other] = await Promise.all([
      source.ensureTopic("t", null),
      source.ensureTopic("t", null),
    ]);
    expect(one.topicId).toBe(other.topicId);
  });

  test("a watch: told of appends and of the end, until it is stopped", async () => {
    const { world, source } = await sourceWorld();
    await world.topic("t", 2);
    let [told, other] = [0, 0];
    const stop = source.watch(place, () => void told++);
    source.watch({ topic: "t", partition: 1 }, () => void other++);
    await world.append("t", [{ value: "a" }]);
    expect(told).toBeGreaterThan(0);
    expect(other).toBe(0);
    stop();
    const before = told;
    await world.append("t", [{ value: "b" }]);
    expect(told).toBe(before);
    await world.broker.topics.delete("t");
    expect(other).toBeGreaterThan(0);
    expect(told).toBe(before);
    source.watch({ topic: "none", partition: 0 }, () => undefined)();
  });

  test("a hold: keeps retention from what lies behind it, until it is let go", async () => {
    const { world, source } = await sourceWorld();
    await world.topic("t", 1, { "retention.ms": "1000", "segment.ms": "1" });
    for (const value of ["a", "b", "c"]) {
      await world.append("t", [{ value }]);
      await world.clock.run(5);
      await world.broker.keepHouse();
    }
    await world.clock.run(5000);
    source.hold(place, "somebody", 1);
    await world.broker.keepHouse();
    expect(source.positions(place)?.logStartOffset).toBe(1);
    source.hold(place, "somebody", null);
    await world.broker.keepHouse();
    expect(source.positions(place)?.logStartOffset).toBe(3);
    source.hold({ topic: "none", partition: 0 }, "somebody", 1);
  });
});
