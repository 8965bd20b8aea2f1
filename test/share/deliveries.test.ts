import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { messageHeaders, type Receipt } from "../../src/services.ts";
import { decideSettle } from "../../src/share/settling.ts";
import { type Handed, ShareWorld, valuesOf } from "../support/share-processes.ts";

async function worldOf(partitionCount = 1, settings: object = {}): Promise<ShareWorld> {
  const world = await ShareWorld.open();
  // As a queue, so that receipts can be settled.
  await world.begun(partitionCount, { topic: "t", ...settings });
  return world;
}

async function ack(world: ShareWorld, receipts: readonly Receipt[]): Promise<void> {
  const answers = receipts.map((receipt) => ({ kind: "ack" as const, receipt }));
  const { random } = world.engine.options;
  const results = await world.engine.run("g", (nowMs) =>
    decideSettle(world.engine.need("g"), answers, { nowMs, random }),
  );
  expect(results.every((each) => each === null)).toBe(true);
}

function stateOf(call: Promise<readonly Handed[]>): { values: readonly (string | null)[] | null } {
  const state: { values: readonly (string | null)[] | null } = { values: null };
  void call.then((handed) => {
    state.values = valuesOf(handed);
  });
  return state;
}

describe("deliveries: what is handed out", () => {
  test("as many as asked, in order, once; again when the lease has lapsed", async () => {
    const world = await worldOf(1, { leaseMs: 500 });
    await world.appendEach("t", ["a", "b", "c"]);
    expect(valuesOf(await world.deliver({ max: 2 }))).toEqual(["a", "b"]);
    expect(valuesOf(await world.deliver())).toEqual(["c"]);
    expect(await world.deliver()).toEqual([]);
    await world.clock.run(499);
    expect(await world.deliver()).toEqual([]);
    await world.clock.run(1);
    const again = await world.deliver();
    expect(again.map(({ value, deliveries }) => [value, deliveries])).toEqual([
      ["a", 2],
      ["b", 2],
      ["c", 2],
    ]);
    expect(world.source.lent).toBe(0);
  });

  test("every call begins with the next partition: none starves behind a full one", async () => {
    const world = await worldOf(3);
    for (const [partition, name] of ["a", "b", "c"].entries()) {
      await world.appendEach("t", [`${name}1`, `${name}2`], partition);
    }
    const seen: (string | null)[] = [];
    for (let call = 0; call < 3; call++) {
      seen.push(...valuesOf(await world.deliver({ max: 1 })));
    }
    expect(new Set(seen)).toEqual(new Set(["a1", "b1", "c1"]));
  });

  test("keys: the next of a key when the one before is settled, each once", async () => {
    const world = await worldOf(1, { order: "key" });
    await world.append("t", [
      { key: "k", value: "1" },
      { key: "k", value: "2" },
      { key: "l", value: "3" },
    ]);
    const first = await world.deliver({ max: 1 });
    expect(valuesOf(first)).toEqual(["1"]);
    await ack(world, first);
    expect(valuesOf(await world.deliver())).toEqual(["2", "3"]);
    expect(await world.deliver()).toEqual([]);
  });

  test("what was passed over by a priority: is delivered after a restart, and once", async () => {
    const world = await worldOf();
    await world.append("t", [
      { value: "low" },
      { value: "high", headers: [{ key: "varve-priority", value: "9" }] },
    ]);
    expect(valuesOf(await world.deliver({ max: 1 }))).toEqual(["high"]);
    await world.die();
    expect(valuesOf(await world.deliver())).toEqual(["low"]);
    expect(await world.deliver()).toEqual([]);
  });

  test("many passed over: all of them become part of the state", async () => {
    const world = await worldOf();
    const count = 2500;
    // No two neighbours alike, so that each is a run.
    const records = Array.from({ length: count }, (_, at) => ({
      value: `${at}`,
      headers: [{ key: "varve-priority", value: String(at % 2) }],
    }));
    await world.append("t", [
      ...records,
      { value: "high", headers: [{ key: "varve-priority", value: "9" }] },
    ]);
    expect(valuesOf(await world.deliver({ max: 1 }))).toEqual(["high"]);
    expect(world.partitionOf("g", "t").header.frontier).toBe(count + 1);
    await world.die();
    const rest = await world.deliver({ max: 10_000 });
    expect(new Set(valuesOf(rest)).size).toBe(count);
    expect(rest.length).toBe(count);
  });

  test("many passed over between those that are wanted: all of these come at once", async () => {
    const world = await worldOf();
    const startMs = world.clock.nowMs();
    const count = 2500;
    await world.append(
      "t",
      Array.from({ length: count }, (_, index) => {
        const isSoon = index % 600 === 500;
        const dueMs = startMs + (isSoon ? 1000 + index : 1_000_000 + index);
        const headers = [{ key: messageHeaders.deliverAt, value: String(dueMs) }];
        return { value: `${index}`, headers };
      }),
    );
    expect(await world.deliver()).toEqual([]);
    await world.clock.run(10_000);
    expect(valuesOf(await world.deliver({ max: 100 }))).toEqual(["500", "1100", "1700", "2300"]);
  });

  test("records that are gone from the log: are settled, and the others come", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a", "b", "c"]);
    await world.deliver({ max: 1, leaseMs: 1 });
    await world.broker.topics.deleteRecords("t", [{ partition: 0, offset: 2 }]);
    await world.clock.run(10);
    expect(valuesOf(await world.deliver({ waitMs: 1000 }))).toEqual(["c"]);
    expect(world.partitionOf("g", "t").startOffset).toBe(2);
  });

  test("a lease: durable before it is told, and not told when it cannot be", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a"]);
    world.log.autoSync = false;
    const call = world.deliver();
    const state = stateOf(call);
    await world.settle();
    expect(state.values).toBeNull();
    world.log.sync();
    await call;
    world.log.autoSync = true;
    await world.append("t", [{ value: "b" }]);
    world.log.refusal = new LogError("DISK_FULL", "no room");
    await expect(world.deliver()).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(world.source.lent).toBe(0);
    world.log.refusal = null;
    expect(valuesOf(await world.deliver())).toEqual(["b"]);
  });

  test("one partition that cannot be read: the others are delivered, and nothing is lost", async () => {
    const world = await worldOf(2);
    await world.appendEach("t", ["a"], 0);
    await world.appendEach("t", ["b"], 1);
    let broken = 1;
    world.source.beforeFetch = ({ partitions }) => {
      if (partitions[0]?.partition === broken) throw new LogError("KAFKA_STORAGE_ERROR", "broken");
    };
    expect(valuesOf(await world.deliver())).toEqual(["a"]);
    await expect(world.deliver()).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    broken = -1;
    expect(valuesOf(await world.deliver())).toEqual(["b"]);
  });

  test("a read that fails after records were chosen: they are delivered to the next", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a", "b"]);
    let reads = 0;
    world.source.beforeFetch = () => {
      if (++reads === 2) throw new LogError("KAFKA_STORAGE_ERROR", "broken");
    };
    await expect(world.deliver()).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    expect(valuesOf(await world.deliver())).toEqual(["a", "b"]);
  });
});

describe("deliveries: bounds", () => {
  test("concurrency: no more in flight, over all partitions; a settled one makes room", async () => {
    const world = await worldOf(2, { concurrency: 3 });
    await world.appendEach("t", ["a", "b"], 0);
    await world.appendEach("t", ["c", "d"], 1);
    const held = await world.deliver();
    expect(held.length).toBe(3);
    const waiting = world.deliver({ waitMs: 10_000 });
    const state = stateOf(waiting);
    await world.settle();
    expect(state.values).toBeNull();
    await ack(world, held.slice(0, 1));
    expect((await waiting).length).toBe(1);
  });

  test("rate: a second's worth at once, then as time passes", async () => {
    const world = await worldOf(1, { rate: 2 });
    await world.appendEach("t", ["a", "b", "c", "d"]);
    expect(valuesOf(await world.deliver())).toEqual(["a", "b"]);
    const waiting = stateOf(world.deliver({ waitMs: 10_000 }));
    await world.clock.run(499);
    expect(waiting.values).toBeNull();
    await world.clock.run(1);
    expect(waiting.values).toEqual(["c"]);
  });
});

describe("deliveries: groups that have gone", () => {
  test("a rate: another group of the name begins with its whole second's worth", async () => {
    const world = await worldOf(1, { rate: 2 });
    await world.appendEach("t", ["a", "b", "c"]);
    expect(valuesOf(await world.deliver())).toEqual(["a", "b"]);
    expect(await world.deliver()).toEqual([]);
    await world.groups.delete("g");
    await world.group("g", { topic: "t", rate: 2 });
    expect(valuesOf(await world.deliver())).toEqual(["a", "b"]);
  });

  test("a line in which nobody is left: is forgotten, also that of a group that never was", async () => {
    const world = await worldOf();
    const [first, second] = [0, 1].map(() => world.deliver({ max: 1, waitMs: 60_000 }));
    await world.settle();
    await world.appendEach("t", ["a"]);
    expect(valuesOf((await first) ?? [])).toEqual(["a"]);
    expect(world.engine.lineCount).toBe(1);
    await world.appendEach("t", ["b"]);
    expect(valuesOf((await second) ?? [])).toEqual(["b"]);
    expect(world.engine.lineCount).toBe(0);
    const nobody = world.deliver({ group: "nobody" });
    await expect(nobody).rejects.toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
    expect(world.engine.lineCount).toBe(0);
  });

  test("made anew while somebody waits: he gets what comes, in the line of those who come later", async () => {
    const world = await worldOf();
    const early = world.deliver({ max: 1, waitMs: 60_000 });
    await world.settle();
    const gone = world.groups.delete("g");
    const anew = world.group("g", { topic: "t" });
    await Promise.all([gone, anew]);
    const late = world.deliver({ max: 1, waitMs: 60_000 });
    await world.settle();
    await world.appendEach("t", ["a", "b"]);
    expect(valuesOf(await early)).toEqual(["a"]);
    expect(valuesOf(await late)).toEqual(["b"]);
  });
});

describe("deliveries: waiting", () => {
  test("an append wakes one, what is left wakes the next", async () => {
    const world = await worldOf();
    const waiting = [0, 1, 2].map(() => stateOf(world.deliver({ max: 1, waitMs: 10_000 })));
    await world.settle();
    await world.append("t", [{ value: "a" }, { value: "b" }]);
    await world.settle();
    expect(waiting.map(({ values }) => values)).toEqual([["a"], ["b"], null]);
    await world.clock.run(10_000);
    expect(waiting[2]?.values).toEqual([]);
  });

  test("a delay that ends wakes, and a lease that lapses", async () => {
    const world = await worldOf(1, { leaseMs: 2500 });
    const later = String(world.clock.nowMs() + 1500);
    await world.append("t", [
      { value: "now" },
      { value: "later", headers: [{ key: "varve-deliver-at", value: later }] },
    ]);
    await world.deliver({ max: 1 });
    const first = stateOf(world.deliver({ waitMs: 60_000 }));
    const second = stateOf(world.deliver({ waitMs: 60_000 }));
    await world.clock.run(1499);
    expect(first.values).toBeNull();
    await world.clock.run(1);
    expect([first.values, second.values]).toEqual([["later"], null]);
    await world.clock.run(1000);
    expect(second.values).toEqual(["now"]);
  });

  test("the first in line is gone when something comes: the next gets it", async () => {
    const world = await worldOf();
    const gone = new AbortController();
    const first = stateOf(world.deliver({ waitMs: 60_000, signal: gone.signal }));
    const second = stateOf(world.deliver({ waitMs: 60_000 }));
    await world.settle();
    const appended = world.append("t", [{ value: "a" }]);
    gone.abort();
    await appended;
    await world.settle();
    expect([first.values, second.values]).toEqual([[], ["a"]]);
  });

  test("gone while its records are read: nothing is leased for it", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a"]);
    const gone = new AbortController();
    let reads = 0;
    world.source.beforeFetch = () => {
      if (++reads === 2) gone.abort();
    };
    expect(await world.deliver({ signal: gone.signal })).toEqual([]);
    expect(world.source.lent).toBe(0);
    expect((await world.deliver()).map(({ deliveries }) => deliveries)).toEqual([1]);
  });

  test("one who waits for another partition does not keep the news to itself", async () => {
    const world = await worldOf(2);
    const [one = { topic: "t", partition: 0 }] = world.places("t");
    const other = stateOf(world.deliver({ waitMs: 60_000, places: [one] }));
    const right = stateOf(world.deliver({ waitMs: 60_000 }));
    await world.settle();
    await world.append("t", [{ value: "a" }], 1);
    await world.settle();
    expect([other.values, right.values]).toEqual([null, ["a"]]);
  });

  test("the engine closes: those who wait are let go", async () => {
    const world = await worldOf();
    const waiting = world.deliver({ waitMs: 60_000 }).then(
      () => "ok",
      (error: { code: string }) => error.code,
    );
    await world.settle();
    await world.engine.close();
    expect(["ok", "SERVER_STOPPING"]).toContain(await waiting);
  });

  test("a group that goes: whoever waits is told", async () => {
    const world = await worldOf();
    const waiting = world.deliver({ waitMs: 60_000 });
    waiting.catch(() => undefined);
    await world.settle();
    await world.groups.delete("g");
    await expect(waiting).rejects.toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
  });
});

describe("deliveries: what is said beside", () => {
  test("is said once, whether or not there is something to lease", async () => {
    const world = await worldOf();
    await world.appendEach("t", ["a", "b"]);
    const [first] = await world.deliver({ max: 1 });
    if (first === undefined) throw new Error("nothing was delivered");
    const said: string[] = [];
    const second = await world.deliver({ max: 1, beside: () => said.push("x") });
    expect([valuesOf(second), said]).toEqual([["b"], ["x"]]);
    expect(await world.deliver({ beside: () => said.push("y") })).toEqual([]);
    expect(said).toEqual(["x", "y"]);
  });

  test("what it frees can be had in the same call: the next record of a key", async () => {
    const world = await worldOf(1, { order: "key" });
    await world.append("t", [
      { key: "k", value: "a" },
      { key: "k", value: "b" },
    ]);
    const [first] = await world.deliver();
    if (first === undefined) throw new Error("nothing was delivered");
    expect(first.value).toBe("a");
    const next = await world.deliver({ beside: () => void ack(world, [first]) });
    expect(valuesOf(next)).toEqual(["b"]);
  });

  test("while others look it does not wait for them; it is said also where nothing can be had", async () => {
    const world = await worldOf();
    const said: string[] = [];
    const looking = world.deliver({ beside: () => said.push("first") });
    const behind = world.deliver({ beside: () => said.push("behind") });
    expect(said).toEqual(["behind"]);
    await Promise.all([looking, behind]);
    expect(said).toEqual(["behind", "first"]);
    await world.engine.close();
    const late = world.deliver({ beside: () => said.push("late") });
    await expect(late).rejects.toMatchObject({ code: "SERVER_STOPPING" });
    expect(said).toEqual(["behind", "first", "late"]);
  });
});
