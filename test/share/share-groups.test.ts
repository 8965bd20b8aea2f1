import { describe, expect, test } from "vitest";
import type {
  AcknowledgeType,
  ShareAcquireRequest,
  ShareHeartbeatRequest,
} from "../../src/services.ts";
import { recordsOf } from "../support/batches.ts";
import { codeOf } from "../support/group-world.ts";
import { ShareWorld } from "../support/share-processes.ts";

async function worldOf(partitions = 1): Promise<ShareWorld> {
  const world = await ShareWorld.open();
  await world.topic("t", partitions);
  await world.groups.alterGroupConfigs("g", { "share.auto.offset.reset": "earliest" });
  return world;
}

const beat = (memberId: string, memberEpoch: number, group = "g"): ShareHeartbeatRequest => ({
  group,
  memberId,
  memberEpoch,
  rackId: null,
  subscribedTopics: memberEpoch === 0 ? ["t"] : null,
  clientId: "c",
  clientHost: "/h",
});

/** Offsets of what a member acquires, by partition, each as `offset/deliveryCount`. */
async function acquire(world: ShareWorld, differing: Partial<ShareAcquireRequest> = {}) {
  const result = await world.groups.acquire({
    group: "g",
    memberId: "m",
    partitions: world.places("t"),
    maxRecords: 100,
    maxBytes: 1 << 20,
    maxWaitMs: 0,
    signal: null,
    ...differing,
  });
  const found = result.partitions.map(({ topic, partition, error, batches, acquired }) => {
    const stored = batches.flatMap(recordsOf).map(({ offset }) => offset);
    const offsets = acquired.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
      stored
        .filter((offset) => offset >= firstOffset && offset <= lastOffset)
        .map((offset) => `${offset}/${deliveryCount}`),
    );
    return { name: `${topic}-${partition}`, error, offsets };
  });
  result.release();
  return found.sort((one, other) => one.name.localeCompare(other.name));
}

async function acknowledge(
  world: ShareWorld,
  [firstOffset, lastOffset]: readonly [number, number],
  { type = "accept", memberId = "m" }: { type?: AcknowledgeType; memberId?: string } = {},
): Promise<string | null> {
  const batches = [{ firstOffset, lastOffset, types: [type] }];
  const partitions = [{ topic: "t", partition: 0, batches }];
  const [result] = await world.groups.acknowledge("g", memberId, partitions);
  return result === undefined ? "no result" : result.error;
}

describe("share groups: members", () => {
  test("the first member makes the group; it stays when the last has left", async () => {
    const world = await ShareWorld.open();
    await world.topic("t", 2);
    const { assignment } = await world.groups.heartbeat(beat("m", 0));
    expect(assignment).toEqual([{ topic: "t", partitions: [0, 1] }]);
    expect(await world.groups.list()).toEqual([{ group: "g", state: "STABLE" }]);
    const described = await world.groups.describe("g");
    expect(described).toMatchObject({ group: "g", state: "STABLE", members: [{ memberId: "m" }] });
    await world.groups.heartbeat(beat("m", -1));
    await world.die();
    expect(await world.groups.list()).toEqual([{ group: "g", state: "EMPTY" }]);
  });

  test("no name, the name of a consumer group, a group that is not there: refused", async () => {
    const world = await ShareWorld.open();
    expect(await codeOf(world.groups.heartbeat(beat("m", 0, "")))).toBe("INVALID_GROUP_ID");
    expect(await codeOf(world.groups.heartbeat(beat("m", 0, "consumers")))).toBe(
      "GROUP_ID_NOT_FOUND",
    );
    expect(await codeOf(world.groups.heartbeat(beat("m", 3)))).not.toBe("ok");
    expect(await codeOf(world.groups.describe("g"))).toBe("GROUP_ID_NOT_FOUND");
    expect(await codeOf(acquire(world))).toBe("GROUP_ID_NOT_FOUND");
    expect(await codeOf(world.groups.offsets("g", null))).toBe("GROUP_ID_NOT_FOUND");
    await world.groups.releaseAll("g", "m");
    expect(await world.groups.list()).toEqual([]);
  });
});

describe("share groups: records", () => {
  test("acquired by one member, not by another; accepted for good", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a", "b", "c"]);
    expect(await acquire(world, { maxRecords: 2 })).toEqual([
      { name: "t-0", error: null, offsets: ["0/1", "1/1"] },
    ]);
    expect((await acquire(world, { memberId: "n" }))[0]?.offsets).toEqual(["2/1"]);
    expect(await acknowledge(world, [0, 1], { memberId: "n" })).toBe("INVALID_RECORD_STATE");
    expect(await acknowledge(world, [0, 1])).toBeNull();
    expect(await acknowledge(world, [0, 1])).toBe("INVALID_RECORD_STATE");
    expect(await acknowledge(world, [2, 2], { memberId: "n", type: "release" })).toBeNull();
    await world.die();
    expect((await acquire(world))[0]?.offsets).toEqual(["2/2"]);
  });

  test("places that do not exist: told, with what there is of the others", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a"]);
    const places = [
      { topic: "t", partition: 0 },
      { topic: "t", partition: 9 },
    ];
    expect(await acquire(world, { partitions: places })).toEqual([
      { name: "t-0", error: null, offsets: ["0/1"] },
      { name: "t-9", error: "UNKNOWN_TOPIC_OR_PARTITION", offsets: [] },
    ]);
    const [unknown] = await world.groups.acknowledge("g", "m", [
      { topic: "t", partition: 9, batches: [] },
    ]);
    expect(unknown?.error).toBe("INVALID_RECORD_STATE");
  });

  test("a session ends: all that the member held can be acquired again", async () => {
    const world = await worldOf(2);
    await world.appendEach("t", ["a"], 0);
    await world.appendEach("t", ["b"], 1);
    await acquire(world);
    await world.groups.releaseAll("g", "m");
    expect((await acquire(world, { memberId: "n" })).flatMap(({ offsets }) => offsets)).toEqual([
      "0/2",
      "0/2",
    ]);
  });
});

describe("share groups: offsets", () => {
  test("shown: the first record that is not settled, and how many there are", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a", "b", "c", "d"]);
    await acquire(world, { maxRecords: 3 });
    await acknowledge(world, [0, 0]);
    await acknowledge(world, [2, 2]);
    const topicId = world.source.topic("t")?.topicId;
    const expected = { topic: "t", partition: 0, topicId, startOffset: 1, lag: 2 };
    expect(await world.groups.offsets("g", null)).toEqual([expected]);
    expect(await world.groups.offsets("g", ["t"])).toEqual([expected]);
    expect(await world.groups.offsets("g", ["u"])).toEqual([]);
  });

  test("set anew: everything from there on, and what was in flight is forgotten", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a", "b", "c"]);
    await acquire(world);
    const changes = [
      { topic: "t", partition: 0, startOffset: 1 },
      { topic: "u", partition: 0, startOffset: 1 },
    ];
    const results = await world.groups.alterOffsets("g", changes);
    expect(results.map(({ error }) => error)).toEqual([null, "UNKNOWN_TOPIC_OR_PARTITION"]);
    expect(await acknowledge(world, [0, 0])).toBe("INVALID_RECORD_STATE");
    expect((await acquire(world))[0]?.offsets).toEqual(["1/1", "2/1"]);
  });

  test("deleted: the group begins anew with the topic", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a"]);
    await acquire(world);
    expect(await world.groups.deleteOffsets("g", ["t", "u"])).toEqual([
      null,
      "UNKNOWN_TOPIC_OR_PARTITION",
    ]);
    expect(await world.groups.offsets("g", null)).toEqual([]);
    expect((await acquire(world))[0]?.offsets).toEqual(["0/1"]);
  });

  test("a group with members: its offsets stay, and it stays", async () => {
    const world = await worldOf();
    await world.groups.heartbeat(beat("m", 0));
    const refused = "NON_EMPTY_GROUP";
    expect(await codeOf(world.groups.alterOffsets("g", []))).toBe(refused);
    expect(await codeOf(world.groups.deleteOffsets("g", ["t"]))).toBe(refused);
    expect(await codeOf(world.groups.delete("g"))).toBe(refused);
    await world.groups.heartbeat(beat("m", -1));
    await world.groups.delete("g");
    await world.die();
    expect(await world.groups.list()).toEqual([]);
  });
});

describe("share groups: configs", () => {
  test("set for a group that is not there yet, changed, reset, kept", async () => {
    const world = await ShareWorld.open();
    expect(await world.groups.groupConfigs("g")).toEqual({});
    const lock = "share.record.lock.duration.ms";
    await world.groups.alterGroupConfigs("g", { [lock]: "5000" });
    await world.groups.alterGroupConfigs("g", { "share.delivery.count.limit": "2" });
    await world.die();
    expect(await world.groups.groupConfigs("g")).toEqual({
      [lock]: "5000",
      "share.delivery.count.limit": "2",
    });
    expect(await codeOf(world.groups.alterGroupConfigs("g", { [lock]: "x" }))).toBe(
      "INVALID_CONFIG",
    );
    await world.groups.alterGroupConfigs("g", { [lock]: null });
    expect(await world.groups.groupConfigs("g")).toEqual({ "share.delivery.count.limit": "2" });
  });

  test("the lock duration and the delivery limit are in force", async () => {
    const world = await worldOf();
    await world.groups.alterGroupConfigs("g", {
      "share.record.lock.duration.ms": "1000",
      "share.delivery.count.limit": "2",
    });
    await world.appendEach("t", ["a"]);
    expect((await acquire(world))[0]?.offsets).toEqual(["0/1"]);
    await world.clock.run(1000);
    expect((await acquire(world))[0]?.offsets).toEqual(["0/2"]);
    await world.clock.run(1000);
    expect(await acquire(world)).toEqual([]);
    expect(world.partitionOf("g", "t").header.counts).toMatchObject({ lapsed: 2, dead: 1 });
  });
});
