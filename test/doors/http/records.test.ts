import { unpack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordsOf } from "../../support/batches.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture({ limits: { longPollsMax: 3 } });
});
afterAll(() => http.close());

let count = 0;
async function topicOf(records: readonly object[], partitions = 1): Promise<string> {
  const url = `/v1/topics/t${++count}`;
  await http.json("PUT", url, { partitions });
  if (records.length > 0) await http.json("POST", `${url}/records`, { records });
  return url;
}
const path = (topic: string, query = ""): string => `${topic}/partitions/0/records${query}`;
const raw = (topic: string, payload: Uint8Array) =>
  http.call({ method: "POST", url: `${topic}/records`, payload: Buffer.from(payload) });

describe("records: the form of values", () => {
  test.each([
    ["1.10", { value: 1.1 }],
    ['"x"', { value: "x" }],
    ["null", { value: null }],
    [" [1]\n", { value: [1] }],
    ["", { text: "" }],
    ["hello", { text: "hello" }],
    ["2024-01-01 line", { text: "2024-01-01 line" }],
    ["\ufeff1", { text: "\ufeff1" }],
    ['{"a":1,}', { text: '{"a":1,}' }],
    [Buffer.from([0x22, 0xff, 0x22]), { b64: "Iv8i" }],
    [Buffer.from([0]), { text: "\0" }],
  ])("%j: shown as %j", async (bytes, shown) => {
    const topic = await topicOf([]);
    await raw(topic, Buffer.from(bytes));
    const [record] = (await http.json("GET", path(topic))).body.records;
    const { value, text, b64 } = record;
    expect(JSON.parse(JSON.stringify({ value, text, b64 }))).toEqual(shown);
  });

  test("as: forced; bytes that are not that are a 422 naming the offset", async () => {
    const topic = await topicOf([{ value: 1 }, { text: "x" }, { b64: "/w==" }]);
    const shown = async (as: string, from: number): Promise<unknown> => {
      return (await http.json("GET", path(topic, `?as=${as}&from=${from}&maxRecords=1`))).body;
    };
    expect(await shown("text", 0)).toMatchObject({ records: [{ text: "1" }] });
    expect(await shown("b64", 1)).toMatchObject({ records: [{ b64: "eA==" }] });
    expect(await shown("json", 1)).toMatchObject({
      status: 422,
      code: "RECORD_NOT_JSON",
      offset: 1,
    });
    expect(await shown("text", 2)).toMatchObject({
      status: 422,
      code: "RECORD_NOT_JSON",
      offset: 2,
    });
    expect(await shown("xml", 0)).toMatchObject({ status: 400 });
  });

  test("headers: repeated names, bytes and null come back as they went in", async () => {
    const headers = { a: ["1", { b64: "/w==" }, null], b: "é", __proto__: undefined };
    const topic = await topicOf([{ keyB64: "/w==", text: "x", headers }]);
    const [record] = (await http.json("GET", path(topic))).body.records;
    expect(record.headers).toEqual({ a: ["1", { b64: "/w==" }, null], b: "é" });
    expect(record.keyB64).toBe("/w==");
    const answer = await http.call({
      method: "GET",
      url: path(topic),
      headers: { accept: "application/msgpack" },
    });
    expect(unpack(answer.rawPayload).records[0].headers).toEqual({
      a: [Buffer.from("1"), Buffer.from([255]), null],
      b: Buffer.from("é"),
    });
  });
});

describe("records: bounds", () => {
  test("from: between start and end reads, end is empty, above is 416, below the start 410", async () => {
    const topic = await topicOf([{ value: 0 }, { value: 1 }, { value: 2 }]);
    const read = async (from: string) => http.json("GET", path(topic, `?from=${from}`));
    expect((await read("1")).body).toMatchObject({
      records: [{ offset: 1 }, { offset: 2 }],
      nextOffset: 3,
    });
    expect((await read("-1")).body.records).toMatchObject([{ offset: 2 }]);
    expect((await read("latest")).body).toMatchObject({ records: [], nextOffset: 3 });
    expect(await read("3")).toMatchObject({ status: 200, body: { records: [], nextOffset: 3 } });
    expect(await read("4")).toMatchObject({
      status: 416,
      body: { code: "OFFSET_OUT_OF_RANGE", logStartOffset: 0, logEndOffset: 3 },
    });
    await http.json("POST", `${topic}/trim`, { before: [{ partition: 0, offset: 2 }] });
    expect(await read("1")).toMatchObject({
      status: 410,
      body: { code: "OFFSET_BELOW_LOG_START", logStartOffset: 2, highWatermark: 3 },
    });
    expect((await read("earliest")).body).toMatchObject({
      records: [{ offset: 2 }],
      logStartOffset: 2,
    });
    expect((await read("-9")).body.records).toMatchObject([{ offset: 2 }]);
  });

  test("maxRecords and maxBytes: cut in the middle of a batch, at least one record", async () => {
    const topic = await topicOf([{ text: "x".repeat(5000) }, { value: 1 }, { value: 2 }]);
    const first = await http.json("GET", path(topic, "?maxBytes=1"));
    expect(first.body).toMatchObject({ records: [{ offset: 0 }], nextOffset: 1 });
    const second = await http.json("GET", path(topic, "?from=1&maxRecords=1"));
    expect(second.body).toMatchObject({ records: [{ offset: 1 }], nextOffset: 2 });
    expect(http.services.leases).toBe(0);
  });

  test.each([
    "?from=-0",
    "?maxRecords=0",
    "?maxRecords=1.5",
    "?maxBytes=-1",
    "?waitMs=60001",
    "?limit=1",
    "?from=1&from=2",
    "?follow=true",
    "?follow=maybe",
  ])("%s: 400", async (query) => {
    const topic = await topicOf([{ value: 1 }]);
    expect(await http.json("GET", path(topic, query))).toMatchObject({
      status: 400,
      body: { code: "INVALID_REQUEST" },
    });
  });

  test.each(["x", "-1", "1.5", "99999999999"])("partition %s: 400", async (partition) => {
    const topic = await topicOf([]);
    const answer = await http.json("GET", `${topic}/partitions/${partition}/records`);
    expect(answer.status).toBe(400);
  });

  test("unknown topic and partition: 404", async () => {
    const topic = await topicOf([]);
    for (const url of [`${topic}/partitions/7/records`, path("/v1/topics/none")]) {
      const answer = await http.json("GET", url);
      expect(answer).toMatchObject({ status: 404, body: { code: "UNKNOWN_TOPIC_OR_PARTITION" } });
    }
  });
});

test("records: stored batches: byte for byte, released when sent", async () => {
  const topic = await topicOf([{ key: "k", value: 1 }, { value: 2 }]);
  const answer = await http.call({
    method: "GET",
    url: path(topic, "?from=1"),
    headers: { accept: "application/vnd.varve.batches" },
  });
  expect(answer.headers["varve-next-offset"]).toBe("2");
  expect(recordsOf(answer.rawPayload).map(({ offset }) => offset)).toEqual([0, 1]);
  await until(() => http.services.leases === 0);
});

test("records: NDJSON: a record a line, also where the stored JSON has line ends", async () => {
  const topic = await topicOf([]);
  await raw(topic, Buffer.from('{"a":\n1,\r\n"b":"x\\ny"}'));
  await raw(topic, Buffer.from("two"));
  const answer = await http.call({
    method: "GET",
    url: path(topic),
    headers: { accept: "application/x-ndjson" },
  });
  const lines = answer.body.split("\n");
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ value: { a: 1, b: "x\ny" } });
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({ text: "two" });
  expect(answer.headers["varve-next-offset"]).toBe("2");
});

describe("records: waiting", () => {
  test("a record ends it; the time ends it empty", async () => {
    const topic = await topicOf([]);
    const waiting = http.json("GET", path(topic, "?waitMs=20000"));
    await until(() => http.door.waiting === 1);
    await http.json("POST", `${topic}/records`, { records: [{ value: 7 }] });
    expect((await waiting).body.records).toMatchObject([{ value: 7 }]);
    const empty = await http.json("GET", path(topic, "?from=1&waitMs=1"));
    expect(empty.body).toMatchObject({ records: [], nextOffset: 1 });
  });

  test("more than the limit: 429 with Retry-After; the topic's end wakes the others", async () => {
    const topic = await topicOf([]);
    const waiting = [1, 2, 3].map(() => http.json("GET", path(topic, "?waitMs=20000")));
    await until(() => http.door.waiting === 3);
    const refused = await http.json("GET", path(topic, "?waitMs=20000"));
    expect(refused).toMatchObject({ status: 429, body: { code: "THROTTLING_QUOTA_EXCEEDED" } });
    expect(refused.headers["retry-after"]).toBe("1");
    await http.json("DELETE", topic);
    for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(404);
    expect(http.door.waiting).toBe(0);
  });
});
