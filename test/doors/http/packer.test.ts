import { expect, test } from "vitest";
import type { PackedRecord, RecordWaiter } from "../../../src/doors/http/packer.ts";
import { Packer } from "../../../src/doors/http/packer.ts";
import { RecordDraft } from "../../../src/doors/http/record-draft.ts";
import type { ProducePartition, ProducePartitionResult } from "../../../src/services.ts";
import { recordsOf } from "../../support/batches.ts";
import { until } from "../../support/until.ts";

const accepts = {
  batchBytesMax: 1_048_588,
  timestampBeforeMsMax: Infinity,
  timestampAfterMsMax: Infinity,
};
const topic = { name: "t", topicId: "1", partitionCount: 2, internal: false, accepts };

type Answer = Pick<ProducePartitionResult, "error"> & { readonly after?: Promise<void> };

/** A packer whose batches are answered as `answer` says, at once and well when it says nothing. */
function packerWith(batchBytesMax = 1_000_000, answer: (values: string[]) => Answer | null = good) {
  const sent: { acks: number; partition: number; values: string[] }[] = [];
  const settled: string[] = [];
  const packer = new Packer({
    batchBytesMaxOf: () => batchBytesMax,
    one: async (acks: number, part: ProducePartition): Promise<ProducePartitionResult> => {
      const values = part.batches.flatMap((batch) =>
        recordsOf(batch).map(({ value }) => Buffer.from(value ?? "").toString()),
      );
      sent.push({ acks, partition: part.partition, values });
      const { topic: name, partition } = part;
      const baseOffset = sent.length * 100;
      const { error, after } = answer(values) ?? { error: null };
      await after;
      const place = {
        topic: name,
        partition,
        error,
        detail: null,
        recordIndex: null,
        isDuplicate: false,
      };
      const rest = { logAppendTimeMs: -1, logStartOffset: 0, logEndOffset: 0 };
      return { ...place, ...rest, baseOffset, durability: "fsync" };
    },
  });
  const record = (value: string, partition = 0, acks: 0 | 1 | -1 = -1): PackedRecord => {
    const draft = new RecordDraft();
    const bytes = Buffer.from(value);
    draft.timestampMs = 1;
    draft.setValue(bytes, 0, bytes.length);
    const waiter: RecordWaiter = {
      settle: ({ error }, offset) => void settled.push(`${value}@${error ?? offset}`),
    };
    return { draft, partition, acks, waiter };
  };
  return { packer, sent, settled, record };
}

function good(): null {
  return null;
}

/** A turn of the event loop: what packs do at its end is done. */
async function turn(): Promise<void> {
  for (let count = 0; count < 2; count++) await new Promise((resolve) => setImmediate(resolve));
}

test("one turn: a batch for each partition, in the order of arrival; each waiter its own offset", async () => {
  const { packer, sent, settled, record } = packerWith();
  const lane = packer.laneOf(topic);
  for (const value of ["a", "b", "c"]) packer.add(lane, record(value));
  packer.add(lane, record("x", 1));
  expect(sent).toEqual([]);
  await until(() => settled.length === 4);
  expect(sent.map(({ values }) => values)).toEqual([["a", "b", "c"], ["x"]]);
  expect(settled).toEqual(["a@100", "b@101", "c@102", "x@200"]);
});

test("another acks, a full batch, a flush: what came before is sent before", async () => {
  const { packer, sent, settled, record } = packerWith(200);
  const lane = packer.laneOf(topic);
  packer.add(lane, record("a"));
  packer.add(lane, record("b", 0, 1));
  packer.add(lane, record("c".repeat(150), 0, 1));
  packer.flush(lane, 0);
  packer.add(lane, record("d"));
  await until(() => settled.length === 4);
  expect(sent.map(({ acks, values }) => [acks, values[0]?.[0], values.length])).toEqual([
    [-1, "a", 1],
    [1, "b", 1],
    [1, "c", 1],
    [-1, "d", 1],
  ]);
});

test("a topic made anew: what waits is sent, its lane starts over", async () => {
  const { packer, sent, record } = packerWith();
  const lane = packer.laneOf(topic);
  packer.add(lane, record("a"));
  expect(packer.laneOf(topic)).toBe(lane);
  const other = packer.laneOf({ ...topic, topicId: "2" });
  expect(other).not.toBe(lane);
  const smaller = { ...accepts, batchBytesMax: 5 };
  expect(packer.laneOf({ ...topic, topicId: "2", accepts: smaller })).not.toBe(other);
  await until(() => sent.length === 1);
});

test("a batch on its way: what comes meanwhile goes together, once it is answered, before anybody hears", async () => {
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const heardBeforeSent: string[][] = [];
  const made = packerWith(1_000_000, ([first]) => {
    if (first === "b") heardBeforeSent.push(made.settled.filter((each) => each.startsWith("a")));
    return first === "a" ? { error: null, after: gate } : null;
  });
  const { packer, sent, settled, record } = made;
  const lane = packer.laneOf(topic);
  packer.add(lane, record("a"));
  await turn();
  for (const value of ["b", "c"]) {
    packer.add(lane, record(value));
    await turn();
  }
  packer.add(lane, record("x", 1));
  packer.add(lane, record("y", 1, 0));
  await turn();
  expect(sent.map(({ values }) => values)).toEqual([["a"], ["x"], ["y"]]);
  open();
  await until(() => sent.length === 4);
  await until(() => settled.length === 5);
  expect(sent[3]?.values).toEqual(["b", "c"]);
  expect(heardBeforeSent).toEqual([[]]);
});

test("a batch on its way: a flush, other acks and a topic made anew send what waits behind it", async () => {
  const never = new Promise<void>(() => undefined);
  const { packer, sent, record } = packerWith(1_000_000, () => ({ error: null, after: never }));
  const lane = packer.laneOf(topic);
  packer.add(lane, record("a"));
  await turn();
  packer.add(lane, record("b"));
  packer.flush(lane, 0);
  packer.add(lane, record("c"));
  packer.add(lane, record("d", 0, 1));
  packer.laneOf({ ...topic, topicId: "2" });
  expect(sent.map(({ values }) => values)).toEqual([["a"], ["b"], ["c"], ["d"]]);
});

test("no answer asked for: nothing is kept back, however long another batch takes", async () => {
  const never = new Promise<void>(() => undefined);
  const { packer, sent, record } = packerWith(1_000_000, () => ({ error: null, after: never }));
  const lane = packer.laneOf(topic);
  packer.add(lane, record("a"));
  await turn();
  packer.add(lane, record("b", 0, 0));
  await turn();
  expect(sent.map(({ values }) => values)).toEqual([["a"], ["b"]]);
});

test.each(["INVALID_TIMESTAMP", "INVALID_RECORD", "MESSAGE_TOO_LARGE"] as const)(
  "%s for one record: only its request is refused, the others are sent without it, in order",
  async (error) => {
    const { packer, sent, settled, record } = packerWith(1_000_000, (values) => {
      return values.includes("bad") ? { error } : null;
    });
    const lane = packer.laneOf(topic);
    for (const value of ["a", "bad", "c"]) packer.add(lane, record(value));
    await until(() => settled.length === 3);
    expect(sent.map(({ values }) => values)).toEqual([["a", "bad", "c"], ["a"], ["bad"], ["c"]]);
    expect(settled.toSorted()).toEqual(["a@200", `bad@${error}`, "c@400"]);
  },
);

test("an error that is not about a record: everybody hears it, nothing is sent twice", async () => {
  const { packer, sent, settled, record } = packerWith(1_000_000, () => {
    return { error: "KAFKA_STORAGE_ERROR" };
  });
  const lane = packer.laneOf(topic);
  for (const value of ["a", "b"]) packer.add(lane, record(value));
  await until(() => settled.length === 2);
  expect(sent).toHaveLength(1);
  expect(settled).toEqual(["a@KAFKA_STORAGE_ERROR", "b@KAFKA_STORAGE_ERROR"]);
});
