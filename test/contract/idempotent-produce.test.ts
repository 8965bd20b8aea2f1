import { pack } from "msgpackr";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ask, type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;
let count = 0;
beforeAll(async () => {
  server = await liveServer();
});
afterAll(async () => {
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

async function newTopic(config: Record<string, string> = {}): Promise<string> {
  const name = `i${count++}`;
  await server.call("PUT", `/v1/topics/${name}`, { json: { partitions: 3, config } });
  return name;
}

async function newProducer(): Promise<number> {
  const answer = await server.call("POST", "/v1/producers");
  expect(answer.status).toBe(201);
  expect(answer.body).toEqual({ producerId: expect.any(Number), producerEpoch: 0 });
  return answer.body.producerId;
}

interface Send {
  readonly id: number;
  readonly epoch?: number;
  readonly sequence: number;
  readonly query?: string;
  readonly headers?: Record<string, string>;
}

function post(topic: string, ask: Ask, { id, epoch = 0, sequence, query, headers }: Send) {
  return server.call("POST", `/v1/topics/${topic}/records${query ?? "?partition=1"}`, {
    ...ask,
    headers: {
      "varve-producer-id": String(id),
      "varve-producer-epoch": String(epoch),
      "varve-sequence": String(sequence),
      ...headers,
    },
  });
}

async function values(topic: string, partition = 1): Promise<readonly unknown[]> {
  const path = `/v1/topics/${topic}/partitions/${partition}/records`;
  const { body } = await server.call("GET", path);
  return body.records.map(({ text, value }: { text?: string; value?: unknown }) => value ?? text);
}

const encodings: readonly (readonly [string, (values: readonly number[]) => Ask])[] = [
  ["JSON", (all) => ({ json: { records: all.map((value) => ({ value })) } })],
  [
    "MessagePack",
    (all) => ({
      type: "application/msgpack",
      body: pack({ records: all.map((value) => ({ value: String(value) })) }),
    }),
  ],
  [
    "NDJSON",
    (all) => ({
      type: "application/x-ndjson",
      body: all.map((value) => `{"value":${value}}\n`).join(""),
    }),
  ],
];

test.each(encodings)(
  "%s: sent again, the first offsets come back and nothing is stored twice",
  async (_name, ask) => {
    const topic = await newTopic();
    const id = await newProducer();
    const first = await post(topic, ask([1, 2]), { id, sequence: 0 });
    const results = [
      { partition: 1, offset: 0 },
      { partition: 1, offset: 1 },
    ];
    expect(first.body).toEqual({ results, durability: "fsync" });
    expect(first.headers.get("varve-duplicate")).toBeNull();
    expect((await post(topic, ask([3]), { id, sequence: 2 })).status).toBe(200);
    const again = await post(topic, ask([1, 2]), { id, sequence: 0 });
    expect(again.status).toBe(200);
    expect(again.headers.get("varve-duplicate")).toBe("true");
    expect(again.body).toEqual({ results, durability: "fsync", duplicate: true });
    const minimal = { prefer: "return=minimal" };
    const short = await post(topic, ask([3]), { id, sequence: 2, headers: minimal });
    expect(short.body).toEqual({
      partitions: [{ partition: 1, baseOffset: 2, count: 1 }],
      durability: "fsync",
      duplicate: true,
    });
    expect(await values(topic)).toEqual([1, 2, 3]);
  },
);

test("raw: one record, one sequence", async () => {
  const topic = await newTopic();
  const id = await newProducer();
  const ask = { type: "text/plain", body: "hello" };
  expect((await post(topic, ask, { id, sequence: 0 })).status).toBe(200);
  expect((await post(topic, ask, { id, sequence: 0 })).body.duplicate).toBe(true);
  expect(await values(topic)).toEqual(["hello"]);
});

test("a gap: 409 and which sequence is expected; an old epoch: 409; nothing is stored", async () => {
  const topic = await newTopic();
  const id = await newProducer();
  const one = { json: { records: [{ value: 1 }] } };
  await post(topic, one, { id, epoch: 1, sequence: 0 });
  const gap = await post(topic, one, { id, epoch: 1, sequence: 5 });
  expect([gap.status, gap.body.code]).toEqual([409, "OUT_OF_ORDER_SEQUENCE_NUMBER"]);
  expect(gap.body).toMatchObject({ topic, partition: 1, expectedSequence: 1 });
  const fenced = await post(topic, one, { id, epoch: 0, sequence: 1 });
  expect([fenced.status, fenced.body.code]).toEqual([409, "INVALID_PRODUCER_EPOCH"]);
  expect(await values(topic)).toEqual([1]);
});

test("sequences count each partition for itself; the partition must be named", async () => {
  const topic = await newTopic();
  const id = await newProducer();
  const to = (...partitions: number[]): Ask => ({
    json: { records: partitions.map((partition) => ({ value: 1, partition })) },
  });
  expect((await post(topic, to(0), { id, sequence: 0, query: "" })).status).toBe(200);
  expect((await post(topic, to(2), { id, sequence: 0, query: "" })).status).toBe(200);
  for (const ask of [to(0, 1), { json: { records: [{ key: "k", value: 1 }] } }]) {
    const refused = await post(topic, ask, { id, sequence: 1, query: "" });
    expect([refused.status, refused.body.code]).toEqual([400, "INVALID_REQUEST"]);
    expect(refused.body.detail).toMatch(/one partition/);
  }
  const unknown = await post(
    `none${count++}`,
    { json: { records: [{ value: 1 }] } },
    {
      id,
      sequence: 0,
      query: "",
    },
  );
  expect(unknown.status).toBe(400);
});

test("a request larger than a batch of its topic: 413, and nothing of it is stored", async () => {
  const topic = await newTopic({ "max.message.bytes": "2000" });
  const id = await newProducer();
  const records = Array.from({ length: 30 }, () => ({ text: "x".repeat(100) }));
  const large = await post(topic, { json: { records } }, { id, sequence: 0 });
  expect([large.status, large.body.code]).toEqual([413, "MESSAGE_TOO_LARGE"]);
  const body = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  const lines = await post(topic, { type: "application/x-ndjson", body }, { id, sequence: 0 });
  expect(lines.status).toBe(413);
  expect(await values(topic)).toEqual([]);
  expect(
    (await post(topic, { json: { records: records.slice(0, 5) } }, { id, sequence: 0 })).status,
  ).toBe(200);
});

test("many at once, each sent three times: each is stored once, in the order of its sequences", async () => {
  const topic = await newTopic();
  const id = await newProducer();
  for (let sequence = 0; sequence < 20; sequence++) {
    const ask = { json: { records: [{ value: sequence }] } };
    const answers = await Promise.all([1, 2, 3].map(() => post(topic, ask, { id, sequence })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map(({ body }) => body.results[0].offset)).toEqual([
      sequence,
      sequence,
      sequence,
    ]);
    expect(answers.filter(({ body }) => body.duplicate === true)).toHaveLength(2);
  }
  expect(await values(topic)).toEqual(Array.from({ length: 20 }, (_, index) => index));
});

test("the API description: the endpoint and the headers are in it", async () => {
  const { body } = await server.call("GET", "/openapi.json");
  expect(Object.keys(body.paths["/v1/producers"].post.responses)).toContain("201");
  const parameters: { in: string; name: string }[] =
    body.paths["/v1/topics/{topic}/records"].post.parameters;
  const headers = parameters.filter((each) => each.in === "header").map(({ name }) => name);
  expect(headers).toEqual(["varve-producer-id", "varve-producer-epoch", "varve-sequence"]);
});
