import { unpack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

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
