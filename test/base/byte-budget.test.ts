import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteBudget } from "../../src/base/byte-budget.ts";
import { LogError } from "../../src/base/error.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";

function budgetOf(clock: FakeClock, bytesMax = 100, waitersMax = 10): ByteBudget {
  return new ByteBudget({ clock, name: "tests", bytesMax, waitMsMax: 1000, waitersMax });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "ok",
    (error: unknown) => (error instanceof LogError ? error.code : String(error)),
  );
}

describe("byte budget", () => {
  test("room for all: nobody waits, and what is given back can be taken again", async () => {
    const budget = budgetOf(new FakeClock());
    await budget.take(60);
    expect(budget.tryTake(40)).toBe(true);
    expect(budget.tryTake(1)).toBe(false);
    budget.give(60);
    expect(budget.tryTake(60)).toBe(true);
    expect(budget.takenBytes).toBe(100);
  });

  test("a small taker behind a large one: waits its turn and does not overtake", async () => {
    const budget = budgetOf(new FakeClock());
    await budget.take(90);
    const order: string[] = [];
    const large = budget.take(80).then(() => order.push("large"));
    const small = budget.take(5).then(() => order.push("small"));
    expect(budget.tryTake(1)).toBe(false);
    await settle();
    expect(order).toEqual([]);
    budget.give(90);
    await Promise.all([large, small]);
    expect(order).toEqual(["large", "small"]);
    expect(budget.takenBytes).toBe(85);
  });

  test("one larger than the bound: is let in alone", async () => {
    const budget = budgetOf(new FakeClock());
    await budget.take(500);
    expect(budget.tryTake(1)).toBe(false);
    budget.give(500);
    expect(budget.tryTake(1)).toBe(true);
  });

  test("no room in time: refused, and those behind it that fit are let in", async () => {
    const clock = new FakeClock();
    const budget = budgetOf(clock);
    await budget.take(90);
    const large = codeOf(budget.take(50));
    clock.advance(500);
    const small = codeOf(budget.take(10));
    clock.advance(500);
    expect(await large).toBe("SERVER_OVERLOADED");
    expect(await small).toBe("ok");
    expect(budget.takenBytes).toBe(100);
    expect(clock.timerCount).toBe(0);
  });

  test("too many wait: the next is refused at once", async () => {
    const budget = budgetOf(new FakeClock(), 100, 1);
    await budget.take(100);
    const first = codeOf(budget.take(1));
    expect(await codeOf(budget.take(1))).toBe("SERVER_OVERLOADED");
    budget.give(100);
    expect(await first).toBe("ok");
  });

  test("closed: whoever waits or comes is refused, giving back still works", async () => {
    const clock = new FakeClock();
    const budget = budgetOf(clock);
    await budget.take(100);
    const waiting = codeOf(budget.take(1));
    budget.close();
    expect(await waiting).toBe("SERVER_STOPPING");
    expect(await codeOf(budget.take(1))).toBe("SERVER_STOPPING");
    budget.give(100);
    expect(budget.takenBytes).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test("any takers: never more than the bound is out, everybody gets in, in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 30 }),
        async (sizes) => {
          const budget = budgetOf(new FakeClock(), 100, 1000);
          const admitted: number[] = [];
          const all = sizes.map((size, index) =>
            budget.take(size).then(async () => {
              admitted.push(index);
              expect(budget.takenBytes).toBeLessThanOrEqual(100);
              await settle(1);
              budget.give(size);
            }),
          );
          await Promise.all(all);
          expect(admitted).toEqual(sizes.map((_, index) => index));
          expect(budget.takenBytes).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });
});
