import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;
beforeAll(async () => {
  server = await liveServer();
  await server.call("PUT", "/v1/topics/t", { json: { partitions: 3 } });
  const records = Array.from({ length: 10 }, (_each, value) => ({
    partition: 0,
    value,
    timestampMs: 1000 + value,
  }));
  await server.call("POST", "/v1/topics/t/records", { json: { records } });
});
afterAll(async () => {
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

const path = "/v1/topics/t/partitions/0/records";
const read = (query = "", accept?: string) =>
  server.call("GET", path + query, accept === undefined ? {} : { accept });
const valuesOf = (body: { records: { value: unknown }[] }) =>
  body.records.map(({ value }) => value);

describe("one partition", () => {
  test("every field of the contract", async () => {
    const { body } = await read("?maxRecords=1");
    expect(body).toEqual({
      records: [{ partition: 0, offset: 0, timestampMs: 1000, key: null, value: 0, headers: {} }],
      nextOffset: 1,
      highWatermark: 10,
      logStartOffset: 0,
    });
  });

  test.each([
    ["earliest", [0, 1]],
    ["0", [0, 1]],
    ["8", [8, 9]],
    ["-1", [9]],
    ["-3", [7, 8]],
    ["-100", [0, 1]],
    ["@1005", [5, 6]],
    ["@0", [0, 1]],
    ["@5000", []],
    ["@1970-01-01T00:00:01.007Z", [7, 8]],
    ["latest", []],
    ["10", []],
  ])("from=%s", async (from, expected) => {
    const answer = await read(`?from=${encodeURIComponent(from)}&maxRecords=2`);
    expect(answer.status).toBe(200);
    expect(valuesOf(answer.body)).toEqual(expected);
    expect(answer.body.nextOffset).toBe(expected.length === 0 ? 10 : (expected.at(-1) ?? 0) + 1);
  });

  test("above the end 416, with the bounds", async () => {
    const answer = await read("?from=11");
    expect(answer.status).toBe(416);
    expect(answer.body).toMatchObject({
      code: "OFFSET_OUT_OF_RANGE",
      logStartOffset: 0,
      logEndOffset: 10,
    });
  });

  test.each([
    "?from=x",
    "?from=1.5",
    "?from=-0",
    "?from=99999999999999999999",
    "?from=@x",
    "?from=",
    "?maxRecords=0",
    "?maxRecords=-1",
    "?maxRecords=x",
    "?maxBytes=0",
    "?waitMs=60001",
    "?waitMs=-1",
    "?waitMs=1.5",
    "?as=xml",
    "?follow=maybe",
    "?offset=1",
  ])("%s: 400", async (query) => {
    const answer = await read(query);
    expect([query, answer.status, answer.body.status]).toEqual([query, 400, 400]);
  });

  test("more records or bytes than anybody gets: is no error, only a bound", async () => {
    expect(valuesOf((await read("?maxRecords=100000000&maxBytes=99999999999")).body)).toHaveLength(
      10,
    );
  });

  test.each([
    ["3", 404],
    ["-1", 400],
    ["x", 400],
    ["99999999999", 400],
    ["00", 200],
  ])("partition %s: %i", async (partition, status) => {
    const answer = await server.call("GET", `/v1/topics/t/partitions/${partition}/records`);
    expect(answer.status).toBe(status);
  });

  test("at least one record, however large; the bounds hold for the rest", async () => {
    const text = "x".repeat(900_000);
    const records = [{ text }, { text: "small" }];
    await server.call("POST", "/v1/topics/big/records", { json: { records } });
    const big = "/v1/topics/big/partitions/0/records";
    const first = await server.call("GET", `${big}?maxBytes=1`);
    expect(first.body.records.map(({ text: { length } }: { text: string }) => length)).toEqual([
      900_000,
    ]);
    expect(first.body.nextOffset).toBe(1);
    expect((await server.call("GET", `${big}?from=1&maxBytes=1`)).body.records).toHaveLength(1);
  });

  test("waitMs: answers with the first record, or empty when the time is up", async () => {
    const none = await read("?from=latest&waitMs=50");
    expect([none.status, none.body.records, none.body.nextOffset]).toEqual([200, [], 10]);
    const waiting = server.call("GET", "/v1/topics/t/partitions/2/records?waitMs=30000");
    await server.call("POST", "/v1/topics/t/records?partition=2", {
      json: { records: [{ value: "w" }] },
    });
    expect(valuesOf((await waiting).body)).toEqual(["w"]);
  });

  test("NDJSON: the same records, a line each", async () => {
    const answer = await read("?maxRecords=3", "application/x-ndjson");
    expect(answer.headers.get("content-type")).toMatch(/^application\/x-ndjson/);
    const lines = answer.text.split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line))).toEqual(
      (await read("?maxRecords=3")).body.records,
    );
  });

  test("batches: the stored bytes, with the next offset", async () => {
    const answer = await read("", "application/vnd.varve.batches");
    expect(answer.headers.get("content-type")).toBe("application/vnd.varve.batches");
    expect(answer.headers.get("varve-next-offset")).toBe("10");
    const { bytes } = answer;
    expect(bytes.readUInt32BE(8) + 12).toBe(bytes.length);
    expect(bytes[16]).toBe(2);
    const end = await read("?from=10", "application/vnd.varve.batches");
    expect([end.status, end.bytes.length, end.headers.get("varve-next-offset")]).toEqual([
      200,
      0,
      "10",
    ]);
    expect((await read("?from=11", "application/vnd.varve.batches")).status).toBe(416);
  });

  test("as: each form by force; what is not JSON is 422 by its offset", async () => {
    const records = [{ value: { a: 1 } }, { text: "zoë" }, { b64: "/w==" }, { text: null }];
    await server.call("POST", "/v1/topics/forms/records", { json: { records } });
    const forms = "/v1/topics/forms/partitions/0/records";
    const shown = async (query: string) => (await server.call("GET", forms + query)).body.records;
    expect(await shown("?as=b64")).toMatchObject([
      { b64: "eyJhIjoxfQ==" },
      { b64: "em/Dqw==" },
      { b64: "/w==" },
      {},
    ]);
    expect(await shown("?as=text&maxRecords=2")).toMatchObject([
      { text: '{"a":1}' },
      { text: "zoë" },
    ]);
    expect(await shown("?as=json&maxRecords=1")).toMatchObject([{ value: { a: 1 } }]);
    const answer = await server.call("GET", `${forms}?as=json`);
    expect([answer.status, answer.body.offset]).toEqual([422, 1]);
    const text = await server.call("GET", `${forms}?as=text`);
    expect([text.status, text.body.offset]).toEqual([422, 2]);
  });
});

describe("all partitions merged", () => {
  const merged = (query = "") => server.call("GET", `/v1/topics/m/records${query}`);

  beforeAll(async () => {
    await server.call("PUT", "/v1/topics/m", { json: { partitions: 3 } });
    const records = [0, 1, 2, 0, 1, 0].map((partition, value) => ({
      partition,
      value,
      timestampMs: 1000 + value,
    }));
    await server.call("POST", "/v1/topics/m/records", { json: { records } });
  });

  test("from page to page by its vector: every record once, in the order of each partition", async () => {
    const seen: number[] = [];
    let from = "";
    for (let page = 0; page < 10; page++) {
      const { body } = await merged(`?maxRecords=2${from === "" ? "" : `&from=${from}`}`);
      seen.push(...(valuesOf(body) as number[]));
      from = body.next;
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(seen.filter((value) => [0, 3, 5].includes(value))).toEqual([0, 3, 5]);
    expect(from).toBe("0:3,1:2,2:1");
  });

  test("a partition missing in the vector starts at its earliest", async () => {
    const { body } = await merged("?from=0:3,1:2");
    expect([valuesOf(body), body.next]).toEqual([[2], "0:3,1:2,2:1"]);
  });

  test("positions for all; an offset alone means nothing", async () => {
    expect(valuesOf((await merged("?from=latest")).body)).toEqual([]);
    expect(
      valuesOf((await merged("?from=-1")).body).toSorted((a, b) => Number(a) - Number(b)),
    ).toEqual([2, 4, 5]);
    expect(valuesOf((await merged("?from=@1004")).body)).toEqual([4, 5]);
    for (const bad of ["5", "0:x", "0:1,0:2", "a:1", "0:1,", ":", "0:-1"]) {
      expect([bad, (await merged(`?from=${bad}`)).status]).toEqual([bad, 400]);
    }
    expect((await merged("?from=0:9")).status).toBe(416);
    expect((await merged("?from=7:0")).status).toBe(404);
  });

  test("waits for the first record of any partition", async () => {
    const waiting = merged("?from=latest&waitMs=30000");
    await server.call("POST", "/v1/topics/m/records?partition=2", {
      json: { records: [{ value: "late" }] },
    });
    expect(valuesOf((await waiting).body)).toEqual(["late"]);
  });
});

describe("operations", () => {
  test("the API describes itself: OpenAPI 3.1, with every path of the contract", async () => {
    const { status, body } = await server.call("GET", "/openapi.json");
    expect(status).toBe(200);
    expect(body.openapi).toMatch(/^3\.1\./);
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        "/v1/topics",
        "/v1/topics/{topic}",
        "/v1/topics/{topic}/offsets",
        "/v1/topics/{topic}/trim",
        "/v1/topics/{topic}/records",
        "/v1/topics/{topic}/partitions/{partition}/records",
        "/v1/groups",
        "/v1/groups/{group}",
        "/v1/groups/{group}/offsets",
        "/v1/groups/{group}/poll",
        "/v1/groups/{group}/commit",
        "/v1/groups/{group}/leave",
        "/livez",
        "/readyz",
        "/metrics",
      ]),
    );
  });

  test("a readable page, probes and metrics", async () => {
    const docs = await server.call("GET", "/docs");
    expect([docs.status, docs.headers.get("content-type")]).toEqual([
      200,
      expect.stringMatching(/^text\/html/),
    ]);
    expect((await server.call("GET", "/livez")).status).toBe(200);
    expect((await server.call("GET", "/readyz")).status).toBe(200);
    const metrics = await server.call("GET", "/metrics");
    expect(metrics.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(metrics.text).toMatch(/^# HELP varve_/m);
  });
});
