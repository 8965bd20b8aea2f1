// What befalls the server: everything that a machine, a disk, a clock and a network may do to it.

import type { Random } from "../../src/base/random.ts";
import type { OperationKind, PlannedFault } from "../support/fault-plan.ts";
import { oneOf } from "./record-clients.ts";
import type { StopHow, World } from "./world.ts";

const changes: readonly OperationKind[] = [
  "open",
  "write",
  "sync",
  "reserve",
  "truncate",
  "makeDirectory",
  "rename",
  "remove",
  "syncDirectory",
];
const places = [/./, /\/t\d-/, /\/__/, /\.log$/, /index$|\.snapshot$|checkpoint/] as const;

/** Kinds of faults, each as often as it stands here. */
export const faultKinds = [
  "power",
  "power",
  "halt",
  "halt",
  "halt-in-start",
  "kill",
  "kill",
  "close",
  "failed-sync",
  "failed-write",
  "short-write",
  "failed-call",
  "full",
  "stall",
  "clock-forward",
  "clock-back",
] as const;

/** One of them. */
export type FaultKind = (typeof faultKinds)[number];

/** Lets one fault befall the server, and whatever it takes to go on afterwards. */
export async function strike(world: World, random: Random, kind: FaultKind): Promise<void> {
  switch (kind) {
    case "power":
    case "kill":
    case "close":
      await world.stop(kind);
      break;
    case "halt":
      halt(world, random);
      break;
    case "halt-in-start":
      for (let times = 1 + random.below(3); times > 0; times--) {
        world.haltsOfStarts.push(1 + random.below(1 + random.below(160)));
      }
      await world.stop(oneOf<StopHow>(random, ["power", "kill", "close"]));
      break;
    case "failed-sync":
    case "failed-write":
    case "short-write":
    case "failed-call":
      await fail(world, random, kind);
      break;
    case "full":
      await fillUp(world, random);
      break;
    case "stall":
      await stall(world, random);
      break;
    case "clock-forward":
    case "clock-back": {
      world.coverage.hit(`fault ${kind}`);
      const ms = oneOf(random, [10, 1000, 40_000, 3_600_000]);
      world.clock.setWall(world.nowMs + (kind === "clock-forward" ? ms : -ms));
      break;
    }
  }
}

function halt(world: World, random: Random): void {
  const effect = random.below(2) === 0 ? "halt-before" : "halt-after";
  const kinds = random.below(2) === 0 ? [oneOf(random, changes)] : changes;
  world.coverage.hit(`fault ${effect}`);
  world.disk.plan({ kind: kinds, nth: 1 + random.below(30), effect });
}

async function fail(world: World, random: Random, what: FaultKind): Promise<void> {
  const kinds: readonly OperationKind[] =
    what === "failed-sync" ? ["sync"] : what === "failed-call" ? changes : ["write"];
  const effect = what === "short-write" ? "short" : "fail";
  const path = oneOf(random, places);
  const times = oneOf(random, [1, 1, 2, 1000]);
  world.diskFault(what);
  const { disk } = world;
  const planned = disk.plan({ kind: kinds, path, nth: 1 + random.below(10), times, effect });
  await afterwards(world, random, planned);
}

async function fillUp(world: World, random: Random): Promise<void> {
  const { disk } = world;
  if (random.below(2) === 0) {
    world.diskFault("full once");
    const pattern = { kind: ["write", "reserve"], path: oneOf(random, places) } as const;
    const planned = disk.plan({ ...pattern, nth: 1 + random.below(10), effect: "full" });
    await world.sleep(100 + random.below(500));
    planned.cancel();
  } else {
    world.diskFault("full");
    disk.capacityBytes = disk.usedBytes + random.below(4000);
    await world.sleep(100 + random.below(1200));
  }
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  if (random.below(2) === 0) await world.stop(oneOf<StopHow>(random, ["power", "kill", "close"]));
}

async function stall(world: World, random: Random): Promise<void> {
  world.coverage.hit("fault stall");
  const kind = oneOf(random, ["sync", "write", "read", "sync"] as const);
  const release = world.disk.hold({ kind, path: oneOf(random, places) });
  await world.sleep(100 + random.below(oneOf(random, [300, 300, 7000])));
  if (random.below(3) === 0) await world.stop(random.below(2) === 0 ? "power" : "kill");
  release();
}

async function afterwards(world: World, random: Random, planned: PlannedFault): Promise<void> {
  await world.sleep(100 + random.below(700));
  planned.cancel();
  // What the disk refused, a part of the server may never use again: only a new life does.
  await world.stop(oneOf<StopHow>(random, ["power", "kill", "kill", "close"]));
}

/** The disk is a good one again, however it was, and the clock is set right: never earlier than it has been. */
export function heal(world: World): void {
  const latestMs = Math.max(...world.history.map(({ wallMs }) => wallMs));
  world.clock.setWall(Math.max(world.nowMs, latestMs));
  world.haltsOfStarts.length = 0;
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
}
