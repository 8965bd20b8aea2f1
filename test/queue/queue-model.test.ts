// Queues against a model, through random lives: what was acknowledged never comes again, nothing else is lost, no
// record is with two receivers, what dies has one letter, and what comes back comes back once; whatever fails between.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LifeStep, QueueLife } from "../support/queue-life.ts";

const step = fc.oneof(
  ...(
    [
      [6, "produce"],
      [7, "receive"],
      [6, "settle"],
      [4, "pass"],
      [1, "leap"],
      [3, "together"],
      [2, "redrive"],
      [2, "describe"],
      [1, "configure"],
      [1, "restart"],
      [1, "kill"],
      [1, "crash"],
    ] as const
  ).map(([weight, kind]) => ({ weight, arbitrary: fc.constant<LifeStep>(kind) })),
);
const life = fc.record({
  seed: fc.nat(),
  partitions: fc.constantFrom(1, 2, 3),
  order: fc.constantFrom("none" as const, "key" as const),
  expired: fc.constantFrom("dead-letter" as const, "drop" as const),
  snapshotGrowthBytes: fc.constantFrom(400, 1500, 1 << 20),
});

describe("queue: random lives", () => {
  test("keep every promise of the model", async () => {
    let trims = 0;
    await fc.assert(
      fc.asyncProperty(
        life,
        fc.array(step, { minLength: 10, maxLength: 40 }),
        async (options, steps) => {
          const each = await QueueLife.begin(options);
          for (const kind of steps) await each.step(kind);
          await each.end();
          trims += each.world.trims;
        },
      ),
      // The same lives everywhere; another seed, or more runs, looks further.
      { numRuns: 100, seed: 20_261_127 },
    );
    expect(trims).toBeGreaterThan(0);
  });
});
