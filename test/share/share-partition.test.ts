import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RecordFate, RecordRun } from "../../src/share/record-run.ts";
import { noCounts, SharePartition } from "../../src/share/share-partition.ts";
import { fateOf, fatesOf } from "../support/share-states.ts";

const header = { topicId: "id", epoch: 1, frontier: 0, counts: noCounts };

function partitionOf(runs: readonly (Partial<RecordFate> | null)[]): SharePartition {
  const partition = new SharePartition({ topic: "t", partition: 0 }, header);
  for (const [offset, fate] of runs.entries()) {
    if (fate !== null) partition.assign({ first: offset, last: offset }, fateOf(fate));
  }
  partition.scannedTo = runs.length;
  return partition;
}

/** First offsets of everything ready, in the order of delivery; all of it is given back. */
function readyOf(partition: SharePartition): readonly number[] {
  const taken: RecordRun[] = [];
  for (let run = partition.takeReady(); run !== null; run = partition.takeReady()) taken.push(run);
  for (const run of taken) partition.giveBack(run);
  return taken.map(({ first }) => first);
}

const single = (offset: number): { first: number; last: number } => ({
  first: offset,
  last: offset,
});

describe("share partition: what is ready", () => {
  test("by priority, then by offset", () => {
    const partition = partitionOf([{}, { priority: 9 }, { priority: 5 }, {}, { priority: 9 }]);
    expect(readyOf(partition)).toEqual([1, 4, 2, 0, 3]);
    expect(partition.peekReady()?.first).toBe(1);
    expect(readyOf(partition)).toEqual([1, 4, 2, 0, 3]);
  });

  test("what is delayed: not before its time", () => {
    const partition = partitionOf([{ dueMs: 500 }, {}, { dueMs: 300 }]);
    partition.tick(299);
    expect(readyOf(partition)).toEqual([1]);
    expect([partition.counts.delayed, partition.nextDueMs()]).toEqual([2, 300]);
    partition.tick(300);
    expect(readyOf(partition)).toEqual([1, 2]);
    partition.tick(500);
    expect(readyOf(partition)).toEqual([0, 1, 2]);
    expect([partition.counts.delayed, partition.nextDueMs()]).toEqual([0, Infinity]);
  });

  test("taken and changed: is not given back", () => {
    const partition = partitionOf([{}, {}]);
    const run = partition.takeReady();
    partition.assign(single(0), null);
    if (run !== null) partition.giveBack(run);
    expect(readyOf(partition)).toEqual([1]);
  });

  test("a part of a run is leased: the rest stays ready", () => {
    const partition = partitionOf([]);
    partition.assign({ first: 0, last: 9 }, fateOf());
    partition.takeReady();
    partition.assign({ first: 0, last: 3 }, fateOf({ phase: "leased", dueMs: 100 }));
    expect(readyOf(partition)).toEqual([4]);
    expect(partition.counts).toMatchObject({ waiting: 6, leased: 4 });
  });
});

describe("share partition: keys", () => {
  const keyed = fateOf({ keyHash: 7 });
  const leased = fateOf({ keyHash: 7, phase: "leased", deliveries: 1, dueMs: 100 });

  test("one record of a key at a time, in order, until it is settled", () => {
    const partition = partitionOf([keyed, keyed, {}, keyed]);
    expect(readyOf(partition)).toEqual([0, 2]);
    partition.assign(single(0), leased);
    expect(readyOf(partition)).toEqual([2]);
    partition.assign(single(0), { ...leased, phase: "waiting", dueMs: 50 });
    expect(readyOf(partition)).toEqual([2]);
    partition.tick(50);
    expect(readyOf(partition)).toEqual([0, 2]);
    partition.assign(single(0), null);
    expect(readyOf(partition)).toEqual([1, 2]);
    partition.assign(single(1), { ...keyed, phase: "leaving" });
    expect(readyOf(partition)).toEqual([2, 3]);
  });

  test("the next of a key is offered once, however often it became the first", () => {
    const partition = partitionOf([keyed, keyed]);
    for (let delivery = 1; delivery <= 3; delivery++) {
      expect(partition.takeReady()?.first).toBe(0);
      partition.assign(single(0), { ...leased, deliveries: delivery });
      partition.assign(single(0), { ...leased, phase: "waiting", deliveries: delivery, dueMs: 0 });
    }
    partition.assign(single(0), null);
    expect(readyOf(partition)).toEqual([1]);
  });
});

describe("share partition: time", () => {
  test("a lease: lapses at its end, not before, and not when it was settled or extended", () => {
    const lease = { phase: "leased" as const, deliveries: 1, dueMs: 100 };
    const partition = partitionOf([lease, lease, lease]);
    partition.assign(single(1), null);
    partition.assign(single(2), fateOf({ ...lease, dueMs: 200 }));
    partition.tick(99);
    expect([...partition.lapsed]).toEqual([]);
    partition.tick(100);
    expect([...partition.lapsed].map(({ first }) => first)).toEqual([0]);
    expect(partition.nextDueMs()).toBe(200);
    partition.assign(single(0), fateOf());
    expect(partition.lapsed.size).toBe(0);
  });

  test("expiry: waiting records only, delayed ones too", () => {
    const partition = partitionOf([
      { expiresAtMs: 100 },
      { expiresAtMs: 100, dueMs: 900 },
      { expiresAtMs: 100, phase: "leased", dueMs: 900 },
      { expiresAtMs: 101 },
    ]);
    partition.tick(100);
    expect(recordsOf(partition.expired)).toEqual([0, 1]);
    partition.assign(single(1), null);
    expect([...partition.expired].map(({ first }) => first)).toEqual([0]);
  });

  test("more deadlines than one tick takes: the next is due at once, and the rest follows", () => {
    const partition = partitionOf([]);
    const count = 10_500;
    for (let offset = 0; offset < count; offset++) {
      partition.assign(single(offset), fateOf({ phase: "leased", dueMs: 5, owner: `${offset}` }));
    }
    partition.tick(9);
    expect(partition.lapsed.size).toBeLessThan(count);
    expect(partition.nextDueMs()).toBe(5);
    partition.tick(9);
    expect(partition.lapsed.size).toBe(count);
  });
});

describe("share partition: many that sleep", () => {
  test("delayed single records: counted, found and settled like others", () => {
    const partition = partitionOf([{ dueMs: 50 }, {}, { dueMs: 40, keyHash: 7 }, { dueMs: 30 }]);
    expect(partition.counts).toEqual({ waiting: 4, delayed: 3, leased: 0, leaving: 0, bytes: 40 });
    expect([partition.runCount, partition.undelayedRunCount]).toEqual([4, 1]);
    expect([partition.find(2)?.fate, partition.startOffset]).toEqual([
      fateOf({ dueMs: 40, keyHash: 7 }),
      0,
    ]);
    const within = [...partition.within({ first: 0, last: 2 })];
    expect(within.map(({ first }) => first)).toEqual([0, 1, 2]);
    partition.assign({ first: 0, last: 1 }, null);
    expect([partition.startOffset, partition.nextDueMs()]).toEqual([2, 30]);
    partition.tick(40);
    expect(readyOf(partition)).toEqual([2, 3]);
    expect(partition.counts).toMatchObject({ waiting: 2, delayed: 0, bytes: 20 });
  });

  test("given the fate it has: as if nothing had been said", () => {
    const partition = partitionOf([{ dueMs: 50 }]);
    partition.assign(single(0), fateOf({ dueMs: 50 }));
    expect([partition.counts.delayed, partition.runCount]).toEqual([1, 1]);
    partition.assign(single(0), fateOf({ dueMs: 60 }));
    partition.tick(59);
    expect(readyOf(partition)).toEqual([]);
    partition.tick(60);
    expect(readyOf(partition)).toEqual([0]);
  });

  test("a failed record of a key holds the others up while it is delayed", () => {
    const partition = partitionOf([{ keyHash: 7, deliveries: 1, dueMs: 50 }, { keyHash: 7 }]);
    expect(readyOf(partition)).toEqual([]);
    partition.tick(50);
    expect(readyOf(partition)).toEqual([0]);
  });

  test("leases that were settled long before they lapse: are not remembered", () => {
    const partition = partitionOf([]);
    for (let offset = 0; offset < 10_000; offset++) {
      partition.assign(single(offset), fateOf({ phase: "leased", deliveries: 1, dueMs: 1e9 }));
      partition.assign(single(offset), null);
    }
    expect(partition.deadlineCount).toBeLessThan(2000);
  });
});

describe("share partition: what is known of it", () => {
  test("start offset: the first record that is not settled, else the end of the scan", () => {
    const partition = partitionOf([null, {}, null, { phase: "leaving" }]);
    expect(partition.startOffset).toBe(1);
    partition.assign(single(1), null);
    expect(partition.startOffset).toBe(3);
    partition.assign(single(3), null);
    expect(partition.startOffset).toBe(4);
  });

  test("what a member holds", () => {
    const held = { phase: "leased" as const, dueMs: 100 };
    const partition = partitionOf([{ ...held, owner: "a" }, { ...held, owner: "b" }, held]);
    expect([...partition.heldBy("a")].map(({ first }) => first)).toEqual([0]);
    partition.assign(single(0), fateOf());
    expect([...partition.heldBy("a")]).toEqual([]);
    expect([...partition.heldBy("")]).toEqual([]);
  });

  test("property: counts are a recount, and exactly what is due can be taken, each once", () => {
    const fates = fc
      .record({
        phase: fc.constantFrom(
          "waiting" as const,
          "waiting" as const,
          "leased" as const,
          "leaving" as const,
        ),
        dueMs: fc.integer({ min: 0, max: 20 }),
        expiresAtMs: fc.constantFrom(Infinity, 5, 15),
        priority: fc.integer({ min: 0, max: 2 }),
        bytes: fc.integer({ min: 1, max: 9 }),
        owner: fc.constantFrom("", "m"),
      })
      .map((fate) => fateOf({ ...fate, owner: fate.phase === "leased" ? fate.owner : "" }));
    const change = fc.tuple(
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 0, max: 4 }),
      fc.option(fates, { freq: 4 }),
    );
    const step = fc.oneof(
      { weight: 4, arbitrary: change },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 4 }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const partition = partitionOf([]);
        let nowMs = 0;
        for (const each of steps) {
          if (typeof each === "number") {
            nowMs += each;
            partition.tick(nowMs);
            continue;
          }
          const [first, more, fate] = each;
          partition.assign({ first, last: first + more }, fate);
        }
        partition.tick(nowMs);
        const all = [...fatesOf(partition, 30)];
        const count = (is: (fate: RecordFate) => boolean): number =>
          all.filter(([, fate]) => is(fate)).length;
        expect(partition.counts).toEqual({
          waiting: count(({ phase }) => phase === "waiting"),
          delayed: count(({ phase, dueMs }) => phase === "waiting" && dueMs > nowMs),
          leased: count(({ phase }) => phase === "leased"),
          leaving: count(({ phase }) => phase === "leaving"),
          bytes: all.reduce(
            (sum, [, { bytes, phase }]) => sum + (phase === "leaving" ? 0 : bytes),
            0,
          ),
        });
        const isLapsed = ({ phase, dueMs }: RecordFate): boolean =>
          phase === "leased" && dueMs <= nowMs;
        expect(recordsOf(partition.lapsed)).toEqual(offsetsOf(all, isLapsed));
        const isExpired = ({ phase, expiresAtMs }: RecordFate): boolean =>
          phase === "waiting" && expiresAtMs <= nowMs;
        expect(recordsOf(partition.expired)).toEqual(offsetsOf(all, isExpired));
        const taken: RecordRun[] = [];
        for (let run = partition.takeReady(); run !== null; run = partition.takeReady()) {
          taken.push(run);
        }
        const isDue = ({ phase, dueMs }: RecordFate): boolean =>
          phase === "waiting" && dueMs <= nowMs;
        expect(recordsOf(taken)).toEqual(offsetsOf(all, isDue));
        const order = taken.map(({ first, fate }) => first - 1000 * fate.priority);
        expect(order).toEqual([...order].sort((one, other) => one - other));
      }),
      { numRuns: 300 },
    );
  });

  test("property: of each key the one that was handed out, or else the first that is due, each once", () => {
    const step = fc.oneof(
      fc.tuple(fc.constant("lease" as const), fc.nat(5)),
      fc.tuple(fc.constantFrom("ack" as const, "nack" as const), fc.nat(9)),
      fc.tuple(fc.constant("tick" as const), fc.nat(3)),
    );
    const records = fc.array(fc.record({ keyHash: fc.nat(1), dueMs: fc.nat(6) }), {
      minLength: 2,
      maxLength: 10,
    });
    fc.assert(
      fc.property(records, fc.array(step, { minLength: 8, maxLength: 30 }), (runs, steps) => {
        const partition = partitionOf(runs);
        let nowMs = 0;
        for (const [kind, number] of steps) {
          if (kind === "tick") {
            nowMs += number;
            partition.tick(nowMs);
            continue;
          }
          if (kind === "lease") {
            for (let count = 0; count <= number; count++) {
              const run = partition.takeReady();
              if (run === null) break;
              // The same record taken twice would be handed out twice.
              expect(run.fate.phase).toBe("waiting");
              const lease = { ...run.fate, phase: "leased" as const, dueMs: 1e9 };
              partition.assign(run, { ...lease, deliveries: run.fate.deliveries + 1 });
            }
            continue;
          }
          const run = partition.find(number);
          if (run?.fate.phase !== "leased") continue;
          const again = { ...run.fate, phase: "waiting" as const, dueMs: nowMs + 2 };
          partition.assign(single(number), kind === "ack" ? null : again);
        }
        partition.tick(nowMs);
        const all = [...fatesOf(partition, 10)];
        const expected = [0, 1].flatMap((keyHash) => {
          const own = all.filter(([, fate]) => fate.keyHash === keyHash);
          const holder = own.find(([, { deliveries }]) => deliveries > 0);
          const first = holder ?? own.find(([, { dueMs }]) => dueMs <= nowMs);
          const [offset, fate] = first ?? [];
          const isReady = fate?.phase === "waiting" && fate.dueMs <= nowMs;
          return isReady && offset !== undefined ? [offset] : [];
        });
        expect(readyOf(partition)).toEqual(expected.sort((one, other) => one - other));
      }),
      { numRuns: 500 },
    );
  });
});

function recordsOf(runs: Iterable<RecordRun>): readonly number[] {
  const offsets: number[] = [];
  for (const { first, last } of runs) {
    for (let offset = first; offset <= last; offset++) offsets.push(offset);
  }
  return offsets.sort((one, other) => one - other);
}

function offsetsOf(
  all: readonly (readonly [number, RecordFate])[],
  is: (fate: RecordFate) => boolean,
): readonly number[] {
  return all.flatMap(([offset, fate]) => (is(fate) ? [offset] : []));
}
