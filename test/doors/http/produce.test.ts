import { pack, unpack } from "msgpackr";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeEach(async () => {
  http = await httpFixture();
});
afterEach(() => http.close());

const records = "/v1/topics/t/records";
const partition0 = "/v1/topics/t/partitions/0/records";

describe("produce: JSON", () => {
  test("several records: each gets the next offset, in request order", async () => {
    const body = { records: [{ value: 1 }, { text: "two" }, { b64: "AP8=" }, { text: null }] };
    const answer = await http.json("POST", records, body);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      results: [0, 1, 2, 3].map((offset) => ({ partition: 0, offset })),
      durability: "fsync",
    });
    const read = await http.json("GET", partition0);
    expect(read.body.records.map((record: object) => ({ ...record, timestampMs: 0 }))).toEqual([
      { partition: 0, offset: 0, timestampMs: 0, key: null, value: 1, headers: {} },
      { partition: 0, offset: 1, timestampMs: 0, key: null, text: "two", headers: {} },
      { partition: 0, offset: 2, timestampMs: 0, key: null, b64: "AP8=", headers: {} },
      { partition: 0, offset: 3, timestampMs: 0, key: null, text: null, headers: {} },
    ]);
    expect(read.body).toMatchObject({ nextOffset: 4, highWatermark: 4, logStartOffset: 0 });
  });

  test("single records together: one batch, answers apart", async () => {
    const answers = await Promise.all(
      [1, 2, 3].map((value) => http.json("POST", records, { records: [{ value }] })),
    );
    const offsets = answers
      .map(({ body }) => body.results[0].offset)
      .sort((a: number, b: number) => a - b);
    expect(offsets).toEqual([0, 1, 2]);
  });

  test.each([
    ["two values", { value: 1, text: "x" }],
    ["both keys", { key: "a", keyB64: "YQ==", value: 1 }],
    ["unknown field", { vlaue: 1 }],
    ["bad base64", { b64: "AP8" }],
    ["negative partition", { partition: -1, value: 1 }],
    ["fractional time", { timestampMs: 1.5, value: 1 }],
    ["number as text", { text: 5 }],
    ["headers as array", { headers: [], value: 1 }],
  ])("%s: 400 naming the index, nothing appended", async (_name, bad) => {
    const answer = await http.json("POST", records, { records: [{ value: 0 }, bad] });
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_RECORD", index: 1 } });
    expect(http.services.produceCalls).toBe(0);
  });

  test("values: spliced back verbatim, no digit lost", async () => {
    const text = '{"big":123456789012345678901234567890, "f":1.10e5,"u":"\\u00e9"}';
    await http.json("POST", records, `{"records":[{"value": ${text} }]}`);
    const answer = await http.call({ method: "GET", url: partition0 });
    expect(answer.body).toContain(`"value":${text},`);
  });
});

describe("produce: MessagePack and raw", () => {
  test("msgpack: bin and str are taken, read back as bin", async () => {
    const payload = pack({ records: [{ key: "k", value: Buffer.from([0, 255]) }, { value: "s" }] });
    const headers = { "content-type": "application/msgpack", accept: "application/msgpack" };
    const answer = await http.call({ method: "POST", url: records, payload, headers });
    expect(unpack(answer.rawPayload)).toEqual({
      results: [
        { partition: 0, offset: 0 },
        { partition: 0, offset: 1 },
      ],
      durability: "fsync",
    });
    const read = await http.call({
      method: "GET",
      url: partition0,
      headers: { accept: "application/x-msgpack" },
    });
    expect(read.headers["content-type"]).toBe("application/x-msgpack");
    const page = unpack(read.rawPayload);
    expect(page.nextOffset).toBe(2);
    expect(page.records[0]).toMatchObject({ key: Buffer.from("k"), value: Buffer.from([0, 255]) });
    expect(page.records[1]).toMatchObject({ key: null, value: Buffer.from("s"), headers: {} });
  });
});
