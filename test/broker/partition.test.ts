import { describe, expect, test } from "vitest";
import { Partition } from "../../src/broker/partition.ts";
import { parseConfigs, settingsOf } from "../../src/broker/topic-config.ts";
import { closedGate } from "../../src/broker/transaction-gate.ts";
import { batchOf } from "../support/batches.ts";
import { createTopic, openTestEngine, produce } from "../support/engines.ts";

const settings = settingsOf(new Map(), new Map());

function withoutLog(): Partition {
  return new Partition({
    topic: "orders",
    partition: 3,
    log: null,
    problem: "cannot be opened: its directory is missing",
    settings,
  });
}

describe("partition: without a log", () => {
  test("reads and appends: refused with the reason", () => {
    const partition = withoutLog();
    const append = () =>
      partition.append({
        batches: [batchOf([{ value: "a" }])],
        expectedEndOffset: null,
        nowMs: 1_700_000_000_000,
        options: { needsSync: true },
        transactionalId: null,
        gate: closedGate,
      });
    for (const act of [append, () => partition.log()]) {
      expect(act).toThrow(
        expect.objectContaining({
          code: "KAFKA_STORAGE_ERROR",
          message: "partition orders-3 cannot be opened: its directory is missing",
          facts: { topic: "orders", partition: 3 },
        }),
      );
    }
  });

  test("description and health: say so", async () => {
    const partition = withoutLog();
    expect(partition.health()).toMatchObject({ state: "failed", detail: /missing/ });
    expect(await partition.describe()).toEqual({
      partition: 3,
      logStartOffset: -1,
      highWatermark: -1,
      logEndOffset: -1,
      sizeBytes: 0,
      segmentCount: 0,
      damage: [],
    });
  });

  test("deleted: is unknown, and those who wait are told", () => {
    const partition = withoutLog();
    let told = 0;
    const waiter = { notify: () => void told++ };
    partition.addWaiter(waiter);
    partition.markDeleted();
    expect(told).toBe(1);
    expect(partition.isLive).toBe(false);
    expect(() => partition.log()).toThrow("was deleted");
    partition.removeWaiter(waiter);
    expect(partition.waiterCount).toBe(0);
  });
});

describe("partition: new settings", () => {
  test("the rules of appends: change with the next one", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders");
    const values = ["x".repeat(500)];
    expect((await produce(engine, { topic: "orders", values })).error).toBeNull();
    await engine.services.topics.alterConfigs("orders", { "max.message.bytes": "100" });
    expect((await produce(engine, { topic: "orders", values })).error).toBe("MESSAGE_TOO_LARGE");
    await engine.services.topics.alterConfigs("orders", { "max.message.bytes": null });
    expect((await produce(engine, { topic: "orders", values })).error).toBeNull();
  });

  test("durability: is told apart from the moment it changes", () => {
    const partition = withoutLog();
    expect(partition.durability).toBe("fsync");
    partition.configure(settingsOf(parseConfigs({ "varve.durability": "os" }), new Map()));
    expect(partition.durability).toBe("os");
  });
});
