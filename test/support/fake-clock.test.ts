import { expect, test } from "vitest";
import { sleep } from "../../src/base/clock.ts";
import { FakeClock } from "./fake-clock.ts";

test("fake clock: timers: by due time, then by age, each at its own instant", () => {
  const clock = new FakeClock(5_000);
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name}@${clock.nowMs()}`);
  clock.after(20, note("late"));
  clock.after(10, note("first"));
  clock.after(10, note("second"));
  clock.after(-5, note("at once"));
  clock.after(15, () => {
    note("parent")();
    clock.after(0, note("child"));
  });
  const cancelled = clock.after(12, note("cancelled"));
  cancelled.cancel();
  cancelled.cancel();
  expect(fired).toEqual([]);
  clock.advance(19);
  expect(fired).toEqual(["at once@5000", "first@5010", "second@5010", "parent@5015", "child@5015"]);
  expect([clock.nowMs(), clock.timerCount, clock.nextTimerMs]).toEqual([5_019, 1, 1]);
  clock.advance(1);
  expect([fired.at(-1), clock.timerCount, clock.nextTimerMs]).toEqual(["late@5020", 0, null]);
});

test("fake clock: run: a loop of sleeps turns as often as the time allows", async () => {
  const clock = new FakeClock();
  let turns = 0;
  const loop = async (): Promise<void> => {
    while (turns < 100) {
      await sleep(clock, 10);
      turns++;
    }
  };
  const done = loop();
  await clock.run(55);
  expect(turns).toBe(5);
  await clock.run(1_000);
  await done;
  expect([turns, clock.timerCount]).toEqual([100, 0]);
});

test("fake clock: the wall jumps: monotonic time and timers do not", () => {
  const clock = new FakeClock(5_000);
  let isFired = false;
  clock.after(10, () => {
    isFired = true;
  });
  const before = clock.monotonicMs();
  clock.setWall(1_000_000);
  expect([clock.nowMs(), clock.monotonicMs(), isFired]).toEqual([1_000_000, before, false]);
  clock.setWall(0);
  clock.advance(10);
  expect([clock.nowMs(), clock.monotonicMs(), isFired]).toEqual([10, before + 10, true]);
});
