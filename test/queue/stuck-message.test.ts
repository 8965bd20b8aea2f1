// One message that nobody settles, and a hundred thousand behind it: what is remembered stays small, in memory and in
// the log of the state, and the message is still there.

import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { SettleAnswer } from "../../src/services.ts";
import { QueueWorld } from "../support/queue-world.ts";

const monthMs = 31 * 24 * 3_600_000;
const messages = 100_000;
const perRound = 500;

test("a queue remembers one stuck message and not those that passed it", async () => {
  const random = seededRandom(7);
  const world = await QueueWorld.open({
    seed: 7,
    partitions: 1,
    settings: { leaseMs: monthMs },
    snapshotGrowthBytes: 1 << 15,
  });
  await world.produce(0, [{ value: "stuck" }]);
  const [stuck] = await world.receive(1);
  if (stuck === undefined) throw new Error("nothing came");
  const values = Array.from({ length: perRound }, (_, index) => ({ value: `value ${index}` }));
  let runsMax = 0;
  let eventsMax = 0;
  let passed = 0;
  while (passed < messages) {
    await world.produce(0, values);
    const received = await world.receive(perRound);
    passed += received.length;
    // In parts, none of which lies in one piece: runs fall apart before they go.
    const parts: SettleAnswer[][] = [[], [], [], []];
    for (const receipt of received) parts[random.below(4)]?.push({ kind: "ack", receipt });
    for (const part of parts) {
      expect((await world.settle(part)).every((isHeld) => isHeld)).toBe(true);
      runsMax = Math.max(runsMax, world.runCount);
    }
    expect(world.runCount).toBe(1);
    eventsMax = Math.max(eventsMax, await world.stateEvents());
  }
  expect(passed).toBe(messages);
  expect(runsMax).toBeLessThan(perRound);
  // A round writes about twelve events, the runs packed in kilobytes: what grows to 32 KiB is trimmed.
  expect(eventsMax).toBeLessThan(200);
  expect(world.trims).toBeGreaterThan(20);

  await world.die("crash");
  expect(await world.receive(10)).toEqual([]);
  const { counts } = await world.queues.describe("q");
  expect(counts).toMatchObject({ depth: 1, inFlight: 1, delivered: messages + 1, acked: messages });
  expect(await world.settle([{ kind: "nack", receipt: stuck, delayMs: 0, reason: "" }])).toEqual([
    true,
  ]);
  expect(await world.receive(10)).toEqual([{ ...stuck, deliveries: 2 }]);
});
