// What happens to a queue while something else is under way: time that passes unseen, a queue that is deleted, a disk
// that does not answer, a stop.

import { describe, expect, test } from "vitest";
import type { LogError } from "../../src/base/error.ts";
import type { QueueSettings, Receipt } from "../../src/services.ts";
import { messageHeaders } from "../../src/services/message-headers.ts";
import type { TestRecord } from "../support/batches.ts";
import { settle } from "../support/fake-clock.ts";
import { queueName, QueueWorld } from "../support/queue-world.ts";

function open(settings: Partial<QueueSettings> = {}): Promise<QueueWorld> {
  return QueueWorld.open({ seed: 1, partitions: 1, settings, snapshotGrowthBytes: 1 << 20 });
}

function expiring(value: string, atMs: number): TestRecord {
  return { value, headers: [{ key: messageHeaders.expiresAt, value: String(atMs) }] };
}

async function valuesOf(world: QueueWorld, max: number): Promise<readonly (string | null)[]> {
  return (await world.receive(max)).map(({ value }) => value);
}

async function oneReceived(world: QueueWorld): Promise<readonly [Receipt]> {
  await world.produce(0, [{ value: "one" }]);
  const [receipt] = await world.receive(1);
  if (receipt === undefined) throw new Error("nothing came");
  return [receipt];
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "ok",
    (error: unknown) => (error as LogError).code,
  );
}

describe("queue: time that no timer tells of", () => {
  test("what had expired when it was found takes nobody's place", async () => {
    const world = await open();
    const nowMs = world.clock.nowMs();
    await world.produce(0, [expiring("old", nowMs + 10), { value: "good" }]);
    world.clock.setWall(nowMs + 20);
    expect(await valuesOf(world, 1)).toEqual(["good"]);
  });

  test("a lease that lapsed this moment is to be had at once", async () => {
    const world = await open({ leaseMs: 1000 });
    await world.produce(0, [{ value: "one" }]);
    expect(await valuesOf(world, 1)).toEqual(["one"]);
    world.clock.setWall(world.clock.nowMs() + 1000);
    expect(await valuesOf(world, 1)).toEqual(["one"]);
  });

  test("what expired while it was held takes nobody's place either", async () => {
    const world = await open({ leaseMs: 1000 });
    const nowMs = world.clock.nowMs();
    await world.produce(0, [expiring("old", nowMs + 500), { value: "good" }]);
    expect(await valuesOf(world, 1)).toEqual(["old"]);
    world.clock.setWall(nowMs + 1000);
    expect(await valuesOf(world, 1)).toEqual(["good"]);
    await world.pass(0);
    const [letter] = await world.read("dead");
    expect(letter?.value).toBe("old");
  });
});

describe("queue: deleted meanwhile", () => {
  test("a receive under way does not bring it back", async () => {
    const world = await open();
    await world.produce(0, [{ value: "one" }]);
    const receiving = codeOf(world.receive(1, 60_000));
    await world.queues.delete(queueName);
    expect(await receiving).toBe("GROUP_ID_NOT_FOUND");
    expect(world.shares.find(queueName)).toBeNull();
    await world.put({});
    expect(await world.receive(1)).toMatchObject([{ value: "one", deliveries: 1 }]);
  });

  test("a look at it that waits for a dead letter does not bring it back", async () => {
    const world = await open();
    const [receipt] = await oneReceived(world);
    const release = world.holdSyncs("dead");
    await world.settle([{ kind: "reject", receipt, reason: "" }]);
    const looks = [
      codeOf(world.queues.describe(queueName)),
      codeOf(world.listedDead()),
      codeOf(world.queues.redrive(queueName, { max: 1, offsets: null })),
    ];
    await settle();
    await world.queues.delete(queueName);
    release();
    expect(new Set(await Promise.all(looks))).toEqual(new Set(["GROUP_ID_NOT_FOUND"]));
    expect(world.shares.find(queueName)).toBeNull();
  });

  test("a dead letter under way ends in its topic and changes nothing of a new queue", async () => {
    const world = await open();
    const [receipt] = await oneReceived(world);
    const release = world.holdSyncs("dead");
    await world.settle([{ kind: "reject", receipt, reason: "" }]);
    await settle();
    await world.queues.delete(queueName);
    await world.put({});
    release();
    await world.pass(0);
    const { counts } = await world.queues.describe(queueName);
    expect(counts).toMatchObject({ depth: 1, delivered: 0, nacked: 0 });
    expect(await world.receive(1)).toMatchObject([{ value: "one", deliveries: 1 }]);
  });
});

describe("queue: a disk without room for the state", () => {
  test("what was answered holds, whoever was in the middle of something", async () => {
    const world = await open();
    await world.produce(0, [{ value: "acked" }, { value: "rejected" }, { value: "held" }]);
    const [acked, rejected, held] = await world.receive(3);
    if (acked === undefined || rejected === undefined || held === undefined) {
      throw new Error("not all came");
    }
    await world.settle([{ kind: "ack", receipt: acked }]);
    const release = world.holdSyncs("dead");
    await world.settle([{ kind: "reject", receipt: rejected, reason: "" }]);
    // It waits for the dead letter, with what there was before in hand.
    const looking = codeOf(world.queues.describe(queueName));
    await settle();
    world.fillState(1);
    expect(await codeOf(world.settle([{ kind: "ack", receipt: held }]))).toBe("DISK_FULL");
    expect(await codeOf(world.receive(1))).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    expect(() => world.queues.lookup(queueName)).toThrow(/read from its log/);
    await world.makeRoom();
    release();
    expect(await looking).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    await world.pass(0);
    const { counts } = await world.queues.describe(queueName);
    expect(counts).toMatchObject({ depth: 1, inFlight: 1, acked: 1, delivered: 3, dead: 1 });
    expect(await world.receive(3)).toEqual([]);
    expect(await world.settle([{ kind: "ack", receipt: held }])).toEqual([true]);
    expect(await world.read("dead")).toHaveLength(1);
  });
});

describe("queue: a disk that does not answer", () => {
  test("counts are told when no power cut can undo them", async () => {
    const world = await open();
    const [receipt] = await oneReceived(world);
    const release = world.holdSyncs("state");
    const settling = world.settle([{ kind: "ack", receipt }]);
    let acked = -1;
    const described = world.queues.describe(queueName).then(({ counts }) => {
      acked = counts.acked;
    });
    await settle();
    expect(acked).toBe(-1);
    release();
    await Promise.all([settling, described]);
    expect(acked).toBe(1);
  });

  test("a receiver is told when nothing can be leased any more", async () => {
    const world = await open();
    await world.produce(0, [{ value: "one" }]);
    world.disk.plan({ kind: "sync", path: /__share_group_state-/, effect: "fail" });
    expect(await codeOf(world.receive(1))).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(await codeOf(world.receive(1))).toBe("COORDINATOR_NOT_AVAILABLE");
  });

  test("a redrive that a stop cuts off does not claim to have moved anything", async () => {
    const world = await open();
    const [receipt] = await oneReceived(world);
    await world.settle([{ kind: "reject", receipt, reason: "" }]);
    await world.pass(0);
    const release = world.holdSyncs("state");
    const redriving = codeOf(world.queues.redrive(queueName, { max: 1, offsets: null }));
    await settle();
    const closing = world.restart();
    await settle();
    release();
    expect(await redriving).toBe("SERVER_STOPPING");
    await closing;
    await world.pass(0);
    expect(await valuesOf(world, 1)).toEqual(["one"]);
  });
});
