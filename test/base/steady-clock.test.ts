import fc from "fast-check";
import { expect, test } from "vitest";
import { SteadyClock } from "../../src/base/steady-clock.ts";
import { FakeClock } from "../support/fake-clock.ts";

const hourMs = 3_600_000;

function steady(holdMs = 24 * hourMs) {
  const clock = new FakeClock();
  const doubts: number[] = [];
  const onDoubt = (aheadMs: number): void => {
    doubts.push(aheadMs);
  };
  const time = new SteadyClock({ clock, toleranceMs: hourMs, holdMs, onDoubt });
  const jump = (ms: number): void => clock.setWall(clock.nowMs() + ms);
  return { clock, time, doubts, jump };
}

test("small differences: the system's clock is followed at once, however many there are", () => {
  const { clock, time, doubts, jump } = steady();
  for (let count = 0; count < 10; count++) {
    clock.advance(hourMs);
    jump(count % 2 === 0 ? hourMs : -1000);
    expect(time.nowMs()).toBe(clock.nowMs());
  }
  expect([doubts, time.doubtedMs]).toEqual([[], 0]);
});

test.each([1, -1])("a jump: goes on as if nothing had been, and is told once (%i)", (sign) => {
  const { clock, time, doubts, jump } = steady();
  const before = time.nowMs();
  jump(sign * 10 * hourMs);
  clock.advance(1000);
  expect(time.nowMs()).toBe(before + 1000);
  clock.advance(1000);
  expect(time.nowMs()).toBe(before + 2000);
  expect(doubts).toEqual([sign * 10 * hourMs]);
  expect(time.doubtedMs).toBe(sign * 10 * hourMs);
});

test("a jump back to where it was: forgotten", () => {
  const { clock, time, jump } = steady();
  jump(10 * hourMs);
  time.nowMs();
  clock.advance(hourMs);
  jump(-10 * hourMs);
  expect(time.nowMs()).toBe(clock.nowMs());
  expect(time.doubtedMs).toBe(0);
  // The next one has the whole time to be taken back again.
  jump(10 * hourMs);
  time.nowMs();
  clock.advance(23.9 * hourMs);
  expect(time.doubtedMs).toBe(10 * hourMs);
});

test("a clock that stands by its jump: is believed in the end", () => {
  const { clock, time, jump } = steady();
  jump(10 * hourMs);
  time.nowMs();
  clock.advance(24 * hourMs - 1);
  expect(time.nowMs()).toBe(clock.nowMs() - 10 * hourMs);
  clock.advance(1);
  expect(time.nowMs()).toBe(clock.nowMs());
  expect(time.doubtedMs).toBe(0);
});

test("a start: far ahead of what was seen last is a jump, some days are not", () => {
  const near = steady();
  near.time.continueFrom(near.clock.nowMs() - 7 * hourMs, 7 * hourMs);
  expect(near.time.nowMs()).toBe(near.clock.nowMs());
  const far = steady();
  const seenMs = far.clock.nowMs() - 7 * hourMs - 1;
  far.time.continueFrom(seenMs, 7 * hourMs);
  expect([far.time.nowMs(), far.doubts]).toEqual([seenMs, [7 * hourMs + 1]]);
  far.clock.advance(24 * hourMs);
  expect(far.time.nowMs()).toBe(far.clock.nowMs());
});

test("whatever the system's clock does within the hold: off from the monotonic one by no more than was tolerated", () => {
  const steps = fc.array(
    fc.record({ passMs: fc.nat(60_000), jumpMs: fc.integer({ min: -1e12, max: 1e12 }) }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(steps, (moves) => {
      const { clock, time, jump } = steady();
      let last = time.nowMs();
      for (const { passMs, jumpMs } of moves) {
        clock.advance(passMs);
        jump(jumpMs);
        const now = time.nowMs();
        expect(Math.abs(now - last - passMs)).toBeLessThanOrEqual(hourMs);
        last = now;
      }
    }),
  );
});

test("timers and the monotonic clock: the system's", async () => {
  const { clock, time } = steady();
  let count = 0;
  time.after(10, () => {
    count++;
  });
  await clock.run(10);
  expect([count, time.monotonicMs()]).toEqual([1, clock.monotonicMs()]);
});
