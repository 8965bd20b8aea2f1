// Delayed messages: none early, none late, none twice, whatever the order in which they were sent.

import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { messageHeaders } from "../../src/services.ts";
import { delayedMessages } from "../support/delayed-messages.ts";
import { openTestEngine } from "../support/engines.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { QueueWorld } from "../support/queue-world.ts";

test("20,000 over an hour come in the ten seconds in which they fall due, each once", async () => {
  const { engine, clock } = await openTestEngine({ disk: new FaultyDisk({ views: "live" }) });
  const facts = await delayedMessages(engine, clock, { messages: 20_000, seed: 3, stepMs: 10_000 });
  expect(facts).toMatchObject({ received: 20_000, problems: [] });
  expect(facts.latestMs).toBeLessThan(10_000);
  const { counts } = await engine.services.queues.describe("delayed");
  expect(counts).toMatchObject({ depth: 0, delayed: 0, delivered: 20_000, acked: 20_000 });
  await engine.close();
});

test("a receiver that waits is given each at its very millisecond, in order of time", async () => {
  const world = await QueueWorld.open({
    seed: 1,
    partitions: 1,
    settings: {},
    snapshotGrowthBytes: 1 << 20,
  });
  const random = seededRandom(11);
  const startMs = world.clock.nowMs();
  const delays = Array.from({ length: 50 }, () => 1 + random.below(600_000));
  const distinct = [...new Set(delays)];
  await world.produce(
    0,
    distinct.map((delayMs) => ({
      value: String(delayMs),
      headers: [{ key: messageHeaders.deliverAt, value: String(startMs + delayMs) }],
    })),
  );
  const came: number[] = [];
  const receiver = (async () => {
    while (came.length < 2 * distinct.length) {
      const [message] = await world.receive(10, 3_600_000);
      if (message === undefined) throw new Error("nothing came");
      came.push(world.clock.nowMs() - startMs, Number(message.value));
      await world.settle([{ kind: "ack", receipt: message }]);
    }
  })();
  await world.pass(600_000);
  await receiver;
  const sorted = [...distinct].sort((one, other) => one - other);
  expect(came).toEqual(sorted.flatMap((delayMs) => [delayMs, delayMs]));
});
