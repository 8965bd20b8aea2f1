// The work that is stopped at every call to the disk: one entry for each thing that a server does there.
//
// A new one is an entry: what is there before, and the calls.

import { openTestEngine } from "../support/engines.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { EngineWorld } from "./engine-world.ts";
import { GroupSnapshots } from "./group-snapshots.ts";
import type { Subject, Workload } from "./subject.ts";

const t0 = { topic: "t", partition: 0 };
const t1 = { topic: "t", partition: 1 };
// Segments of a few batches, and an index entry for nearly each.
const small = {
  "segment.bytes": "1024",
  "index.interval.bytes": "150",
  "file.delete.delay.ms": "0",
};

async function topic(world: EngineWorld): Promise<void> {
  await world.create("t", 2, small);
}

// A data directory with the server's own topics and nothing else, after an orderly stop.
async function emptyDirectory(): Promise<FaultyDisk> {
  const { engine, disk } = await openTestEngine();
  await engine.close();
  return disk;
}

function overEngine(
  name: string,
  run: (world: EngineWorld) => Promise<void>,
  prepare: (world: EngineWorld) => Promise<void> = topic,
): Workload {
  return { name, base: emptyDirectory, make: (): Subject => new EngineWorld({ prepare, run }) };
}

/** All of them, by name. */
export const workloads: readonly Workload[] = [
  overEngine("append", async (world) => {
    await world.produce(t0, 1);
    await world.produce(t0, 3, { bytes: 250 });
    await world.produce(t1, 1, { acks: 1 });
    await world.produce(t1, 2, { acks: 1 });
    await world.pass(1000);
    await world.commit(t0, 2);
    await world.produce(t0, 1);
  }),
  overEngine(
    "append without sync",
    async (world) => {
      for (let lap = 0; lap < 5; lap++) {
        await world.produce(t0, 2);
        await world.pass(400);
      }
    },
    (world) => world.create("t", 2, { ...small, "varve.durability": "os" }),
  ),
  overEngine("roll", async (world) => {
    for (let index = 0; index < 6; index++) await world.produce(t0, 2, { bytes: 150 });
    await world.pass(1500);
    for (let index = 0; index < 4; index++) await world.produce(t0, 1, { bytes: 300 });
  }),
  overEngine("group commit", async (world) => {
    for (let lap = 0; lap < 3; lap++) {
      const appends = [t0, t1, t0, t1, t0].map((place, index) =>
        world.produce(place, 1 + index, { acks: index === 4 ? 1 : -1 }),
      );
      await Promise.all([...appends, world.commit(t0, lap), world.commit(t1, lap)]);
    }
  }),
  overEngine(
    "retention",
    async (world) => {
      await world.retain(t0);
      await world.pass(1500);
      await world.trim(t1, 3);
      await world.produce(t0, 1);
    },
    async (world) => {
      await world.create("t", 2, { ...small, "retention.bytes": "1500" });
      for (let index = 0; index < 8; index++) await world.produce(t0, 2, { bytes: 200 });
      for (let index = 0; index < 4; index++) await world.produce(t1, 2, { bytes: 200 });
    },
  ),
  overEngine(
    "compaction",
    async (world) => {
      await world.compact();
      await world.produce(t0, 3, { bytes: 200 });
      await world.produce(t0, 1, { bytes: 200 });
      await world.compact();
      await world.pass(1500);
    },
    async (world) => {
      const compacted = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };
      await world.create("t", 2, { ...small, ...compacted });
      for (let index = 0; index < 8; index++) await world.produce(t0, 2, { bytes: 200 });
    },
  ),
  overEngine("topic create and delete", async (world) => {
    await world.create("a", 2);
    await world.produce({ topic: "a", partition: 1 }, 2);
    await world.remove("a");
    await world.pass(70_000);
    await world.create("a", 1);
    await world.produce({ topic: "a", partition: 0 }, 1);
    await world.remove("t");
    await world.pass(70_000);
  }),
  overEngine("stop and start", async (world) => {
    for (let index = 0; index < 3; index++) await world.produce(t0, 2, { bytes: 200 });
    await world.commit(t0, 4);
    await world.restart();
    await world.produce(t0, 1);
    await world.produce(t1, 1, { acks: 1 });
    await world.restart();
  }),
  overEngine("transactions", async (world) => {
    await world.transaction([t0, t1], "abort");
    await world.produce(t0, 1);
    await world.transaction([t0, t1], "commit");
    await world.transaction([t1], "commit");
    await world.transaction([t0], null);
    await world.pass(70_000);
  }),
  overEngine(
    "queue",
    async (world) => {
      await world.send(6);
      const first = await world.receive(4);
      await world.settle("ack", first.slice(0, 1));
      await world.settle("nack", first.slice(1, 2));
      await world.settle("reject", first.slice(2, 3));
      await world.pass(500);
      await world.settle("ack", (await world.receive(1)).slice(0, 1));
      await world.pass(10_000);
      await world.receive(2);
      await world.pass(10_000);
      await world.receive(10);
      await world.pass(10_000);
      await world.redrive();
      await world.settle("ack", await world.receive(2));
    },
    (world) => world.makeQueue(),
  ),
  {
    name: "snapshot",
    base: () => Promise.resolve(new FaultyDisk()),
    make: (): Subject => new GroupSnapshots(),
  },
  {
    name: "refusals",
    base: () => Promise.resolve(new FaultyDisk()),
    make: (): Subject => new GroupSnapshots(1),
  },
];
