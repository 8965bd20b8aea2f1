import { afterEach, beforeEach, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { Engine } from "../../../src/engine.ts";
import type { EncodableRequest, ResponseOf } from "../../../src/protocol/apis.ts";
import { zeroUuid } from "../../../src/protocol/codec.ts";
import type { FetchPartitionResult, FetchRequest } from "../../../src/services.ts";
import { batchOf, recordsOf } from "../../support/batches.ts";
import { createTopic, openTestEngine, produce } from "../../support/engines.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

let engine: Engine;

beforeEach(async () => {
  ({ engine } = await openTestEngine());
  await createTopic(engine, "t", { partitions: 2 });
  await produce(engine, { topic: "t", values: ["a", "b"] });
});

afterEach(() => engine.close());

type Topics = EncodableRequest<"fetch">["topics"];
type Partition = Topics[number]["partitions"][number];
type Answered = ResponseOf<"fetch">["responses"][number]["partitions"][number];

const from = (partition: number, fetchOffset: number, more: Partial<Partition> = {}): Partition => {
  return { partition, fetchOffset, partitionMaxBytes: 1 << 20, ...more };
};

function request(
  topics: Topics,
  more: Partial<EncodableRequest<"fetch">> = {},
): EncodableRequest<"fetch"> {
  return { maxWaitMs: 0, minBytes: 1, isolationLevel: 0, topics, ...more };
}

function partsOf({ responses }: ResponseOf<"fetch">): readonly Answered[] {
  return responses.flatMap(({ partitions }) => partitions);
}

function named(version: number, partitions: readonly Partition[], topic = "t"): Topics {
  const topicId = engine.services.topics.lookup(topic)?.topicId ?? zeroUuid;
  return [version < 13 ? { topic, partitions } : { topicId, partitions }];
}

const valuesOf = (part: Answered | undefined): readonly (string | null)[] =>
  recordsOf(part?.records ?? new Uint8Array(0)).map(({ value }) => value);

test.each([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17])(
  "fetch: version %i: what is stored, with where the partition stands",
  async (version) => {
    const { ask } = talkTo(engine.services);
    const asked = named(version, [from(0, 0), from(1, 0)]);
    const answer = await ask("fetch", version, request(asked));
    expect(answer).toMatchObject({ errorCode: 0, sessionId: 0 });
    expect(answer.responses[0]).toMatchObject(
      version < 13 ? { topic: "t" } : { topicId: asked[0]?.topicId },
    );
    const [first, second] = partsOf(answer);
    expect(first).toMatchObject({
      partitionIndex: 0,
      errorCode: 0,
      highWatermark: 2,
      lastStableOffset: 2,
      logStartOffset: version >= 5 ? 0 : -1,
      abortedTransactions: null,
      preferredReadReplica: -1,
    });
    expect(valuesOf(first)).toEqual(["a", "b"]);
    // Nothing to read is no bytes, never null.
    expect(second).toMatchObject({
      partitionIndex: 1,
      highWatermark: 0,
      records: Buffer.alloc(0),
    });
  },
);

test("fetch: read committed: aborted transactions are listed, and none is an empty list", async () => {
  const { ask } = talkTo(engine.services);
  const answer = await ask("fetch", 11, request(named(11, [from(0, 0)]), { isolationLevel: 1 }));
  expect(partsOf(answer)[0]?.abortedTransactions).toEqual([]);
});

const refused: readonly {
  readonly what: string;
  readonly version: number;
  readonly topics: () => Topics;
  readonly code: number;
}[] = [
  { what: "an offset above the end", version: 12, topics: () => named(12, [from(0, 9)]), code: 1 },
  { what: "an unknown topic", version: 12, topics: () => named(12, [from(0, 0)], "none"), code: 3 },
  { what: "an unknown partition", version: 13, topics: () => named(13, [from(5, 0)]), code: 3 },
  {
    what: "an unknown topic id",
    version: 13,
    topics: () => named(13, [from(0, 0)], "none"),
    code: 100,
  },
  {
    what: "a leader epoch from the future",
    version: 12,
    topics: () => named(12, [from(0, 0, { currentLeaderEpoch: 1 })]),
    code: 75,
  },
];

test.each(refused)(
  "fetch: $what: is said of the partition, at once",
  async ({ version, topics, code }) => {
    const { ask } = talkTo(engine.services);
    const answer = await ask(
      "fetch",
      version,
      request(topics(), { maxWaitMs: 600_000, isolationLevel: 1 }),
    );
    expect(answer.errorCode).toBe(0);
    expect(partsOf(answer)).toMatchObject([
      {
        errorCode: code,
        highWatermark: -1,
        lastStableOffset: -1,
        logStartOffset: -1,
        abortedTransactions: [],
        records: Buffer.alloc(0),
      },
    ]);
  },
);

test("fetch: one partition is refused: its sibling is read, and nobody waits for more", async () => {
  const { ask } = talkTo(engine.services);
  const parts = [from(0, 0, { currentLeaderEpoch: 3 }), from(0, 1), from(1, 0)];
  const answer = await ask(
    "fetch",
    12,
    request(named(12, parts), { maxWaitMs: 600_000, minBytes: 1 << 20 }),
  );
  expect(partsOf(answer).map(({ errorCode }) => errorCode)).toEqual([75, 0, 0]);
  expect(valuesOf(partsOf(answer)[1])).toEqual(["a", "b"]);
});

test.each([
  [0, 0, 0],
  [0, -1, 0],
  [9, 0, 0],
  [9, -1, 0],
  [9, 1, 70],
])(
  "fetch: session %i, epoch %i: code %i, and no session",
  async (sessionId, sessionEpoch, code) => {
    const { ask } = talkTo(engine.services);
    const asked = named(11, [from(0, 0)]);
    const answer = await ask("fetch", 11, request(asked, { sessionId, sessionEpoch }));
    expect(answer).toMatchObject({ errorCode: code, sessionId: 0 });
    expect(partsOf(answer)).toHaveLength(code === 0 ? 1 : 0);
  },
);

test("fetch: what the client asks for: reaches the services as it is, what makes no sense as nothing", async () => {
  const heard: FetchRequest[] = [];
  const services = servicesWith({
    data: {
      fetch: (asked) => {
        heard.push(asked);
        return Promise.resolve({ partitions: [], release: () => undefined });
      },
    },
  });
  const { ask } = talkTo(services);
  const more = { maxWaitMs: 70, minBytes: 80, maxBytes: 90, isolationLevel: 1 };
  await ask("fetch", 11, request([], more));
  await ask("fetch", 11, request([], { maxWaitMs: -1, minBytes: -1, maxBytes: -1 }));
  expect(heard).toMatchObject([
    { maxWaitMs: 70, minBytes: 80, maxBytes: 90, isolation: "read_committed" },
    { maxWaitMs: 0, minBytes: 0, maxBytes: 0, isolation: "read_uncommitted" },
  ]);
});

function answering(part: Partial<FetchPartitionResult>): ReturnType<typeof talkTo> {
  const partition: FetchPartitionResult = {
    topic: "t",
    partition: 0,
    error: null,
    detail: null,
    highWatermark: 9,
    lastStableOffset: 5,
    logStartOffset: 0,
    abortedTransactions: [],
    batches: batchOf([{ value: "v" }]),
    ...part,
  };
  const result = { partitions: [partition], release: () => undefined };
  return talkTo(servicesWith({ data: { fetch: () => Promise.resolve(result) } }));
}

test("fetch: aborted transactions: are handed on in their order", async () => {
  const abortedTransactions = [
    { producerId: 7, firstOffset: 1 },
    { producerId: 5, firstOffset: 3 },
  ];
  const { ask } = answering({ abortedTransactions });
  const asked: Topics = [{ topic: "t", partitions: [from(0, 0)] }];
  const committed = await ask("fetch", 11, request(asked, { isolationLevel: 1 }));
  expect(partsOf(committed)[0]).toMatchObject({ abortedTransactions, lastStableOffset: 5 });
});

test("fetch: a damaged log: has a code that each version knows", async () => {
  const { ask } = answering({ error: "KAFKA_STORAGE_ERROR", detail: "broken" });
  const asked: Topics = [{ topic: "t", partitions: [from(0, 0)] }];
  expect(partsOf(await ask("fetch", 5, request(asked)))[0]?.errorCode).toBe(6);
  expect(partsOf(await ask("fetch", 6, request(asked)))[0]?.errorCode).toBe(56);
});

test.each([
  ["SERVER_OVERLOADED", 7],
  ["THROTTLING_QUOTA_EXCEEDED", 7],
  ["SERVER_STOPPING", 6],
] as const)(
  "fetch: the whole is refused with %s: code %i, on each partition before version 7",
  async (name, code) => {
    const services = servicesWith({
      data: { fetch: () => Promise.reject(new LogError(name, "not now")) },
    });
    const { ask } = talkTo(services);
    const asked: Topics = [{ topic: "t", partitions: [from(0, 0), from(1, 0)] }];
    expect(await ask("fetch", 7, request(asked))).toMatchObject({ errorCode: code, responses: [] });
    const old = await ask("fetch", 6, request(asked));
    expect(partsOf(old).map(({ errorCode }) => errorCode)).toEqual([code, code]);
  },
);
