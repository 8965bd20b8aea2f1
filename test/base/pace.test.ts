import { expect, test } from "vitest";
import { Pace } from "../../src/base/pace.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("pace: so many bytes a second on average, and no faster after a rest", async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock, 1000);
  const startMs = clock.monotonicMs();
  let isDone = false;
  const work = (async () => {
    for (let piece = 0; piece < 50; piece++) await pace.after(100);
    isDone = true;
  })();
  await clock.run(4900);
  expect(isDone).toBe(false);
  await clock.run(200);
  await work;
  expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(5000);
  clock.advance(60_000);
  const wait = pace.after(1000);
  expect(wait).not.toBeNull();
  let hasWaited = false;
  void wait?.then(() => {
    hasWaited = true;
  });
  await clock.run(900);
  expect(hasWaited).toBe(false);
  await clock.run(200);
  expect(hasWaited).toBe(true);
});

test("pace: without a bound nobody waits", () => {
  const pace = new Pace(new FakeClock(), Number.POSITIVE_INFINITY);
  for (let piece = 0; piece < 100; piece++) expect(pace.after(1 << 30)).toBeNull();
});
