import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ask, type LiveServer, limitedServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;
beforeAll(async () => {
  server = await liveServer();
  await server.call("PUT", "/v1/topics/t", { json: { partitions: 2 } });
});
afterAll(async () => {
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

const good = { partition: 0, value: "good" };
const post = (ask: Ask, query = "", topic = "t") =>
  server.call("POST", `/v1/topics/${topic}/records${query}`, ask);

async function endOf(topic: string): Promise<number> {
  const { body } = await server.call("GET", `/v1/topics/${topic}/offsets`);
  return body.offsets.reduce((sum: number, { offset }: { offset: number }) => sum + offset, 0);
}

describe("one bad record: the request is refused by its index and nothing is appended", () => {
  const bad: readonly [string, object | number | string | null][] = [
    ["two values", { value: 1, text: "x" }],
    ["two values, one null", { text: null, b64: "" }],
    ["two keys", { key: "a", keyB64: "YQ==", value: 1 }],
    ["a field nobody knows", { vaule: 1 }],
    ["base64 of the wrong length", { b64: "abc" }],
    ["base64 with a stranger", { b64: "ab*d" }],
    ["base64 of the web kind", { b64: "_-_-" }],
    ["base64 with loose bits", { b64: "YR==" }],
    ["text that is a number", { text: 5 }],
    ["a key that is a number", { key: 5, value: 1 }],
    ["a negative partition", { partition: -1, value: 1 }],
    ["a fractional partition", { partition: 0.5, value: 1 }],
    ["a partition as text", { partition: "0", value: 1 }],
    ["a negative time", { timestampMs: -5, value: 1 }],
    ["a fractional time", { timestampMs: 1.5, value: 1 }],
    ["a time as text", { timestampMs: "1", value: 1 }],
    ["a time beyond all", { timestampMs: 1e300, value: 1 }],
    ["headers as a list", { headers: [], value: 1 }],
    ["a header that is a number", { headers: { a: 1 }, value: 1 }],
    ["a header with bad base64", { headers: { a: { b64: "?" } }, value: 1 }],
    ["a header with two forms", { headers: { a: { b64: "", text: "" } }, value: 1 }],
    ["half a surrogate pair in a text", { text: "\ud800" }],
    ["half a surrogate pair in a key", { key: "\udc00", value: 1 }],
    ["half a surrogate pair in a header", { headers: { a: "\ud800" }, value: 1 }],
    ["a number", 5],
    ["a string", "x"],
    ["null", null],
    ["a list", []],
  ];

  test.each(bad)("%s", async (_name, record) => {
    const before = await endOf("t");
    const json = { records: [good, good, record, good] };
    const answer = await post({ json });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ status: 400, code: expect.any(String), index: 2 });
    const lines = json.records.map((each) => JSON.stringify(each)).join("\n");
    const line = await post({ body: lines, type: "application/x-ndjson" });
    expect([line.status, line.body.index]).toEqual([400, 2]);
    expect(await endOf("t")).toBe(before);
  });

  test("a partition that is not there is 404 and names the index", async () => {
    const before = await endOf("t");
    const answer = await post({ json: { records: [good, { partition: 2, value: 1 }] } });
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ index: 1, partition: 2 });
    expect(await endOf("t")).toBe(before);
  });

  test("a record too large for the topic: 413, and nothing of the request is appended", async () => {
    const before = await endOf("t");
    const json = { records: [good, { partition: 1, text: "x".repeat(1_100_000) }, good] };
    const answer = await post({ json });
    expect(answer.status).toBe(413);
    expect(answer.body.code).toBe("MESSAGE_TOO_LARGE");
    expect(await endOf("t")).toBe(before);
  });
});

describe("bodies that are no records", () => {
  test.each([
    ["nothing", ""],
    ["half an object", '{"records":[{"value":1}'],
    ["something behind it", '{"records":[{"value":1}]} x'],
    ["two documents", '{"records":[{"value":1}]}{"records":[]}'],
    ["no records", "{}"],
    ["an empty list", '{"records":[]}'],
    ["records as an object", '{"records":{}}'],
    ["a bare list", '[{"value":1}]'],
    ["another field", '{"records":[{"value":1}],"topic":"t"}'],
    ["records twice", '{"records":[{"value":1}],"records":[{"value":2}]}'],
    ["a field twice", '{"records":[{"value":1,"value":2}]}'],
    ["a comment", '{"records":[/**/{"value":1}]}'],
    ["a trailing comma", '{"records":[{"value":1},]}'],
    ["NaN", '{"records":[{"value":NaN}]}'],
    ["a leading zero", '{"records":[{"value":01}]}'],
    ["a raw newline in a string", '{"records":[{"text":"a\nb"}]}'],
    ["UTF-16", '{\0"\0r\0'],
    ["a nesting bomb", `{"records":[{"value":${"[".repeat(100_000)}${"]".repeat(100_000)}}]}`],
    ["an open nesting bomb", `{"records":[{"value":${'{"a":'.repeat(100_000)}`],
  ])("JSON, %s: 400", async (_name, body) => {
    const before = await endOf("t");
    const answer = await post({ body, type: "application/json" });
    expect(answer.status).toBe(400);
    expect(answer.body.status).toBe(400);
    expect(await endOf("t")).toBe(before);
  });

  test("JSON with bytes that are not UTF-8: 400, never decoded lossily", async () => {
    const body = Buffer.from('{"records":[{"text":"\xff"}]}', "latin1");
    expect((await post({ body, type: "application/json" })).status).toBe(400);
    const value = Buffer.from('{"records":[{"value":"\xff"}]}', "latin1");
    expect((await post({ body: value, type: "application/json" })).status).toBe(400);
    const key = Buffer.from('{"records":[{"key":"\xc0\x80","value":1}]}', "latin1");
    expect((await post({ body: key, type: "application/json" })).status).toBe(400);
  });

  const one = pack({ records: [{ value: "x" }] });
  const deep = Buffer.concat([
    Buffer.from("81a77265636f726473", "hex"),
    Buffer.alloc(200_000, 0x91),
  ]);
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["something behind it", Buffer.concat([one, Buffer.from([0xc0])])],
    ["an empty list", pack({ records: [] })],
    ["another field", pack({ records: [{ value: "x" }], more: 1 })],
    ["a value that is a number", pack({ records: [{ value: 5 }] })],
    ["a key that is a map", pack({ records: [{ key: {}, value: "x" }] })],
    ["a date for a value", pack({ records: [{ value: new Date(0) }] })],
    ["a field nobody knows", pack({ records: [{ text: "x" }, { nonsense: 1 }] })],
    ["a list that lies about its length", Buffer.from("81a77265636f726473ddffffffff", "hex")],
    [
      "a string that lies about its length",
      Buffer.from("81a77265636f72647391 81a576616c7565dbffffffff00".replace(" ", ""), "hex"),
    ],
    ["the byte that means nothing", Buffer.from("c1", "hex")],
    ["a nesting bomb", deep],
  ])("MessagePack, %s: 400", async (name, body) => {
    const before = await endOf("t");
    const answer = await post({ body, type: "application/msgpack" });
    // `text` is a form of value in MessagePack too where the server knows it.
    expect([name, answer.status]).toEqual([name, 400]);
    expect(await endOf("t")).toBe(before);
  });

  test("MessagePack, cut off at every byte: 400 each time", async () => {
    const before = await endOf("t");
    const records = [
      { key: "k", value: "v", headers: { a: ["b", Buffer.from("c")] }, timestampMs: 1e12 },
    ];
    const whole = pack({ records });
    for (let length = 0; length < whole.length; length++) {
      const answer = await post({ body: whole.subarray(0, length), type: "application/msgpack" });
      expect([length, answer.status]).toEqual([length, 400]);
    }
    expect(await endOf("t")).toBe(before);
  });

  test("NDJSON without a record: 400", async () => {
    for (const body of ["", "\n\n", "\r\n"]) {
      expect((await post({ body, type: "application/x-ndjson" })).status).toBe(400);
    }
  });

  test("a compressed body: 415 and not its bytes as a value", async () => {
    const headers = { "content-encoding": "gzip" };
    const before = await endOf("t");
    const answer = await post({ body: Buffer.from("1f8b08", "hex"), type: "text/plain", headers });
    expect(answer.status).toBe(415);
    expect(await endOf("t")).toBe(before);
  });
});

describe("what no client may do", () => {
  test.each(["__consumer_offsets", "__cluster_metadata", "__mine"])("%s: 403", async (topic) => {
    const answer = await post({ json: { records: [{ value: 1 }] } }, "", topic);
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({ code: "TOPIC_AUTHORIZATION_FAILED", topic });
    const made = await server.call("PUT", `/v1/topics/${topic}`);
    // What is there already is confirmed, which changes nothing.
    expect(made.status).toBe(topic === "__mine" ? 403 : 200);
    const gone = await server.call("DELETE", `/v1/topics/${topic}`);
    expect(gone.status).toBe(topic === "__mine" ? 404 : 403);
  });

  test("autoCreateTopics off: the first produce is 404 and makes nothing", async () => {
    const strict = await liveServer({ autoCreateTopics: false });
    const answer = await strict.call("POST", "/v1/topics/new/records", { body: "x" });
    expect(answer.status).toBe(404);
    expect(
      (await strict.call("GET", "/v1/topics")).body.topics.every(
        ({ internal }: { internal: boolean }) => internal,
      ),
    ).toBe(true);
    await strict.close();
  });

  test("topics made by guessing names: bounded, then 422", async () => {
    const small = await limitedServer({}, { partitionsMax: 8 });
    const statuses: number[] = [];
    for (let name = 0; name < 12; name++) {
      statuses.push(
        (await small.call("POST", `/v1/topics/n${name}/records`, { body: "x" })).status,
      );
    }
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(3);
    expect(statuses.at(-1)).toBe(422);
    expect((await small.call("POST", "/v1/topics/n0/records", { body: "x" })).status).toBe(200);
    expect(await small.failures()).toBe(0);
    await small.close();
  });
});
