import { afterEach, beforeEach, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import { viewOf } from "../../../src/base/bytes.ts";
import { setBaseOffset, updateCrc } from "../../../src/record/batch-header.ts";
import type { Engine } from "../../../src/engine.ts";
import type { EncodableRequest, ResponseOf } from "../../../src/protocol/apis.ts";
import { batchOf } from "../../support/batches.ts";
import { createTopic, openTestEngine, readValues } from "../../support/engines.ts";
import type { FakeClock } from "../../support/fake-clock.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

let engine: Engine;

beforeEach(async () => {
  ({ engine } = await openTestEngine());
  await createTopic(engine, "t", { partitions: 3 });
});

afterEach(() => engine.close());

type Parts = EncodableRequest<"produce">["topicData"][number]["partitionData"];

function request(
  partitionData: Parts,
  { acks = -1, topic = "t", timeoutMs = 5000 } = {},
): EncodableRequest<"produce"> {
  const topicData = [{ name: topic, partitionData }];
  return { transactionalId: null, acks, timeoutMs, topicData };
}

function partsOf({
  responses,
}: ResponseOf<"produce">): ResponseOf<"produce">["responses"][number]["partitionResponses"] {
  return responses.flatMap(({ partitionResponses }) => partitionResponses);
}

const one = (value = "v"): Uint8Array => batchOf([{ value }]);

test.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
  "produce: version %i: appends each partition's batch and answers its place",
  async (version) => {
    const { ask } = talkTo(engine.services);
    const two = batchOf([{ value: "a" }, { value: "b" }]);
    await ask("produce", version, request([{ index: 0, records: two }]));
    const records = one();
    const answer = await ask(
      "produce",
      version,
      request([
        { index: 2, records },
        { index: 0, records: one("c") },
      ]),
    );
    expect(partsOf(answer)).toMatchObject([
      { index: 2, errorCode: 0, baseOffset: 0, logAppendTimeMs: -1 },
      { index: 0, errorCode: 0, baseOffset: 2, logStartOffset: version >= 5 ? 0 : -1 },
    ]);
    expect(await readValues(engine, "t")).toEqual(["a", "b", "c"]);
  },
);

test("produce: a topic with append time: answers it", async () => {
  await createTopic(engine, "stamped", { configs: { "message.timestamp.type": "LogAppendTime" } });
  const { ask } = talkTo(engine.services);
  const answer = await ask(
    "produce",
    9,
    request([{ index: 0, records: one() }], { topic: "stamped" }),
  );
  expect(partsOf(answer)[0]?.logAppendTimeMs).toBe(1_700_000_000_000);
});

function changed(change: (view: DataView) => void): Uint8Array {
  const batch = one();
  change(viewOf(batch));
  updateCrc(batch);
  return batch;
}

function damaged(): Uint8Array {
  const batch = one();
  viewOf(batch).setInt8(62, 1);
  return batch;
}

const refused: readonly {
  readonly what: string;
  readonly version?: number;
  readonly records: Uint8Array | null;
  readonly code: number;
}[] = [
  { what: "no records", records: null, code: 87 },
  { what: "empty records", records: new Uint8Array(0), code: 87 },
  { what: "less than a header", records: one().subarray(0, 60), code: 87 },
  { what: "a batch that is cut off", records: one().subarray(0, -1), code: 2 },
  { what: "two batches", records: Buffer.concat([one(), one()]), code: 87 },
  { what: "an old format", records: changed((view) => view.setInt8(16, 1)), code: 87 },
  { what: "a base offset", records: changed((view) => setBaseOffset(view, 0, 5)), code: 87 },
  {
    what: "zstd before its version",
    version: 6,
    records: batchOf([{ value: "v" }], { codec: "zstd" }),
    code: 76,
  },
  { what: "a wrong checksum", records: damaged(), code: 2 },
  { what: "a control batch", records: changed((view) => view.setUint16(21, 0x20)), code: 87 },
];

test.each(refused)(
  "produce: $what: is refused, its sibling is appended",
  async ({ version = 9, records, code }) => {
    const { ask } = talkTo(engine.services);
    const parts = [
      { index: 0, records },
      { index: 1, records: one("fine") },
    ];
    const answer = await ask("produce", version, request(parts));
    expect(partsOf(answer)).toMatchObject([
      { index: 0, errorCode: code, baseOffset: -1 },
      { index: 1, errorCode: 0, baseOffset: 0 },
    ]);
    expect(await readValues(engine, "t", 0)).toEqual([]);
    expect(await readValues(engine, "t", 1)).toEqual(["fine"]);
  },
);

test("produce: a record that the topic refuses: is named by its index", async () => {
  const { ask } = talkTo(engine.services);
  const records = batchOf([{ value: "now" }, { value: "later", timestampMs: 1_800_000_000_000 }]);
  const [part] = partsOf(await ask("produce", 8, request([{ index: 0, records }])));
  expect(part).toMatchObject({ errorCode: 32, recordErrors: [{ batchIndex: 1 }] });
  expect(part?.errorMessage).toBe(part?.recordErrors[0]?.batchIndexErrorMessage);
});

test.each([
  { what: "an unknown topic", topic: "none", index: 0, code: 3 },
  { what: "an unknown partition", topic: "t", index: 7, code: 3 },
  { what: "a topic of the server", topic: "__consumer_offsets", index: 0, code: 29 },
])("produce: $what: code $code", async ({ topic, index, code }) => {
  const { ask } = talkTo(engine.services);
  const answer = await ask("produce", 9, request([{ index, records: one() }], { topic }));
  expect(partsOf(answer)).toMatchObject([{ index, errorCode: code }]);
});

test("produce: acks that do not exist: refuse every partition", async () => {
  const { ask } = talkTo(engine.services);
  const parts = [
    { index: 0, records: one() },
    { index: 1, records: null },
  ];
  const answer = await ask("produce", 9, request(parts, { acks: 2 }));
  expect(partsOf(answer).map(({ errorCode }) => errorCode)).toEqual([21, 87]);
  expect(await readValues(engine, "t")).toEqual([]);
});

test("produce: no room or a server that stops: codes that clients retry, on every partition", async () => {
  for (const [name, code] of [
    ["SERVER_OVERLOADED", 7],
    ["SERVER_STOPPING", 6],
  ] as const) {
    const services = servicesWith({
      data: { produce: () => Promise.reject(new LogError(name, "not now")) },
    });
    const answer = await talkTo(services).ask(
      "produce",
      9,
      request([{ index: 0, records: one() }]),
    );
    expect(partsOf(answer)).toMatchObject([{ errorCode: code, errorMessage: "not now" }]);
  }
});

test("produce: longer than the client waits: is told that time is up", async () => {
  const services = servicesWith({ data: { produce: () => new Promise(() => undefined) } });
  const { ask, context } = talkTo(services);
  const answer = ask("produce", 9, request([{ index: 0, records: one() }], { timeoutMs: 50 }));
  (context.clock as FakeClock).advance(50);
  expect(partsOf(await answer)).toMatchObject([{ errorCode: 7, baseOffset: -1 }]);
});

test("produce: a fault of the server: is logged and has the code of unknown errors", async () => {
  const services = servicesWith({ data: { produce: () => Promise.reject(new TypeError("x")) } });
  const { ask, unforeseen } = talkTo(services);
  const answer = await ask("produce", 9, request([{ index: 0, records: one() }]));
  expect(partsOf(answer)).toMatchObject([{ errorCode: -1 }]);
  expect(unforeseen).toHaveLength(1);
});
