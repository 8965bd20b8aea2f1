import { beforeEach, expect, test } from "vitest";
import { QueueRates } from "../../../src/doors/http/queue-rates.ts";
import type { QueueCounts } from "../../../src/services.ts";
import { FakeClock } from "../../support/fake-clock.ts";

let clock: FakeClock;
let rates: QueueRates;
beforeEach(() => {
  clock = new FakeClock();
  rates = new QueueRates(clock);
});

const look = (delivered: number, acked: number, queue = "q") =>
  rates.of({ queue, counts: { delivered, acked } as QueueCounts });
const unknown = { deliveredPerSecond: null, ackedPerSecond: null };

test("null until there was a look a second ago; then the mean since", () => {
  expect(look(100, 50)).toEqual(unknown);
  clock.advance(999);
  expect(look(200, 60)).toEqual(unknown);
  clock.advance(1001);
  expect(look(300, 70)).toEqual({ deliveredPerSecond: 100, ackedPerSecond: 10 });
  expect(look(300, 70, "other")).toEqual(unknown);
});

test("of the last minute, or since the last look when that is longer ago", () => {
  look(0, 0);
  clock.advance(59_000);
  look(5900, 0);
  clock.advance(2_000);
  expect(look(5900, 0)).toEqual({ deliveredPerSecond: 0, ackedPerSecond: 0 });
  clock.advance(1_000_000);
  expect(look(6900, 0).deliveredPerSecond).toBe(1);
});

test("counters that went back are another queue's", () => {
  look(10, 10);
  clock.advance(2000);
  expect(look(5, 5)).toEqual(unknown);
  clock.advance(2000);
  expect(look(7, 5).deliveredPerSecond).toBe(1);
  rates.forget("q");
  expect(look(9, 5)).toEqual(unknown);
});
