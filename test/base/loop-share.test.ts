import { expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { LoopShare } from "../../src/base/loop-share.ts";

const much = 1 << 20;

// Time passes when the test says so.
class HandClock implements Clock {
  looks = 0;
  #ms = 0;

  nowMs(): number {
    return this.#ms;
  }

  monotonicMs(): number {
    this.looks++;
    return this.#ms;
  }

  after(): never {
    throw new Error("no timer is needed");
  }

  advance(ms: number): void {
    this.#ms += ms;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test("loop share: little time used: goes on at once, however much was done", () => {
  const share = new LoopShare(new HandClock());
  for (let count = 0; count < 100; count++) expect(share.after(much)).toBeNull();
});

test("loop share: a slice used up: whoever asks next waits for the loop to turn", async () => {
  const clock = new HandClock();
  const share = new LoopShare(clock);
  expect(share.after(much)).toBeNull();
  clock.advance(20);
  const pause = share.after(much);
  expect(pause).not.toBeNull();
  let isOver = false;
  void pause?.then(() => {
    isOver = true;
  });
  await Promise.resolve();
  expect(isOver).toBe(false);
  await nextTurn();
  expect(isOver).toBe(true);
  expect(share.after(much)).toBeNull();
});

test("loop share: several workers that use up every slice: one a turn, in order, none forgotten", async () => {
  const clock = new HandClock();
  const share = new LoopShare(clock);
  let turns = 0;
  const log: string[] = [];
  const work = async (name: string): Promise<void> => {
    for (let piece = 0; piece < 3; piece++) {
      clock.advance(20);
      const pause = share.after(much);
      if (pause !== null) await pause;
      log.push(`${turns}${name}`);
    }
  };
  let isDone = false;
  const all = Promise.all(["a", "b", "c"].map(work)).then(() => {
    isDone = true;
  });
  while (!isDone) {
    await nextTurn();
    turns++;
  }
  await all;
  expect(log).toHaveLength(9);
  const perTurn = log.map((entry) => Number.parseInt(entry, 10));
  for (const turn of perTurn.slice(1)) {
    expect(perTurn.filter((other) => other === turn).length).toBeLessThanOrEqual(2);
  }
  expect(log.map((entry) => entry.replace(/\d+/, "")).join("")).toMatch(/a.*b.*c/);
});

test("loop share: many small pieces: the clock is looked at seldom", () => {
  const clock = new HandClock();
  const share = new LoopShare(clock);
  for (let count = 0; count < 1000; count++) expect(share.after(100)).toBeNull();
  expect(clock.looks).toBeLessThan(20);
});
