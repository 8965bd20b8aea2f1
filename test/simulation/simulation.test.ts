// A short form of the simulation. The long one is `npm run simulate`.

import { describe, expect, test } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { Coverage } from "./coverage.ts";
import { LifeClock } from "./life-clock.ts";
import { simulate } from "./simulation.ts";

describe("simulation", () => {
  test("the same seed: the same trace, event for event", { timeout: 120_000 }, async () => {
    const first = await simulate({ seed: 8 });
    const second = await simulate({ seed: 8 });
    expect(second.history).toEqual(first.history);
    expect(second.traceHash).toBe(first.traceHash);
    expect((await simulate({ seed: 9 })).traceHash).not.toBe(first.traceHash);
  });

  test("a few seeds: every promise is kept", { timeout: 120_000 }, async () => {
    const coverage = new Coverage();
    for (let seed = 101; seed <= 116; seed++) {
      const result = await simulate({ seed });
      coverage.add(result.coverage.counts);
      expect(result.violations.slice(0, 3), `npm run simulate -- --seed ${seed}`).toEqual([]);
    }
    const reached = ["power", "kill", "close"].map((how) => `state stopped by ${how}`);
    const called = ["fetch read_committed", "receive", "end commit", "heartbeat", "deleteTopic"];
    expect(coverage.missing([...reached, ...called.map((name) => `call ${name}`)])).toEqual([]);
  });
});

describe("what a simulation is made of", () => {
  test("a clock that died: its timers do not fire, those of the world do", () => {
    const world = new FakeClock();
    const life = new LifeClock(world);
    const fired: string[] = [];
    life.after(10, () => fired.push("early"));
    life.after(30, () => fired.push("late"));
    life.after(5, () => fired.push("cancelled")).cancel();
    world.after(30, () => fired.push("world"));
    world.advance(20);
    life.die();
    life.after(1, () => fired.push("after death"));
    world.advance(20);
    expect(fired).toEqual(["early", "world"]);
    expect(life.nowMs()).toBe(world.nowMs());
  });

  test("coverage: counts add up, what is missing is named and shown as 0", () => {
    const one = new Coverage();
    const two = new Coverage();
    one.hit("a");
    two.hit("a", 2);
    two.hit("b");
    one.add(two.counts);
    expect([...one.counts]).toEqual([
      ["a", 3],
      ["b", 1],
    ]);
    expect(one.missing(["a", "c"])).toEqual(["c"]);
    expect(one.table(["c"]).split("\n")).toHaveLength(3);
  });
});
