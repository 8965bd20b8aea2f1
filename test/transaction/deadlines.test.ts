import { describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { Coordinator } from "../../src/coordinator/coordinator.ts";
import { Deadlines } from "../../src/transaction/deadlines.ts";
import type { Transaction } from "../../src/transaction/transaction.ts";
import {
  defaultTransactionLimits,
  TransactionCommands,
} from "../../src/transaction/transaction-commands.ts";
import type { TransactionEvent } from "../../src/transaction/transaction-events.ts";
import { TransactionMachine } from "../../src/transaction/transaction-machine.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";
import { transactionOf } from "../support/transaction-world.ts";

const idExpirationMs = 10_000;

async function open() {
  const machine = new TransactionMachine();
  const clock = new FakeClock();
  const coordinator = await Coordinator.open<TransactionEvent>({
    name: "transactions",
    machine,
    log: new MemoryStateLog(),
    clock,
    logger: silentLogger,
    snapshotGrowthBytes: null,
    onLoaded: null,
  });
  const limits = defaultTransactionLimits;
  const commands = new TransactionCommands({ machine, limits, refusalOf: () => null });
  const deadlines = new Deadlines({ coordinator, commands, clock, idExpirationMs });
  machine.observe((transactionalId, transaction) => {
    deadlines.changed(transactionalId, transaction);
  });
  const replay = (differing: Partial<Transaction>): void => {
    const transaction = transactionOf({ timeoutMs: 1000, ...differing });
    machine.apply({ kind: "transaction", transactionalId: "a", transaction });
    deadlines.changed("a", null);
    deadlines.replayed("a", transaction);
  };
  const put = (differing: Partial<Transaction>) => {
    const nowMs = clock.nowMs();
    const transaction = transactionOf({ timeoutMs: 1000, updatedAtMs: nowMs, ...differing });
    return coordinator.run(() => ({
      events: [{ kind: "transaction", transactionalId: "a", transaction }],
      reply: undefined,
    }));
  };
  const ongoing = () => put({ state: "Ongoing", startedAtMs: clock.nowMs() });
  return { machine, clock, put, replay, ongoing, stateOf: () => machine.find("a")?.state };
}

describe("deadlines", () => {
  test("an open transaction: aborted when its time is over, and only then", async () => {
    const { clock, ongoing, stateOf } = await open();
    await ongoing();
    await clock.run(999);
    expect(stateOf()).toBe("Ongoing");
    await clock.run(1);
    expect(stateOf()).toBe("PrepareAbort");
  });

  test("a decision has no deadline", async () => {
    const { clock, ongoing, put, stateOf } = await open();
    await ongoing();
    await put({ state: "PrepareCommit" });
    await clock.run(100_000);
    expect(stateOf()).toBe("PrepareCommit");
  });

  test.each(["Empty", "CompleteCommit", "CompleteAbort"] as const)("%s: expires", async (state) => {
    const { clock, put, stateOf } = await open();
    await put({ state });
    await clock.run(9_999);
    expect(stateOf()).toBe(state);
    await clock.run(1);
    expect(stateOf()).toBe(undefined);
    expect(clock.timerCount).toBe(0);
  });

  test("after a replay, a wall clock that was set back gives no more than the whole time", async () => {
    const { clock, replay, stateOf } = await open();
    replay({ state: "Ongoing", startedAtMs: clock.nowMs() + 3_600_000 });
    await clock.run(1000);
    expect(stateOf()).toBe("PrepareAbort");
  });

  test("after a replay, a wall clock that was set forward: it is over at once", async () => {
    const { clock, replay, stateOf } = await open();
    replay({ state: "Ongoing", startedAtMs: clock.nowMs() - 3_600_000 });
    await clock.run(0);
    expect(stateOf()).toBe("PrepareAbort");
  });

  test("after a replay, what has gone by counts", async () => {
    const { clock, replay, stateOf } = await open();
    replay({ state: "Ongoing", startedAtMs: clock.nowMs() - 600 });
    await clock.run(399);
    expect(stateOf()).toBe("Ongoing");
    await clock.run(1);
    expect(stateOf()).toBe("PrepareAbort");
  });

  test.each([1, -1])(
    "a wall clock that jumps by %i day ends and lengthens nothing",
    async (days) => {
      const { clock, put, stateOf } = await open();
      const startedAtMs = clock.nowMs();
      await put({ state: "Ongoing", startedAtMs });
      await clock.run(500);
      clock.setWall(clock.nowMs() + days * 86_400_000);
      // Another partition of it: the deadline stays where it was.
      await put({ state: "Ongoing", startedAtMs });
      await clock.run(499);
      expect(stateOf()).toBe("Ongoing");
      await clock.run(1);
      expect(stateOf()).toBe("PrepareAbort");
    },
  );
});
