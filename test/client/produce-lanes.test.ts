import { expect, test } from "vitest";
import { VarveError } from "../../src/client/errors.ts";
import { type LanesOptions, type Parcel, ProduceLanes } from "../../src/client/produce-lanes.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";

interface Sent {
  readonly partition: number | null;
  readonly count: number;
  readonly finish: (outcome: number | VarveError) => void;
}

function makeLanes(changes: Partial<LanesOptions> = {}) {
  const clock = new FakeClock();
  const sent: Sent[] = [];
  const told: string[] = [];
  const lanes = new ProduceLanes({
    lingerMs: 0,
    batchRecordsMax: 10,
    batchBytesMax: 1_000,
    inFlightMax: 2,
    haltOnError: false,
    clock,
    deliver: (partition, records) =>
      new Promise((resolve, reject) => {
        const finish = (outcome: number | VarveError): void => {
          if (outcome instanceof VarveError) reject(outcome);
          else resolve({ partition: partition ?? 0, baseOffset: outcome });
        };
        sent.push({ partition, count: records.length, finish });
      }),
    ...changes,
  });
  const parcel = (name: string, count = 1, bytes = 10): Parcel => ({
    records: Array.from({ length: count }, () => ({ value: name })),
    bytes,
    succeed: (partition, offset) => told.push(`${name} at ${partition}:${offset}`),
    fail: (error) => told.push(`${name} ${error.code}`),
  });
  return { clock, sent, told, lanes, parcel };
}

const fault = new VarveError("x", { code: "MESSAGE_TOO_LARGE" });

test("lanes: parcels of one request: each is told its own first offset", async () => {
  const { lanes, parcel, sent, told } = makeLanes();
  lanes.add(3, parcel("a", 2));
  lanes.add(3, parcel("b", 3));
  await settle();
  sent[0]?.finish(100);
  await settle();
  expect(told).toEqual(["a at 3:100", "b at 3:102"]);
});

test("lanes: a parcel is never divided between requests", async () => {
  const { lanes, parcel, sent } = makeLanes();
  for (const count of [6, 6, 4]) lanes.add(0, parcel("p", count));
  await settle();
  sent[0]?.finish(0);
  await settle();
  expect(sent.map(({ count }) => count)).toEqual([6, 10]);
});

test("lanes: more lanes than requests allowed: first ready, first served", async () => {
  const { lanes, parcel, sent } = makeLanes();
  for (const partition of [5, 6, 7, 8]) lanes.add(partition, parcel("p"));
  await settle();
  expect(sent.map(({ partition }) => partition)).toEqual([5, 6]);
  lanes.add(5, parcel("again"));
  await settle();
  sent[0]?.finish(0);
  await settle();
  sent[1]?.finish(0);
  await settle();
  expect(sent.map(({ partition }) => partition)).toEqual([5, 6, 7, 8]);
  sent[2]?.finish(0);
  await settle();
  expect(sent[4]?.partition).toBe(5);
});

test("lanes: linger: ends by time, by fullness, or by hurry; what comes later lingers for itself", async () => {
  const { lanes, parcel, sent, clock } = makeLanes({ lingerMs: 50, inFlightMax: 9 });
  expect(lanes.add(0, parcel("a"))).toBe(false);
  await clock.run(49);
  expect(sent.length).toBe(0);
  await clock.run(1);
  expect(sent.length).toBe(1);
  lanes.add(0, parcel("b"));
  sent[0]?.finish(0);
  await clock.run(49);
  expect(sent.length).toBe(1);
  await clock.run(1);
  expect(sent.length).toBe(2);
  expect(lanes.add(1, parcel("full", 10))).toBe(true);
  await settle();
  expect(sent.length).toBe(3);
  lanes.add(2, parcel("hurried"));
  lanes.hurry();
  await settle();
  expect(sent.length).toBe(4);
  expect(clock.timerCount).toBe(0);
});

test("lanes: a failure: its parcels fail, the next go on; with haltOnError nothing goes on", async () => {
  const plain = makeLanes();
  plain.lanes.add(0, plain.parcel("a"));
  await settle();
  plain.lanes.add(0, plain.parcel("b"));
  plain.sent[0]?.finish(fault);
  await settle();
  plain.sent[1]?.finish(7);
  await settle();
  expect(plain.told).toEqual(["a MESSAGE_TOO_LARGE", "b at 0:7"]);

  const halting = makeLanes({ haltOnError: true });
  halting.lanes.add(0, halting.parcel("a"));
  halting.lanes.add(1, halting.parcel("other"));
  await settle();
  halting.lanes.add(0, halting.parcel("b"));
  halting.sent[0]?.finish(fault);
  await settle();
  halting.lanes.add(2, halting.parcel("late"));
  halting.sent[1]?.finish(4);
  await settle();
  expect(halting.told).toEqual([
    "a MESSAGE_TOO_LARGE",
    "b PRODUCER_HALTED",
    "late PRODUCER_HALTED",
    "other at 1:4",
  ]);
  expect(halting.sent.length).toBe(2);
});
