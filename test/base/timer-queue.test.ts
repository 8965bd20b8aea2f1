import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TimerQueue } from "../../src/base/timer-queue.ts";
import { FakeClock } from "../support/fake-clock.ts";

describe("timer queue", () => {
  test("deadlines: set out of order: fire in order, each once", () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: string[] = [];
    for (const [key, delayMs] of [
      ["c", 30],
      ["a", 10],
      ["b", 20],
      ["a2", 10],
    ] as const) {
      queue.set(key, delayMs, () => fired.push(key));
    }
    expect(clock.timerCount).toBe(1);
    clock.advance(9);
    expect(fired).toEqual([]);
    clock.advance(100);
    expect(fired).toEqual(["a", "a2", "b", "c"]);
    expect(queue.size).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test("after the process stood still: deadlines hold back, and can still be postponed", () => {
    const clock = new FakeClock();
    let stoodStillMs = 0;
    const queue = new TimerQueue({
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs() + stoodStillMs,
      after: (delayMs, callback) => clock.after(delayMs, callback),
    });
    const fired: string[] = [];
    queue.set("silent", 1000, () => fired.push("silent"));
    queue.set("alive", 1000, () => fired.push("alive"));
    stoodStillMs = 60_000;
    clock.advance(1000);
    expect(fired).toEqual([]);
    // What had come meanwhile is read now.
    queue.set("alive", 1000, () => fired.push("alive"));
    clock.advance(499);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual(["silent"]);
    clock.advance(500);
    expect(fired).toEqual(["silent", "alive"]);
    expect(clock.timerCount).toBe(0);
  });

  test("deadlines: set again: only the last counts", () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: string[] = [];
    queue.set("a", 10, () => fired.push("first"));
    queue.set("a", 50, () => fired.push("second"));
    clock.advance(49);
    expect(fired).toEqual([]);
    expect(queue.has("a")).toBe(true);
    clock.advance(1);
    expect(fired).toEqual(["second"]);
  });

  test("a callback: sets its own key with no delay: runs once a turn, not for ever", () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    let count = 0;
    const again = (): void => {
      count++;
      if (count < 5) queue.set("a", 0, again);
    };
    queue.set("a", 0, again);
    clock.advance(0);
    expect(count).toBe(5);
  });

  test("a callback: cancels another that is due as well: that one does not run", () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: string[] = [];
    queue.set("a", 5, () => {
      fired.push("a");
      queue.cancel("b");
    });
    queue.set("b", 5, () => fired.push("b"));
    clock.advance(10);
    expect(fired).toEqual(["a"]);
  });

  test("clear: nothing fires and no timer is left", () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    queue.set("a", 5, () => expect.unreachable());
    queue.clear();
    expect(clock.timerCount).toBe(0);
    clock.advance(10);
    queue.set("b", 5, () => undefined);
    expect(clock.nextTimerMs).toBe(5);
  });

  test("any sequence of set, cancel and time: fires what a plain list would", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set"), key: fc.nat(9), ms: fc.nat(50) }),
      fc.record({ kind: fc.constant("cancel"), key: fc.nat(9), ms: fc.constant(0) }),
      fc.record({ kind: fc.constant("advance"), key: fc.constant(0), ms: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new FakeClock();
        const queue = new TimerQueue(clock);
        const model = new Map<number, number>();
        const fired: number[] = [];
        const expected: number[] = [];
        for (const { kind, key, ms } of steps) {
          if (kind === "set") {
            model.delete(key);
            model.set(key, clock.monotonicMs() + ms);
            queue.set(`${key}`, ms, () => fired.push(key));
          } else if (kind === "cancel") {
            model.delete(key);
            queue.cancel(`${key}`);
          } else {
            clock.advance(ms);
            const due = [...model].filter(([, atMs]) => atMs <= clock.monotonicMs());
            due.sort((left, right) => left[1] - right[1]);
            for (const [dueKey] of due) {
              expected.push(dueKey);
              model.delete(dueKey);
            }
          }
          expect(fired).toEqual(expected);
          expect(queue.size).toBe(model.size);
        }
      }),
    );
  });
});
