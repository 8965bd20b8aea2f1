import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Coordinator } from "../../src/coordinator/coordinator.ts";
import { Completer } from "../../src/transaction/completer.ts";
import { type Transaction, withPartitions } from "../../src/transaction/transaction.ts";
import {
  defaultTransactionLimits,
  TransactionCommands,
} from "../../src/transaction/transaction-commands.ts";
import type { TransactionEvent } from "../../src/transaction/transaction-events.ts";
import { TransactionMachine } from "../../src/transaction/transaction-machine.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";
import { FakeGroups, FakePartitions, places, transactionOf } from "../support/transaction-world.ts";

const storage = new LogError("KAFKA_STORAGE_ERROR", "the disk refused");
const decided = transactionOf({
  state: "PrepareCommit",
  partitions: withPartitions(new Map(), places(0, 1)),
  groups: new Set(["g", "h"]),
});

async function open() {
  const machine = new TransactionMachine();
  const clock = new FakeClock();
  const log = new MemoryStateLog();
  const coordinator = await Coordinator.open<TransactionEvent>({
    name: "transactions",
    machine,
    log,
    clock,
    logger: silentLogger,
    snapshotGrowthBytes: null,
    onLoaded: null,
  });
  const limits = defaultTransactionLimits;
  const commands = new TransactionCommands({ machine, limits, refusalOf: () => null });
  const markers = new FakePartitions();
  const offsets = new FakeGroups();
  const completer = new Completer({
    coordinator,
    commands,
    markers,
    offsets,
    clock,
    logger: silentLogger,
  });
  machine.observe((transactionalId, transaction) => {
    completer.changed(transactionalId, transaction);
  });
  const put = (transaction: Transaction) => {
    return coordinator.run(() => ({
      events: [{ kind: "transaction", transactionalId: "a", transaction }],
      reply: undefined,
    }));
  };
  const stateOf = () => machine.find("a")?.state;
  return { machine, clock, log, completer, markers, offsets, put, stateOf };
}

describe("completer: carries out", () => {
  test.each([
    ["PrepareCommit", "commit", "CompleteCommit"],
    ["PrepareAbort", "abort", "CompleteAbort"],
  ] as const)("%s: everybody hears %s, then it is complete", async (state, word, complete) => {
    const { markers, offsets, put, stateOf } = await open();
    await put({ ...decided, state });
    await settle();
    expect(markers.of("t-0")).toEqual([`${word} 5/3`]);
    expect(markers.of("t-1")).toEqual([`${word} 5/3`]);
    expect(markers.markers[0]?.marker.coordinatorEpoch).toBe(0);
    expect(offsets.ends).toEqual([`${word} g 5/3`, `${word} h 5/3`]);
    expect(stateOf()).toBe(complete);
  });

  test("begins only when the decision is durable", async () => {
    const { log, markers, offsets, put } = await open();
    log.autoSync = false;
    const written = put(decided);
    await settle();
    expect([markers.markers, offsets.ends]).toEqual([[], []]);
    log.sync();
    await written;
    await settle();
    expect(markers.markers.length).toBe(2);
  });

  test("who fails is asked again, who has heard is not; longer and longer apart", async () => {
    const { clock, markers, offsets, put, stateOf } = await open();
    const calls: number[] = [];
    markers.failing = (name) => {
      if (name !== "t-1") return null;
      calls.push(clock.monotonicMs() - 1000);
      return storage;
    };
    await put(decided);
    await clock.run(30_000);
    expect(calls.slice(0, 6)).toEqual([0, 50, 150, 350, 750, 1550]);
    const gaps = calls.slice(1).map((at, index) => at - (calls[index] ?? 0));
    expect(Math.max(...gaps)).toBe(10_000);
    expect(markers.of("t-0").length).toBe(1);
    expect(offsets.ends.length).toBe(2);
    expect(stateOf()).toBe("PrepareCommit");
    markers.failing = () => null;
    await clock.run(10_000);
    expect(stateOf()).toBe("CompleteCommit");
    expect(markers.of("t-1").length).toBe(1);
  });

  test.each(["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_PRODUCER_EPOCH"] as const)(
    "%s: there is nothing to end",
    async (code) => {
      const { markers, put, stateOf } = await open();
      markers.failing = (name) => (name === "t-1" ? new LogError(code, "no") : null);
      await put(decided);
      await settle();
      expect(stateOf()).toBe("CompleteCommit");
    },
  );

  test("the completion cannot be stored: it is tried again, nobody else is bothered", async () => {
    const { clock, log, markers, put, stateOf } = await open();
    let release = (): void => undefined;
    markers.barrier = new Promise((resolve) => (release = resolve));
    await put(decided);
    await settle();
    log.refusal = new LogError("DISK_FULL", "no room");
    release();
    await settle();
    expect(stateOf()).toBe("PrepareCommit");
    log.refusal = null;
    await clock.run(50);
    expect(stateOf()).toBe("CompleteCommit");
    expect(markers.markers.length).toBe(2);
  });
});

describe("completer: those who wait", () => {
  test("nothing to wait for", async () => {
    expect(await (await open()).completer.settled("a", 1000)).toBe(true);
  });

  test("until it is complete, or for so long", async () => {
    const { clock, completer, markers, put } = await open();
    markers.failing = () => storage;
    await put(decided);
    const heard: string[] = [];
    void completer.settled("a", 40).then((isDone) => heard.push(`short ${isDone}`));
    void completer.settled("a", 1000).then((isDone) => heard.push(`long ${isDone}`));
    await clock.run(40);
    expect(heard).toEqual(["short false"]);
    markers.failing = () => null;
    await clock.run(10);
    expect(heard).toEqual(["short false", "long true"]);
    expect(clock.timerCount).toBe(0);
  });

  test("close: lets them go, asks nobody any more, and waits for what is under way", async () => {
    const { clock, completer, markers, put } = await open();
    let release = (): void => undefined;
    markers.barrier = new Promise((resolve) => (release = resolve));
    await put(decided);
    await settle();
    const waiter = completer.settled("a", 1000);
    let isClosed = false;
    const closed = completer.close().then(() => (isClosed = true));
    expect(await waiter).toBe(false);
    await settle();
    expect(isClosed).toBe(false);
    release();
    await closed;
    await clock.run(60_000);
    expect(markers.markers.length).toBe(2);
    expect(await completer.settled("a", 1000)).toBe(false);
  });
});

describe("completer: after a replay", () => {
  test("decisions that were found are carried out, those that were not are forgotten", async () => {
    const { clock, completer, machine, markers, put } = await open();
    markers.failing = () => storage;
    await put(decided);
    await settle();
    const waiter = completer.settled("a", 1000);
    const transaction = { ...decided, producerId: 6 };
    machine.clear();
    machine.observe(() => undefined);
    machine.apply({ kind: "transaction", transactionalId: "b", transaction });
    markers.failing = () => null;
    completer.restart(machine.all());
    expect(await waiter).toBe(false);
    await clock.run(1000);
    expect(markers.of("t-0")).toEqual(["commit 6/3"]);
    expect(machine.find("b")?.state).toBe("CompleteCommit");
  });

  test("the same decision goes on where it is: no second attempt beside it", async () => {
    const { clock, completer, machine, markers, put, stateOf } = await open();
    let release = (): void => undefined;
    markers.barrier = new Promise((resolve) => (release = resolve));
    await put(decided);
    await settle();
    completer.restart(machine.all());
    await clock.run(1000);
    expect(markers.markers.length).toBe(2);
    release();
    await settle();
    expect(stateOf()).toBe("CompleteCommit");
    expect(markers.markers.length).toBe(2);
  });
});
