import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
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

async function newTopic(partitions = 1): Promise<string> {
  const name = `t${count++}`;
  const answer = await server.call("PUT", `/v1/topics/${name}`, { json: { partitions } });
  expect(answer.status).toBe(201);
  return name;
}

const post = (topic: string, ask: Ask, query = "") =>
  server.call("POST", `/v1/topics/${topic}/records${query}`, ask);

async function stored(topic: string, partition = 0, query = "") {
  const path = `/v1/topics/${topic}/partitions/${partition}/records?from=0${query}`;
  const answer = await server.call("GET", path);
  expect(answer.status).toBe(200);
  return answer.body.records;
}

describe("bodies", () => {
  test("JSON: each form of value and key comes back as it went in", async () => {
    const topic = await newTopic();
    const records = [
      { key: "k", value: { a: [1, 2.5e300, null] } },
      { text: "zoë" },
      { b64: "/wD+" },
      { keyB64: "/w==", value: null },
      { text: null },
      { key: "only" },
      {},
      { value: "s" },
      { text: "" },
      { b64: "" },
      { key: "", value: 1 },
    ];
    const answer = await post(topic, { json: { records } });
    expect(answer.status).toBe(200);
    const results = records.map((_record, offset) => ({ partition: 0, offset }));
    expect(answer.body).toEqual({ results, durability: "fsync" });
    const read = (await stored(topic)).map((record: object) => {
      const {
        partition: _p,
        offset: _o,
        timestampMs: _t,
        headers: _h,
        ...rest
      } = record as Record<string, unknown>;
      return rest;
    });
    expect(read).toEqual([
      { key: "k", value: { a: [1, 2.5e300, null] } },
      { key: null, text: "zoë" },
      { key: null, b64: "/wD+" },
      { keyB64: "/w==", value: null },
      { key: null, text: null },
      { key: "only", text: null },
      { key: null, text: null },
      { key: null, value: "s" },
      { key: null, text: "" },
      { key: null, text: "" },
      { key: "", value: 1 },
    ]);
  });

  test("JSON: numbers lose nothing on the way through", async () => {
    const topic = await newTopic();
    const numbers = ["12345678901234567890", "1.0", "1e400", "-0", "0.1000000000000000055511"];
    const body = `{"records":[${numbers.map((text) => `{"value":${text}}`).join(",")}]}`;
    expect((await post(topic, { body, type: "application/json" })).status).toBe(200);
    const path = `/v1/topics/${topic}/partitions/0/records`;
    const { text } = await server.call("GET", path);
    for (const number of numbers) expect(text).toContain(`"value":${number},`);
  });

  test("MessagePack: bin and str in, bin out", async () => {
    const topic = await newTopic();
    const records = [
      { key: Buffer.from([0xff]), value: Buffer.from("bytes"), headers: { h: Buffer.from([1]) } },
      { key: "text", value: "text", headers: { h: ["a", Buffer.from("b")] } },
      { value: null },
      {},
    ];
    const type = "application/msgpack";
    const answer = await post(topic, { body: pack({ records }), type, accept: type });
    expect(answer.status).toBe(200);
    expect(answer.body.results).toHaveLength(4);
    const path = `/v1/topics/${topic}/partitions/0/records`;
    const { body } = await server.call("GET", path, { accept: type });
    expect(
      body.records.map(({ key, value }: { key: unknown; value: unknown }) => [key, value]),
    ).toEqual([
      [Buffer.from([0xff]), Buffer.from("bytes")],
      [Buffer.from("text"), Buffer.from("text")],
      [null, null],
      [null, null],
    ]);
    expect(body.records[1].headers).toEqual({ h: [Buffer.from("a"), Buffer.from("b")] });
  });

  test("NDJSON: a record a line; blank lines, CRLF and a missing last newline are fine", async () => {
    const topic = await newTopic();
    const body = '{"value":1}\r\n\n{"text":"two"}\n{"key":"k","value":3}';
    const answer = await post(topic, { body, type: "application/x-ndjson" });
    expect(answer.status).toBe(200);
    expect(answer.body.results).toHaveLength(3);
    expect(await stored(topic)).toMatchObject([{ value: 1 }, { text: "two" }, { key: "k" }]);
  });

  test("anything else: one value, verbatim, with key, time and headers from the request", async () => {
    const topic = await newTopic();
    const body = Buffer.from([0, 1, 2, 255]);
    const headers = { "varve-header-Trace": "abc", "varve-header-b": "" };
    const ask = { body, type: "image/png", headers };
    const answer = await post(topic, ask, "?key=k%C3%A9&timestampMs=1234&partition=0");
    expect(answer.body.results).toEqual([{ partition: 0, offset: 0 }]);
    const [record] = await stored(topic);
    expect(record).toMatchObject({ key: "ké", b64: body.toString("base64"), timestampMs: 1234 });
    const names = Object.keys(record.headers).map((name) => name.toLowerCase());
    expect(names.toSorted()).toEqual(["b", "content-type", "trace"]);
    expect(record.headers["content-type"]).toBe("image/png");
  });

  test("headers: strings, bytes and repeated names", async () => {
    const topic = await newTopic();
    const headers = { a: "1", b: { b64: "/w==" }, c: ["x", { b64: "/w==" }], d: "", é: "ü" };
    expect((await post(topic, { json: { records: [{ value: 1, headers }] } })).status).toBe(200);
    expect((await stored(topic))[0].headers).toEqual(headers);
  });
});

describe("partitions", () => {
  test("by key: the partition a Kafka client picks, whatever the encoding", async () => {
    const topic = await newTopic(8);
    // murmur2 of Kafka's DefaultPartitioner over 8 partitions.
    const keys = ["a", "b", "user-1", "user-2", "zoë"];
    const records = keys.map((key) => ({ key, text: "x" }));
    const first = await post(topic, { json: { records } });
    const places = first.body.results.map(({ partition }: { partition: number }) => partition);
    const type = "application/msgpack";
    const again = await post(topic, {
      body: pack({ records: keys.map((key) => ({ key })) }),
      type,
    });
    const raw = await Promise.all(
      keys.map((key) => post(topic, { body: "x" }, `?key=${encodeURIComponent(key)}`)),
    );
    const samePlaces = again.body.results.map(({ partition }: { partition: number }) => partition);
    expect(samePlaces).toEqual(places);
    expect(raw.map(({ body }) => body.results[0].partition)).toEqual(places);
  });

  test("without key: one partition a request, all partitions over requests", async () => {
    const topic = await newTopic(4);
    const seen = new Set<number>();
    for (let request = 0; request < 8; request++) {
      const { body } = await post(topic, { json: { records: [{ value: 1 }, { value: 2 }] } });
      const partitions = body.results.map(({ partition }: { partition: number }) => partition);
      expect(new Set(partitions).size).toBe(1);
      seen.add(partitions[0]);
    }
    expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });

  test("asked for: by record before by query; results in the order of the request", async () => {
    const topic = await newTopic(3);
    const records = [{ partition: 2, value: 1 }, { value: 2 }, { partition: 2, value: 3 }];
    const { body } = await post(topic, { json: { records } }, "?partition=1");
    expect(body.results).toEqual([
      { partition: 2, offset: 0 },
      { partition: 1, offset: 0 },
      { partition: 2, offset: 1 },
    ]);
  });

  test.each(["?partition=3", "?partition=99999"])("%s of three: 404", async (query) => {
    const topic = await newTopic(3);
    const answer = await post(topic, { json: { records: [{ value: 1 }] } }, query);
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", topic });
  });
});

describe("answers", () => {
  test("acks: all and 1 answer offsets, 0 answers 202 with nothing", async () => {
    const topic = await newTopic();
    const json = { records: [{ value: 1 }] };
    expect((await post(topic, { json }, "?acks=all")).body.durability).toBe("fsync");
    const one = await post(topic, { json }, "?acks=1");
    expect(one.status).toBe(200);
    expect(one.body.durability).toBeOneOf(["written", "fsync"]);
    const none = await post(topic, { json }, "?acks=0");
    expect([none.status, none.text]).toEqual([202, ""]);
    expect((await post(topic, { json }, "?acks=2")).status).toBe(400);
    // Nobody was told when the last one can be read.
    await until(async () => (await stored(topic)).length === 3);
  });

  test("Prefer: return=minimal: a line for each partition, and the preference is confirmed", async () => {
    const topic = await newTopic(2);
    const records = [0, 1, 1].map((partition) => ({ partition, value: 1 }));
    const headers = { prefer: "return=minimal" };
    const answer = await post(topic, { json: { records }, headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("preference-applied")).toBe("return=minimal");
    expect(answer.body).toEqual({
      partitions: [
        { partition: 0, baseOffset: 0, count: 1 },
        { partition: 1, baseOffset: 0, count: 2 },
      ],
      durability: "fsync",
    });
  });

  test("If-Offset-Match: appends only at that end, else 412 with the end", async () => {
    const topic = await newTopic(2);
    const json = { records: [{ value: 1 }, { value: 2 }] };
    const match = (end: string, query = "?partition=1") =>
      post(topic, { json, headers: { "if-offset-match": end } }, query);
    expect((await match("0")).status).toBe(200);
    const stale = await match("0");
    expect(stale.status).toBe(412);
    expect(stale.body).toMatchObject({ code: "OFFSET_MISMATCH", logEndOffset: 2, partition: 1 });
    expect((await match("2")).body.results.at(-1)).toEqual({ partition: 1, offset: 3 });
    expect((await match("4", "")).status).toBe(400);
    for (const bad of ["-1", "x", "1.5", "*", "1, 2"]) expect((await match(bad)).status).toBe(400);
    expect(await stored(topic, 1)).toHaveLength(4);
    const race = await Promise.all(Array.from({ length: 8 }, () => match("4")));
    expect(race.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test("durability os: is answered as written, not as on the disk", async () => {
    const topic = `t${count++}`;
    const config = { "varve.durability": "os" };
    await server.call("PUT", `/v1/topics/${topic}`, { json: { config } });
    const answer = await post(topic, { json: { records: [{ value: 1 }] } });
    expect(answer.body).toEqual({ results: [{ partition: 0, offset: 0 }], durability: "written" });
  });

  test("order: single records sent one behind the other on many connections keep no gaps", async () => {
    const topic = await newTopic();
    const sent = Array.from({ length: 200 }, (_each, value) =>
      post(topic, { json: { records: [{ value }] } }),
    );
    const offsets = (await Promise.all(sent)).map(({ body }) => body.results[0].offset);
    expect(offsets.toSorted((a, b) => a - b)).toEqual(offsets.map((_offset, index) => index));
    const records = await stored(topic);
    for (const [value, offset] of offsets.entries()) expect(records[offset].value).toBe(value);
  });
});

test("a topic that is not there: made by the first good produce, by a bad one not", async () => {
  const bad: readonly [Ask, string][] = [
    [{ body: "{", type: "application/json" }, ""],
    [{ json: { records: [] } }, ""],
    [{ json: { records: [{ value: 1, text: "x" }] } }, ""],
    [{ body: Buffer.from([0x81]), type: "application/msgpack" }, ""],
    [{ json: { records: [{ value: 1 }] } }, "?acks=7"],
    [{ json: { records: [{ value: 1 }] } }, "?color=red"],
    [{ json: { records: [{ value: 1 }] }, accept: "image/png" }, ""],
  ];
  for (const [ask, query] of bad) {
    const answer = await post("made", ask, query);
    expect([ask, answer.status]).toEqual([ask, ask.accept === undefined ? 400 : 406]);
    expect((await server.call("GET", "/v1/topics/made")).status).toBe(404);
  }
  expect((await post("made", { json: { records: [{ value: 1 }] } })).status).toBe(200);
  expect((await server.call("GET", "/v1/topics/made")).status).toBe(200);
});
