import { describe, expect, test } from "vitest";
import {
  CatalogMachine,
  type StoredTopic,
  type TopicEvent,
} from "../../src/broker/catalog-machine.ts";
import { LogError } from "../../src/base/error.ts";
import type { Decision } from "../../src/coordinator/state-machine.ts";

const orders: StoredTopic = {
  name: "orders",
  partitionCount: 3,
  configs: { "retention.ms": "60000" },
  state: "live",
};

function run(machine: CatalogMachine, decision: Decision<TopicEvent, void>): string {
  for (const event of decision.events) machine.apply(event);
  return decision.reply instanceof LogError ? decision.reply.code : "ok";
}

function stateOf(machine: CatalogMachine): unknown {
  return [...machine.entries()];
}

/** The state after writing all events down and reading them again. */
function replayed(events: Iterable<TopicEvent>): CatalogMachine {
  const writer = new CatalogMachine();
  const reader = new CatalogMachine();
  for (const event of events) {
    const { key, value } = writer.encode(event);
    const decoded = reader.decode(key, value);
    if (decoded !== null) reader.apply(decoded);
  }
  return reader;
}

describe("catalog machine: life of a topic", () => {
  test("create, change, delete: each step only in its place", () => {
    const machine = new CatalogMachine();
    expect(run(machine, machine.change("a", { partitionCount: 4 }))).toBe(
      "UNKNOWN_TOPIC_OR_PARTITION",
    );
    expect(run(machine, machine.create("a", orders))).toBe("ok");
    expect(run(machine, machine.create("b", orders))).toBe("TOPIC_ALREADY_EXISTS");
    expect(run(machine, machine.change("a", { partitionCount: 4 }))).toBe("ok");
    expect(machine.topicOf("a")).toEqual({ ...orders, partitionCount: 4 });
    expect(run(machine, machine.beginDelete("a"))).toBe("ok");
    expect(run(machine, machine.beginDelete("a"))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(machine.topicOf("a")?.state).toBe("deleting");
    expect(run(machine, machine.finishDelete("a"))).toBe("ok");
    expect(machine.topicOf("a")).toBeNull();
    expect(machine.finishDelete("a").events).toEqual([]);
  });

  test("a name is free while its old topic is being deleted, and stays the new topic's", () => {
    const machine = new CatalogMachine();
    run(machine, machine.create("old", orders));
    run(machine, machine.beginDelete("old"));
    expect(run(machine, machine.create("new", orders))).toBe("ok");
    run(machine, machine.finishDelete("old"));
    expect(run(machine, machine.create("third", orders))).toBe("TOPIC_ALREADY_EXISTS");
  });

  test("deciding: changes nothing", () => {
    const machine = new CatalogMachine();
    machine.create("a", orders);
    expect(stateOf(machine)).toEqual([]);
  });
});

describe("catalog machine: what is written", () => {
  test("events and snapshot: rebuild the same state", () => {
    const machine = new CatalogMachine();
    const events: TopicEvent[] = [];
    const act = (decision: Decision<TopicEvent, void>): void => {
      events.push(...decision.events);
      run(machine, decision);
    };
    act(machine.create("a", orders));
    act(machine.create("b", { ...orders, name: "b", configs: {} }));
    act(machine.change("b", { configs: { "segment.ms": "5" } }));
    act(machine.beginDelete("a"));
    act(machine.create("c", orders));
    act(machine.finishDelete("a"));
    expect(stateOf(replayed(events))).toEqual(stateOf(machine));
    expect(stateOf(replayed(machine.snapshot()))).toEqual(stateOf(machine));
  });

  test("text: is JSON that a dump can show", () => {
    const { key, value } = new CatalogMachine().encode({ topicId: "a", topic: orders });
    expect(JSON.parse(Buffer.from(key).toString())).toEqual({ kind: "topic", topicId: "a" });
    expect(JSON.parse(Buffer.from(value ?? []).toString())).toEqual({ version: 1, ...orders });
  });

  test("kinds and versions of a newer program: skipped; damage: told", () => {
    const machine = new CatalogMachine();
    const text = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
    const key = text({ kind: "topic", topicId: "a" });
    expect(machine.decode(text({ kind: "quota" }), text({}))).toBeNull();
    expect(machine.decode(key, text({ version: 2, anything: 1 }))).toBeNull();
    const damaged = [
      [key, text({ version: 1, name: "a" })],
      [key, text({ ...orders })],
      [key, Buffer.from([0xff, 0x00])],
      [Buffer.from("7"), text({})],
      [text({ kind: "topic" }), null],
    ] as const;
    for (const [badKey, badValue] of damaged) {
      expect(() => machine.decode(badKey, badValue)).toThrow(
        expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" }),
      );
    }
  });
});
