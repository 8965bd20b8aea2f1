import { expect, test } from "vitest";
import { HeldMessage } from "../../src/client/held-message.ts";
import type { QueueMessage } from "../../src/client/messages.ts";
import { FakeClock } from "../support/fake-clock.ts";

const hold = (leaseMs: number) => {
  const clock = new FakeClock();
  const told: string[] = [];
  const startMs = clock.monotonicMs();
  const note = (what: string) => () => {
    told.push(`${what} at ${clock.monotonicMs() - startMs}`);
  };
  const events = { onDue: note("due"), onOver: note("over") };
  const held = new HeldMessage({ receipt: "r" } as QueueMessage, { leaseMs, clock, events });
  return { clock, told, held, startMs };
};

test("held message: due after a third of the lease, over at its end", () => {
  const { clock, told, held } = hold(30_000);
  clock.advance(29_999);
  expect([told, held.isOver]).toEqual([["due at 10000"], false]);
  clock.advance(1);
  expect([told, held.isOver]).toEqual([["due at 10000", "over at 30000"], true]);
});

test("held message: extended: counts from when it was asked for", () => {
  const { clock, told, held, startMs } = hold(30_000);
  clock.advance(12_000);
  held.extended(startMs + 10_000);
  clock.advance(27_999);
  expect(told).toEqual(["due at 10000", "due at 20000"]);
  clock.advance(1);
  expect(told.at(-1)).toBe("over at 40000");
});

test("held message: an extension that took longer than a third: is due again at once", () => {
  const { clock, told, held, startMs } = hold(30_000);
  clock.advance(29_000);
  held.extended(startMs + 10_000);
  clock.advance(0);
  expect(told).toEqual(["due at 10000", "due at 29000"]);
});

test("held message: ended or closed: no timer is left", () => {
  const { clock, held } = hold(30_000);
  held.ended();
  expect([clock.timerCount, held.isOpen]).toEqual([0, true]);
  held.close();
  expect([held.isOpen, held.signal.aborted]).toEqual([false, false]);
  held.tell(new Error("gone"));
  expect(held.signal.reason).toEqual(new Error("gone"));
});
