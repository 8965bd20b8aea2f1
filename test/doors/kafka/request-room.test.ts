import { expect, test } from "vitest";
import { RequestRoom } from "../../../src/doors/kafka/request-room.ts";
import { outcomeOf } from "../../support/engines.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const KiB = 1024;

function room(clock = new FakeClock()): RequestRoom {
  return new RequestRoom({ clock, bytesMax: 400 * KiB, waitMsMax: 100, waitersMax: 10 });
}

test("room: large requests that fill their part: leave the rest to small ones", async () => {
  const requests = room();
  expect(requests.tryTake(200 * KiB)).toBe(true);
  expect(requests.tryTake(101 * KiB)).toBe(false);
  const waiting = requests.take(101 * KiB);
  expect(requests.tryTake(64 * KiB)).toBe(true);
  expect(requests.tryTake(37 * KiB)).toBe(false);
  expect(requests.takenBytes).toBe(264 * KiB);
  requests.give(200 * KiB);
  await waiting;
  expect(requests.takenBytes).toBe(165 * KiB);
  requests.give(64 * KiB);
  requests.give(101 * KiB);
  expect(requests.takenBytes).toBe(0);
});

test("room: none in time, or none any more: is refused by name", async () => {
  const clock = new FakeClock();
  const requests = room(clock);
  requests.tryTake(300 * KiB);
  const late = outcomeOf(requests.take(100 * KiB));
  clock.advance(100);
  expect(await late).toBe("SERVER_OVERLOADED");
  const waiting = outcomeOf(requests.take(100 * KiB));
  requests.close();
  expect(await waiting).toBe("SERVER_STOPPING");
  expect(requests.tryTake(1)).toBe(false);
});
