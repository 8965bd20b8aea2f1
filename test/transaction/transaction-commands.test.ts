import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { Command } from "../../src/coordinator/state-machine.ts";
import {
  defaultTransactionLimits,
  TransactionCommands,
} from "../../src/transaction/transaction-commands.ts";
import type { TransactionEvent } from "../../src/transaction/transaction-events.ts";
import { TransactionMachine } from "../../src/transaction/transaction-machine.ts";
import { FakePartitions, initOf, places } from "../support/transaction-world.ts";

function open(idsMax = 2) {
  const machine = new TransactionMachine();
  const partitions = new FakePartitions();
  const commands = new TransactionCommands({
    machine,
    limits: { ...defaultTransactionLimits, idsMax },
    refusalOf: (place) => partitions.refusalOf(place),
  });
  /** Decides and applies; the events and the reply, or its error's name. */
  const run = <Reply>(command: Command<TransactionEvent, Reply>, nowMs = 1000) => {
    try {
      const { events, reply } = command(nowMs);
      for (const event of events) machine.apply(event);
      return { events, reply: reply instanceof LogError ? reply.code : reply };
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      return { events: [], reply: error.code };
    }
  };
  const start = (transactionalId: string) => {
    const pair = run(commands.init(initOf(transactionalId))).reply;
    if (typeof pair === "string") throw new Error(pair);
    return { transactionalId, ...pair };
  };
  return { machine, commands, run, start };
}

describe("transaction commands", () => {
  test("init: the producer id's reservation comes before its use", () => {
    const { run, commands } = open();
    const { events, reply } = run(commands.init(initOf("a")));
    expect(events.map(({ kind }) => kind)).toEqual(["producerIds", "transaction"]);
    expect(reply).toEqual({ producerId: 0, producerEpoch: 0 });
    expect(run(commands.init(initOf(null)))).toEqual({
      events: [],
      reply: { producerId: 1, producerEpoch: 0 },
    });
  });

  test("init: no more transactional ids than allowed, those there are go on", () => {
    const { run, commands, start } = open(2);
    start("a");
    start("b");
    expect(run(commands.init(initOf("c")))).toEqual({ events: [], reply: "POLICY_VIOLATION" });
    expect(run(commands.init(initOf("a"))).reply).toEqual({ producerId: 0, producerEpoch: 1 });
  });

  test("init: an error that changes something is stored with it", () => {
    const { run, commands, start, machine } = open();
    run(commands.addPartitions(start("a"), places(0)));
    expect(run(commands.init(initOf("a"))).reply).toBe("CONCURRENT_TRANSACTIONS");
    expect(machine.find("a")).toMatchObject({ state: "PrepareAbort", producerEpoch: 1 });
  });

  test("partitions: told which are new", () => {
    const { run, commands, start } = open();
    const producer = start("a");
    const fresh = (...numbers: number[]) => {
      const { reply } = run(commands.addPartitions(producer, places(...numbers)));
      return typeof reply === "string" ? reply : reply.fresh;
    };
    expect(fresh(0, 1)).toEqual(places(0, 1));
    expect(fresh(1, 2)).toEqual(places(2));
    expect(fresh(9)).toEqual([]);
    expect(run(commands.addPartitions(producer, places(1)))).toMatchObject({ events: [] });
    expect(run(commands.addPartitions({ ...producer, producerEpoch: 9 }, places(1))).reply).toBe(
      "PRODUCER_FENCED",
    );
  });

  test("groups: must have a name", () => {
    const { run, commands, start } = open();
    const producer = start("a");
    expect(run(commands.addGroup(producer, "")).reply).toBe("INVALID_GROUP_ID");
    expect(run(commands.addGroup(producer, "g")).events.length).toBe(1);
    expect(run(commands.addGroup({ ...producer, producerId: 9 }, "g")).reply).toBe(
      "INVALID_PRODUCER_ID_MAPPING",
    );
  });

  test("from beginning to end", () => {
    const { run, commands, start, machine } = open();
    const producer = start("a");
    run(commands.addPartitions(producer, places(0)));
    run(commands.end(producer, true));
    const prepared = machine.find("a");
    if (prepared === null) throw new Error("it is known");
    expect(prepared.state).toBe("PrepareCommit");
    run(commands.complete("a", prepared));
    expect(machine.find("a")?.state).toBe("CompleteCommit");
    expect(run(commands.complete("a", prepared)).events).toEqual([]);
  });

  test("out of time: only the transaction that was late", () => {
    const { run, commands, start, machine } = open();
    const producer = start("a");
    run(commands.addPartitions(producer, places(0)), 1000);
    const late = machine.find("a");
    if (late === null) throw new Error("it is known");
    // More partitions are still the same transaction.
    run(commands.addPartitions(producer, places(1)), 1500);
    expect(run(commands.timeOut("a", { ...late, startedAtMs: 999 })).events).toEqual([]);
    expect(run(commands.timeOut("a", { ...late, producerEpoch: 9 })).events).toEqual([]);
    expect(run(commands.timeOut("b", late)).events).toEqual([]);
    run(commands.timeOut("a", late));
    expect(machine.find("a")).toMatchObject({ state: "PrepareAbort", producerEpoch: 1 });
    expect(run(commands.timeOut("a", late)).events).toEqual([]);
  });

  test("expiry: only when nothing has happened since", () => {
    const { run, commands, start, machine } = open();
    start("a");
    const idle = machine.find("a");
    if (idle === null) throw new Error("it is known");
    start("a");
    expect(run(commands.expire("a", idle)).events).toEqual([]);
    const present = machine.find("a");
    if (present !== null) run(commands.expire("a", present));
    expect(machine.find("a")).toBe(null);
  });
});
