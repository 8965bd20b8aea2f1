import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../support/live-server.ts";

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

const put = (name: string, json: object) => server.call("PUT", `/v1/topics/${name}`, { json });
const patch = (name: string, json: object) => server.call("PATCH", `/v1/topics/${name}`, { json });
const fresh = () => `t${count++}`;

describe("create", () => {
  test("201, then 200 for the same, 409 for other partitions or config", async () => {
    const name = fresh();
    const wanted = { partitions: 3, config: { "retention.ms": 1000, "cleanup.policy": "delete" } };
    expect((await put(name, wanted)).status).toBe(201);
    expect((await put(name, wanted)).status).toBe(200);
    expect((await put(name, { partitions: 3 })).status).toBe(200);
    for (const other of [{ partitions: 2 }, { partitions: 4 }, { config: { "retention.ms": 5 } }]) {
      const answer = await put(name, other);
      expect([answer.status, answer.body.code]).toEqual([409, "TOPIC_ALREADY_EXISTS"]);
    }
  });

  test("at the same time: one makes it, all confirm it", async () => {
    const name = fresh();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => put(name, { partitions: 2 })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 200)).toHaveLength(7);
  });

  test.each([
    [{ partitions: 0 }, 422],
    [{ partitions: -1 }, 422],
    [{ partitions: 1e9 }, 422],
    [{ partitions: 1.5 }, 400],
    [{ partitions: "3" }, 400],
    [{ config: { "no.such.key": "1" } }, 422],
    [{ config: { "retention.ms": "soon" } }, 422],
    [{ config: { "segment.bytes": -5 } }, 422],
    [{ config: { "cleanup.policy": "burn" } }, 422],
    [{ config: { "varve.durability": "hope" } }, 422],
    [{ config: { "retention.ms": null } }, 400],
    [{ config: { "retention.ms": {} } }, 400],
    [{ config: [] }, 400],
    [{ partition: 3 }, 400],
    [[], 400],
  ])("%j: refused by %i and nothing is made", async (wanted, status) => {
    const name = fresh();
    const answer = await put(name, wanted);
    expect([answer.status, answer.body.status]).toEqual([status, status]);
    expect((await server.call("GET", `/v1/topics/${name}`)).status).toBe(404);
  });

  test("a config key that is a name of JavaScript's own: 422 like any unknown key", async () => {
    for (const key of ["__proto__", "constructor", "toString"]) {
      const body = `{"config":{"${key}":"1"}}`;
      const path = `/v1/topics/${fresh()}`;
      const answer = await server.call("PUT", path, { body, type: "application/json" });
      expect([key, answer.status]).toEqual([key, 422]);
    }
  });

  test("without a body: with the server's defaults", async () => {
    const name = fresh();
    expect((await server.call("PUT", `/v1/topics/${name}`)).status).toBe(201);
    expect((await server.call("GET", `/v1/topics/${name}`)).body.partitions).toHaveLength(1);
  });
});

describe("look", () => {
  test("a topic: every field of the contract", async () => {
    const name = fresh();
    await put(name, { partitions: 2, config: { "retention.ms": 123456 } });
    const json = {
      records: [
        { partition: 1, value: 1 },
        { partition: 1, value: 2 },
      ],
    };
    await server.call("POST", `/v1/topics/${name}/records`, { json });
    const { body } = await server.call("GET", `/v1/topics/${name}`);
    expect(body).toMatchObject({ name, id: expect.stringMatching(/./), internal: false });
    expect(body.config["retention.ms"]).toEqual({ value: "123456", source: "topic" });
    expect(body.config["segment.bytes"].source).toBe("default");
    const facts = { logStartOffset: 0, segments: 1 };
    expect(body.partitions).toEqual([
      { partition: 0, highWatermark: 0, logEndOffset: 0, bytes: 0, ...facts },
      { partition: 1, highWatermark: 2, logEndOffset: 2, bytes: expect.any(Number), ...facts },
    ]);
    expect(body.partitions[1].bytes).toBeGreaterThan(60);
  });

  test("a list: by name, by prefix, nothing more", async () => {
    for (const name of ["list-b", "list-a", "other"]) await put(name, { partitions: 2 });
    const { body } = await server.call("GET", "/v1/topics?prefix=list-");
    expect(body).toEqual({
      topics: [
        { name: "list-a", partitions: 2, internal: false },
        { name: "list-b", partitions: 2, internal: false },
      ],
    });
    expect((await server.call("GET", "/v1/topics?prefix=zzz")).body).toEqual({ topics: [] });
    const all = (await server.call("GET", "/v1/topics")).body.topics;
    for (const topic of all) expect(topic.internal).toBe(topic.name.startsWith("__"));
  });

  test("offsets at a position", async () => {
    const name = fresh();
    await put(name, { partitions: 2 });
    const records = [1000, 2000, 3000].map((timestampMs) => ({
      partition: 0,
      value: 1,
      timestampMs,
    }));
    await server.call("POST", `/v1/topics/${name}/records`, { json: { records } });
    const at = async (position: string) => {
      const query = position === "" ? "" : `?at=${encodeURIComponent(position)}`;
      const answer = await server.call("GET", `/v1/topics/${name}/offsets${query}`);
      if (answer.status !== 200) return answer.status;
      return answer.body.offsets.map(({ offset }: { offset: number }) => offset);
    };
    expect(await at("")).toEqual([3, 0]);
    expect(await at("earliest")).toEqual([0, 0]);
    expect(await at("@2000")).toEqual([1, 0]);
    expect(await at("@2001")).toEqual([2, 0]);
    expect(await at("@1970-01-01T00:00:03.000Z")).toEqual([2, 0]);
    expect(await at("@1970-01-01T01:00:03.000+01:00")).toEqual([2, 0]);
    expect(await at("@9999")).toEqual([3, 0]);
    expect(await at("-1")).toEqual([2, 0]);
    expect(await at("-100")).toEqual([0, 0]);
    for (const bad of [
      "yesterday",
      "@",
      "@x",
      "--1",
      "1.5",
      "-0",
      "1e3",
      "@2024-13-01",
      "9".repeat(20),
    ]) {
      expect([bad, await at(bad)]).toEqual([bad, 400]);
    }
  });
});

describe("change", () => {
  test("PATCH: more partitions, keys given and no others, null resets", async () => {
    const name = fresh();
    await put(name, { partitions: 2, config: { "retention.ms": 1000, "segment.ms": 5000 } });
    const answer = await patch(name, { partitions: 3, config: { "retention.ms": 2000 } });
    expect(answer.status).toBe(200);
    expect(answer.body.partitions).toHaveLength(3);
    expect(answer.body.config["retention.ms"]).toEqual({ value: "2000", source: "topic" });
    expect(answer.body.config["segment.ms"]).toEqual({ value: "5000", source: "topic" });
    const reset = await patch(name, { config: { "retention.ms": null } });
    expect(reset.body.config["retention.ms"].source).toBe("default");
    for (const bad of [{ partitions: 1 }, { config: { "no.such": 1 } }, { partitions: 1e9 }]) {
      expect((await patch(name, bad)).status).toBe(422);
    }
    expect((await patch("missing", {})).status).toBe(404);
  });

  test("PATCH: half of it cannot be done: none of it is", async () => {
    const name = fresh();
    await put(name, { partitions: 2, config: { "retention.ms": 1000 } });
    const json = { partitions: 1e9, config: { "retention.ms": 7 } };
    expect((await patch(name, json)).status).toBe(422);
    const { body } = await server.call("GET", `/v1/topics/${name}`);
    expect(body.config["retention.ms"].value).toBe("1000");
  });

  test("DELETE: 204, then everything about it is 404, and it can be made anew, empty", async () => {
    const name = fresh();
    await put(name, {});
    await server.call("POST", `/v1/topics/${name}/records`, { body: "x" });
    const path = `/v1/topics/${name}`;
    const gone = await server.call("DELETE", path);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    for (const [method, rest] of [
      ["GET", ""],
      ["DELETE", ""],
      ["GET", "/offsets"],
      ["GET", "/records"],
      ["GET", "/partitions/0/records"],
    ] as const) {
      expect([rest, (await server.call(method, path + rest)).status]).toEqual([rest, 404]);
    }
    expect((await put(name, {})).status).toBe(201);
    expect((await server.call("GET", `${path}/partitions/0/records`)).body.records).toEqual([]);
  });

  test("trim: moves log starts forward, never back, never beyond the end", async () => {
    const name = fresh();
    await put(name, { partitions: 2 });
    const records = [1, 2, 3, 4].map((value) => ({ partition: 0, value }));
    await server.call("POST", `/v1/topics/${name}/records`, { json: { records } });
    const trim = (before: unknown) =>
      server.call("POST", `/v1/topics/${name}/trim`, { json: { before } });
    const done = await trim([{ partition: 0, offset: 3 }]);
    expect([done.status, done.body]).toEqual([
      200,
      { partitions: [{ partition: 0, logStartOffset: 3 }] },
    ]);
    expect((await trim([{ partition: 0, offset: 1 }])).body.partitions[0].logStartOffset).toBe(3);
    expect((await trim([{ partition: 0, offset: 5 }])).status).toBe(416);
    expect((await trim([{ partition: 2, offset: 0 }])).status).toBe(404);
    for (const bad of ["x", [{ partition: 0 }], [{ partition: 0, offset: -1 }], [5], null]) {
      expect((await trim(bad)).status).toBe(400);
    }
    const path = `/v1/topics/${name}/partitions/0/records`;
    const below = await server.call("GET", `${path}?from=1`);
    expect(below.status).toBe(410);
    expect(below.body).toMatchObject({
      code: expect.any(String),
      logStartOffset: 3,
      logEndOffset: 4,
    });
    expect(
      (await server.call("GET", path)).body.records.map(({ value }: { value: number }) => value),
    ).toEqual([4]);
  });
});
