import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture();
});
afterAll(() => http.close());

describe("topics: create", () => {
  test("a new one is 201, the same again 200, another 409", async () => {
    const body = { partitions: 3, config: { "retention.ms": 1000 } };
    const created = await http.json("PUT", "/v1/topics/a", body);
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      name: "a",
      config: { "retention.ms": { value: "1000", source: "topic" } },
    });
    expect(created.body.partitions).toHaveLength(3);
    expect((await http.json("PUT", "/v1/topics/a", body)).status).toBe(200);
    expect((await http.json("PUT", "/v1/topics/a")).status).toBe(200);
    const fewer = await http.json("PUT", "/v1/topics/a", { ...body, partitions: 2 });
    expect(fewer).toMatchObject({
      status: 409,
      body: { code: "TOPIC_ALREADY_EXISTS", partitions: 3 },
    });
    const other = await http.json("PUT", "/v1/topics/a", { config: { "retention.ms": "5" } });
    expect(other.status).toBe(409);
    expect((await http.json("PUT", "/v1/topics/a", { config: {} })).status).toBe(409);
  });

  test("two at once: one creates, the other confirms", async () => {
    const answers = await Promise.all([1, 2].map(() => http.json("PUT", "/v1/topics/race", {})));
    expect(answers.map(({ status }) => status).sort((left, right) => left - right)).toEqual([
      200, 201,
    ]);
  });

  test.each([
    ["/v1/topics/sp%20ace", {}, 400, "INVALID_TOPIC_EXCEPTION"],
    ["/v1/topics/a%2Fb", {}, 400, "INVALID_TOPIC_EXCEPTION"],
    ["/v1/topics/b", { partitions: 0 }, 422, "INVALID_PARTITIONS"],
    ["/v1/topics/b", { partitions: "3" }, 400, "INVALID_REQUEST"],
    ["/v1/topics/b", { partitions: 1.5 }, 400, "INVALID_REQUEST"],
    ["/v1/topics/b", { partition: 3 }, 400, "INVALID_REQUEST"],
    ["/v1/topics/b", { config: { nonsense: "1" } }, 422, "INVALID_CONFIG"],
    ["/v1/topics/b", { config: { "a.b": null } }, 400, "INVALID_REQUEST"],
    ["/v1/topics/b", [], 400, "INVALID_REQUEST"],
    ["/v1/topics/b", "{", 400, "INVALID_REQUEST"],
    ["/v1/topics/b?x=1", {}, 400, "INVALID_REQUEST"],
  ])("%s %j: %i %s", async (...[url, body, status, code]) => {
    expect(await http.json("PUT", url, body)).toMatchObject({ status, body: { status, code } });
    expect((await http.json("GET", "/v1/topics/b")).status).toBe(404);
  });

  test("an unknown field: its name is in the detail", async () => {
    const { body } = await http.json("PUT", "/v1/topics/b", { partitoins: 3 });
    expect(body.detail).toContain("partitoins");
  });
});

test("topics: list: by prefix, sorted, with their partitions", async () => {
  await http.json("PUT", "/v1/topics/list-b", { partitions: 2 });
  await http.json("PUT", "/v1/topics/list-a", {});
  expect((await http.json("GET", "/v1/topics?prefix=list-")).body).toEqual({
    topics: [
      { name: "list-a", partitions: 1, internal: false },
      { name: "list-b", partitions: 2, internal: false },
    ],
  });
  expect((await http.json("GET", "/v1/topics?prefix=none")).body).toEqual({ topics: [] });
});

test("topics: patch: grows, changes and resets config, never shrinks", async () => {
  await http.json("PUT", "/v1/topics/p", { partitions: 2, config: { "retention.ms": "1" } });
  const changed = await http.json("PATCH", "/v1/topics/p", {
    partitions: 4,
    config: { "retention.ms": null, "segment.bytes": 2048 },
  });
  expect(changed.status).toBe(200);
  expect(changed.body.partitions).toHaveLength(4);
  expect(changed.body.config["retention.ms"]).toBeUndefined();
  expect(changed.body.config["segment.bytes"]).toEqual({ value: "2048", source: "topic" });
  const shrunk = { partitions: 3, config: { "segment.bytes": "1" } };
  expect((await http.json("PATCH", "/v1/topics/p", shrunk)).status).toBe(422);
  const after = await http.json("GET", "/v1/topics/p");
  expect(after.body.config["segment.bytes"].value).toBe("2048");
  expect((await http.json("PATCH", "/v1/topics/none", {})).status).toBe(404);
});

test("topics: offsets at positions, and trim", async () => {
  const records = [10, 20, 30].map((timestampMs) => ({ timestampMs, partition: 0, value: 1 }));
  await http.json("PUT", "/v1/topics/o", { partitions: 2 });
  await http.json("POST", "/v1/topics/o/records", { records });
  const at = async (position: string): Promise<unknown> => {
    const { body } = await http.json("GET", `/v1/topics/o/offsets?at=${position}`);
    return body.offsets.map(({ offset }: { offset: number }) => offset);
  };
  expect((await http.json("GET", "/v1/topics/o/offsets")).body).toEqual({
    offsets: [
      { partition: 0, offset: 3 },
      { partition: 1, offset: 0 },
    ],
  });
  expect(await at("earliest")).toEqual([0, 0]);
  expect(await at("-2")).toEqual([1, 0]);
  expect(await at("-9")).toEqual([0, 0]);
  expect(await at("@15")).toEqual([1, 0]);
  expect(await at("@31")).toEqual([3, 0]);
  const trim = await http.json("POST", "/v1/topics/o/trim", {
    before: [{ partition: 0, offset: 2 }],
  });
  expect(trim.body).toEqual({ partitions: [{ partition: 0, logStartOffset: 2 }] });
  expect(await at("earliest")).toEqual([2, 0]);
  const above = await http.json("POST", "/v1/topics/o/trim", {
    before: [{ partition: 0, offset: 9 }],
  });
  expect(above).toMatchObject({ status: 416, body: { code: "OFFSET_OUT_OF_RANGE" } });
});

test("topics: delete: 204, then it is gone", async () => {
  await http.json("PUT", "/v1/topics/d", {});
  const answer = await http.call({ method: "DELETE", url: "/v1/topics/d" });
  expect([answer.statusCode, answer.body]).toEqual([204, ""]);
  for (const method of ["GET", "DELETE"] as const) {
    expect((await http.json(method, "/v1/topics/d")).body.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  }
});
