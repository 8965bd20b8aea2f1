import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ShareEvent } from "../../src/share/share-events.ts";
import { ShareMachine } from "../../src/share/share-machine.ts";
import { noCounts } from "../../src/share/share-partition.ts";
import { fateOf, fatesOf } from "../support/share-states.ts";

const end = 12;

/** The whole state as plain values: what lies above a frontier is not part of it. */
function stateOf(machine: ShareMachine): unknown {
  return [...machine.groups()]
    .map((group) => ({
      name: group.name,
      given: group.given,
      partitions: [...group.partitions()]
        .map(({ topic, partition, header, move }) => {
          const found = group.find(topic, partition);
          const fates = found === null ? [] : [...fatesOf(found, header.frontier)];
          return { topic, partition, header, move, fates };
        })
        .sort((one, other) => one.partition - other.partition),
    }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

function replayed(events: Iterable<ShareEvent>, snapshotRuns?: number): ShareMachine {
  const machine = new ShareMachine(snapshotRuns);
  for (const event of events) {
    const { key, value } = machine.encode(event);
    const read = machine.decode(key, value);
    if (read !== null) machine.apply(read, 0);
  }
  return machine;
}

const header = (epoch: number, frontier = end) => ({
  topicId: "id",
  epoch,
  frontier,
  counts: noCounts,
});
const place = { group: "g", topic: "t", partition: 0 };
const move = {
  topic: "d",
  partition: 0,
  producerId: 1,
  producerEpoch: 0,
  baseSequence: 0,
  offsets: [1],
  atMs: 5,
};

describe("share machine", () => {
  test("a group: made by its settings, changed by them, gone with null", () => {
    const machine = new ShareMachine();
    machine.apply({ kind: "group", group: "g", settings: { leaseMs: 7 } }, 0);
    expect(machine.find("g")?.settings).toMatchObject({ leaseMs: 7, from: "latest" });
    expect(machine.find("g")?.isQueue).toBe(false);
    machine.apply({ kind: "group", group: "g", settings: { topic: "t" } }, 0);
    expect(machine.find("g")?.settings).toMatchObject({ leaseMs: 30_000, from: "earliest" });
    expect(machine.find("g")?.isQueue).toBe(true);
    machine.apply({ kind: "group", group: "g", settings: null }, 0);
    expect([...machine.groups()]).toEqual([]);
  });

  test("a partition begun anew: forgets its records; the same one goes on", () => {
    const machine = new ShareMachine();
    machine.apply({ kind: "partition", ...place, header: header(1) }, 0);
    machine.apply({ kind: "run", ...place, first: 1, last: 2, fate: fateOf() }, 0);
    machine.apply({ kind: "partition", ...place, header: header(1, 20) }, 0);
    const partition = machine.find("g")?.find("t", 0);
    expect([partition?.counts.waiting, partition?.scannedTo]).toEqual([2, 20]);
    machine.apply({ kind: "partition", ...place, header: header(2) }, 0);
    expect(machine.find("g")?.find("t", 0)?.counts.waiting).toBe(0);
    machine.apply({ kind: "partition", ...place, header: null }, 0);
    expect(machine.find("g")?.find("t", 0)).toBeNull();
  });

  test("events about what is not there: change nothing", () => {
    const machine = new ShareMachine();
    machine.apply({ kind: "run", ...place, first: 1, last: 2, fate: fateOf() }, 0);
    machine.apply({ kind: "move", ...place, move }, 0);
    machine.apply({ kind: "partition", ...place, header: null }, 0);
    machine.apply({ kind: "group", group: "g", settings: null }, 0);
    expect(stateOf(machine)).toEqual([]);
  });

  test("what only a scan has found: is not in a snapshot", () => {
    const machine = new ShareMachine();
    machine.apply({ kind: "partition", ...place, header: header(1, 5) }, 0);
    for (const first of [4, 5])
      machine.find("g")?.find("t", 0)?.assign({ first, last: first }, fateOf());
    const runs = [...machine.snapshot()].flatMap((each) => (each.kind === "run" ? each.first : []));
    expect(runs).toEqual([4]);
  });

  test("many runs: a few events of a snapshot, packed", () => {
    const machine = new ShareMachine();
    machine.apply({ kind: "partition", ...place, header: header(1, 2000) }, 0);
    const partition = machine.find("g")?.find("t", 0);
    for (let first = 0; first < 1100; first++) {
      const fate = fateOf({ dueMs: 1_700_000_000_000 + ((first * 7919) % 3_600_000) });
      partition?.assign({ first, last: first }, fate);
    }
    const events = [...machine.snapshot()].filter(({ kind }) => kind === "runs");
    expect(events).toHaveLength(3);
    const bytes = events.map((each) => machine.encode(each).value?.length ?? 0);
    expect(Math.max(...bytes)).toBeLessThan(500 * 32);
    expect(stateOf(replayed(machine.snapshot()))).toEqual(stateOf(machine));
  });

  test("one that is left of several that were delayed: a snapshot builds the same, in another order", () => {
    const machine = new ShareMachine();
    machine.apply({ kind: "partition", ...place, header: header(1) }, 0);
    const delayed = fateOf({ dueMs: 50, expiresAtMs: 70 });
    machine.apply({ kind: "run", ...place, first: 1, last: 3, fate: delayed }, 0);
    machine.apply({ kind: "run", ...place, first: 5, last: 6, fate: delayed }, 0);
    machine.apply({ kind: "run", ...place, first: 5, last: 5, fate: null }, 0);
    const other = replayed(machine.snapshot());
    expect(stateOf(other)).toEqual(stateOf(machine));
    expect(stateOf(replayed(other.snapshot()))).toEqual(stateOf(machine));
    const served = [machine, other].map((each) => {
      const partition = each.find("g")?.find("t", 0);
      const before = { ...partition?.counts };
      const dueMs = partition?.nextDueMs();
      partition?.tick(60);
      const taken = [partition?.takeReady(), partition?.takeReady(), partition?.takeReady()];
      const ranges = taken.map((run) => (run ? [run.first, run.last] : null));
      return { before, dueMs, after: { ...partition?.counts }, ranges };
    });
    expect(served[0]).toEqual(served[1]);
    expect(served[0]?.dueMs).toBe(50);
    expect(served[0]?.ranges).toEqual([[1, 3], [6, 6], null]);
  });

  test("records that wake while a snapshot is written: are in it", () => {
    const machine = new ShareMachine(2);
    machine.apply({ kind: "partition", ...place, header: header(1) }, 0);
    const partition = machine.find("g")?.find("t", 0);
    for (let first = 0; first < end; first++) {
      partition?.assign({ first, last: first }, fateOf({ dueMs: 1 + (first % 4) }));
    }
    const log: ShareEvent[] = [];
    let nowMs = 0;
    for (const event of machine.snapshot()) {
      log.push(event);
      partition?.tick(++nowMs);
    }
    expect(nowMs).toBeGreaterThan(4);
    expect(stateOf(replayed(log))).toEqual(stateOf(machine));
  });

  test("property: a snapshot written while events happen: replayed from its start it is the same state", () => {
    const groups = fc.constantFrom("a", "b");
    const places = fc.record({
      group: groups,
      topic: fc.constant("t"),
      partition: fc.nat(1),
    });
    const fate = fc.option(
      // Some are delayed, single ones of them asleep until their time comes.
      fc.tuple(fc.nat(3), fc.nat(3)).map(([deliveries, dueMs]) => fateOf({ deliveries, dueMs })),
      { freq: 3 },
    );
    const happening: fc.Arbitrary<ShareEvent> = fc.oneof(
      {
        weight: 8,
        arbitrary: fc
          .tuple(places, fc.nat(end - 3), fc.nat(2), fate)
          .map(([at, first, more, fate]) => {
            return { kind: "run" as const, ...at, first, last: first + more, fate };
          }),
      },
      {
        weight: 2,
        arbitrary: fc.tuple(places, fc.nat(2)).map(([at, epoch]) => {
          return { kind: "partition" as const, ...at, header: header(epoch) };
        }),
      },
      {
        weight: 1,
        arbitrary: places.map((at) => ({ kind: "partition" as const, ...at, header: null })),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(places, fc.option(fc.constant(move))).map(([at, move]) => {
          return { kind: "move" as const, ...at, move };
        }),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(groups, fc.option(fc.constant({ leaseMs: 7 })))
          .map(([group, settings]) => {
            return { kind: "group" as const, group, settings };
          }),
      },
    );
    const before = fc.array(happening, { minLength: 10, maxLength: 25 });
    const meanwhile = fc.array(
      fc.oneof(fc.constantFrom("slice" as const, "tick" as const), happening),
      {
        minLength: 5,
        maxLength: 25,
      },
    );
    fc.assert(
      fc.property(before, meanwhile, (first, then) => {
        const machine = replayed(first, 2);
        const log: ShareEvent[] = [];
        let nowMs = 0;
        const snapshot = machine.snapshot()[Symbol.iterator]();
        const write = (): boolean => {
          const next = snapshot.next();
          if (next.done !== true) log.push(next.value);
          return next.done !== true;
        };
        for (const each of then) {
          if (each === "slice") {
            write();
            continue;
          }
          if (each === "tick") {
            nowMs++;
            for (const group of machine.groups()) {
              for (const partition of group.partitions()) partition.tick(nowMs);
            }
            continue;
          }
          // Commands speak of what is there.
          const known = machine.find(each.group);
          const isAbout = each.kind === "run" || each.kind === "move";
          if (isAbout && (known?.find(each.topic, each.partition) ?? null) === null) continue;
          machine.apply(each, 0);
          log.push(each);
        }
        while (write());
        expect(stateOf(replayed(log))).toEqual(stateOf(machine));
      }),
      { numRuns: 1000 },
    );
  });
});
