import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { leaseClock } from "../../src/share/lease-clock.ts";
import { FakeClock } from "../support/fake-clock.ts";

const hourMs = 3_600_000;

test("a step of a second is followed at once", () => {
  const clock = new FakeClock(1_800_000_000_000);
  const time = leaseClock(clock, silentLogger);
  clock.setWall(clock.nowMs() + 1000);
  expect(time.nowMs()).toBe(clock.nowMs());
});

test("a larger one after an hour", () => {
  const clock = new FakeClock(1_800_000_000_000);
  const time = leaseClock(clock, silentLogger);
  const before = time.nowMs();
  clock.setWall(clock.nowMs() + 1001);
  expect(time.nowMs()).toBe(before);
  clock.advance(hourMs - 1);
  expect(time.nowMs()).toBe(before + hourMs - 1);
  clock.advance(1);
  expect(time.nowMs()).toBe(clock.nowMs());
});
