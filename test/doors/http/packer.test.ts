import { expect, test } from "vitest";
import type { PackedRecord, RecordWaiter } from "../../../src/doors/http/packer.ts";
import { Packer } from "../../../src/doors/http/packer.ts";
import { RecordDraft } from "../../../src/doors/http/record-draft.ts";
import type { ProducePartition, ProducePartitionResult } from "../../../src/services.ts";
import { recordsOf } from "../../support/batches.ts";
import { until } from "../../support/until.ts";

const topic = { name: "t", topicId: "1", partitionCount: 2, internal: false };

function packerWith(batchBytesMax = 1_000_000) {
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
      const place = { topic: name, partition, error: null, detail: null };
      const baseOffset = sent.length * 100;
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
      settle: (_result, offset) => void settled.push(`${value}@${offset}`),
    };
    return { draft, partition, acks, waiter };
  };
  return { packer, sent, settled, record };
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
  await until(() => sent.length === 1);
});
