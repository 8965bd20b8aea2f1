import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { FetchPartitionResult } from "../../src/services.ts";
import { deadLetterHeaders, messageHeaders } from "../../src/services.ts";
import {
  headersOf,
  isOfDeadLetters,
  type MovedRecord,
  readMoved,
  targetOf,
} from "../../src/share/moved-records.ts";
import type { ShareSource } from "../../src/share/share-source.ts";
import { batchOf } from "../support/batches.ts";
import { fateOf, ShareState } from "../support/share-states.ts";

const place = { topic: "t", partition: 0 };
const textOf = (bytes: Uint8Array | string | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString();

// Batches by the offset of their first record; what is read begins with the first batch that reaches the offset.
class Source {
  readonly #batches: readonly (readonly [number, readonly string[]])[];
  logStartOffset = 0;
  failure: FetchPartitionResult["error"] = null;
  fetches = 0;
  lent = 0;

  constructor(batches: readonly (readonly [number, readonly string[]])[]) {
    this.#batches = batches;
  }

  async read(offsets: readonly number[]): Promise<readonly (readonly [number, string | null])[]> {
    const source = { fetch: (request: never) => this.#fetch(request) } as unknown as ShareSource;
    const records = await readMoved(source, place, offsets);
    return records.map(({ offset, value }) => [offset, textOf(value)]);
  }

  async #fetch({ partitions }: { partitions: readonly { fetchOffset: number }[] }) {
    const from = partitions[0]?.fetchOffset ?? 0;
    this.fetches++;
    this.lent++;
    const first = this.#batches.find(([base, values]) => base + values.length > from);
    const isBelow = from < this.logStartOffset;
    const batches =
      first === undefined || isBelow || this.failure !== null
        ? new Uint8Array(0)
        : batchOf(
            first[1].map((value) => ({ value })),
            { baseOffset: first[0] },
          );
    const error = isBelow ? "OFFSET_BELOW_LOG_START" : this.failure;
    return {
      partitions: [{ ...place, error, detail: null, batches, abortedTransactions: [] }],
      release: () => this.lent--,
    };
  }
}

describe("moved records: read", () => {
  test("one for each offset, in order, with one fetch for those that lie together", async () => {
    const source = new Source([
      [0, ["a", "b", "c"]],
      [3, ["d", "e"]],
    ]);
    expect(await source.read([0, 2, 4])).toEqual([
      [0, "a"],
      [2, "c"],
      [4, "e"],
    ]);
    expect(source.fetches).toBe(2);
    expect(source.lent).toBe(0);
  });

  test("what is not there is given without a value: before, between and behind what is", async () => {
    const source = new Source([
      [2, ["c"]],
      [5, ["f", "g"]],
    ]);
    expect(await source.read([1, 2, 3, 4, 6, 9])).toEqual([
      [1, null],
      [2, "c"],
      [3, null],
      [4, null],
      [6, "g"],
      [9, null],
    ]);
  });

  test("what was trimmed away is given without a value", async () => {
    const source = new Source([[0, ["a", "b", "c"]]]);
    source.logStartOffset = 2;
    expect(await source.read([0, 1, 2])).toEqual([
      [0, null],
      [1, null],
      [2, "c"],
    ]);
    expect(source.lent).toBe(0);
  });

  test("what cannot be read for now is not taken for gone", async () => {
    const source = new Source([[0, ["a"]]]);
    source.failure = "KAFKA_STORAGE_ERROR";
    await expect(source.read([0])).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    await expect(source.read([0])).rejects.toBeInstanceOf(LogError);
    expect(source.lent).toBe(0);
    source.failure = "UNKNOWN_TOPIC_OR_PARTITION";
    expect(await source.read([0])).toEqual([[0, null]]);
  });

  test("key, value and headers are copies; null stays null", async () => {
    const batch = batchOf([
      {
        key: "k",
        value: "v",
        headers: [
          { key: "h", value: "1" },
          { key: "n", value: null },
        ],
      },
      { key: null, value: "" },
    ]);
    const result = { ...place, error: null, batches: batch, abortedTransactions: [] };
    const fetch = async () => ({ partitions: [result], release: () => batch.fill(0xdb) });
    const records = await readMoved({ fetch } as unknown as ShareSource, place, [0, 1]);
    expect(records.map(({ key, value }) => [textOf(key), textOf(value)])).toEqual([
      ["k", "v"],
      [null, ""],
    ]);
    const headers = records[0]?.headers.map(({ key, value }) => [key, textOf(value as Uint8Array)]);
    expect(headers).toEqual([
      ["h", "1"],
      ["n", null],
    ]);
  });
});

function stateWith(settings: object = {}): ShareState {
  const state = new ShareState({ topic: "t", deadLetterTopic: "d", ...settings });
  state.begin("d", 3, 0);
  return state;
}

const letter = (headers: Readonly<Record<string, string>>): MovedRecord => ({
  offset: 5,
  key: null,
  value: null,
  headers: Object.entries(headers).map(([key, value]) => ({ key, value: Buffer.from(value) })),
});

describe("moved records: where to", () => {
  test("out of the queue: the same partition of the dead-letter topic", () => {
    const { group } = stateWith();
    expect(targetOf(letter({}), group, { topic: "t", partition: 2 })).toEqual({
      topic: "d",
      partition: 2,
    });
    expect(isOfDeadLetters(group, { topic: "t", partition: 2 })).toBe(false);
    expect(isOfDeadLetters(group, { topic: "d", partition: 2 })).toBe(true);
  });

  test("back: where the letter says it came from, if it was this queue's topic", () => {
    const { group } = stateWith();
    const from = (topic: string, partition: string) => {
      const headers = {
        [deadLetterHeaders.topic]: topic,
        [deadLetterHeaders.partition]: partition,
      };
      return targetOf(letter(headers), group, { topic: "d", partition: 3 });
    };
    expect(from("t", "7")).toEqual({ topic: "t", partition: 7 });
    for (const bad of ["-1", "x", "1.5"]) {
      expect(from("t", bad)).toEqual({ topic: "t", partition: 3 });
    }
    expect(from("other", "7")).toEqual({ topic: "t", partition: 3 });
    expect(targetOf(letter({}), group, { topic: "d", partition: 3 }).partition).toBe(3);
  });
});

describe("moved records: headers", () => {
  const told = (headers: readonly { key: string; value: unknown }[]) =>
    Object.fromEntries(headers.map(({ key, value }) => [key, textOf(value as Uint8Array)]));

  test("a letter tells its story once, beside what the record had", () => {
    const { group, partition } = stateWith();
    const fate = fateOf({ phase: "leaving", deliveries: 4, reason: "too hard" });
    partition.assign({ first: 5, last: 5 }, fate);
    const record = letter({ own: "1", [deadLetterHeaders.reason]: "an older story" });
    const headers = headersOf(record, { group, partition, atMs: 99 });
    expect(headers).toHaveLength(8);
    expect(told(headers)).toEqual({
      own: "1",
      [deadLetterHeaders.queue]: "g",
      [deadLetterHeaders.topic]: "t",
      [deadLetterHeaders.partition]: "0",
      [deadLetterHeaders.offset]: "5",
      [deadLetterHeaders.deliveries]: "4",
      [deadLetterHeaders.reason]: "too hard",
      [deadLetterHeaders.at]: "99",
    });
  });

  test("what is put back has no story, and is delivered at once", () => {
    const state = stateWith();
    const headers = {
      own: "1",
      [messageHeaders.priority]: "3",
      [messageHeaders.deliverAt]: "9",
      [messageHeaders.expiresAt]: "9",
      [messageHeaders.dedupId]: "9",
      [messageHeaders.forQueue]: "another",
      ...Object.fromEntries(Object.values(deadLetterHeaders).map((name) => [name, "x"])),
    };
    const partition = state.of("d", 3);
    const kept = headersOf(letter(headers), { group: state.group, partition, atMs: 1 });
    expect(told(kept)).toEqual({
      own: "1",
      [messageHeaders.priority]: "3",
      // Other queues on the topic are to pass over it.
      [messageHeaders.forQueue]: "g",
    });
  });
});
