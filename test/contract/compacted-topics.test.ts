import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;
beforeAll(async () => {
  server = await liveServer();
});
afterAll(async () => {
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

const config = { "cleanup.policy": "compact", "delete.retention.ms": "5" };

describe("compacted topics", () => {
  test("the config is taken, shown, and changed as any other", async () => {
    const made = await server.call("PUT", "/v1/topics/table", { json: { config } });
    expect(made.status).toBe(201);
    const { body } = await server.call("GET", "/v1/topics/table");
    expect(body.config["cleanup.policy"]).toEqual({ value: "compact", source: "topic" });
    expect(body.config["delete.retention.ms"]).toEqual({ value: "5", source: "topic" });
    const both = { config: { "cleanup.policy": "compact,delete" } };
    const changed = await server.call("PATCH", "/v1/topics/table", { json: both });
    expect(changed.status).toBe(200);
    expect(changed.body.config["cleanup.policy"].value).toBe("compact,delete");
  });

  test("a record without a key is refused, alone or among others, and nothing is appended", async () => {
    await server.call("PUT", "/v1/topics/keyed", { json: { config } });
    const records = [{ key: "a", value: 1 }, { value: 2 }];
    const answer = await server.call("POST", "/v1/topics/keyed/records", { json: { records } });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "INVALID_RECORD", retriable: false });
    expect(answer.body.detail).toContain("needs a key");
    const alone = await server.call("POST", "/v1/topics/keyed/records", {
      json: { records: [{ value: 2 }] },
    });
    expect(alone.body.code).toBe("INVALID_RECORD");
    const good = await server.call("POST", "/v1/topics/keyed/records", {
      json: { records: [{ key: "a", value: 1 }] },
    });
    expect(good.body.results).toEqual([{ partition: 0, offset: 0 }]);
  });

  test("single records sent together: who gave no key is refused, the others are not", async () => {
    await server.call("PUT", "/v1/topics/packed", { json: { config } });
    const send = (query: string) =>
      server.call("POST", `/v1/topics/packed/records${query}`, { body: "x", type: "text/plain" });
    const answers = await Promise.all([send("?key=a"), send(""), send("?key=b"), send("")]);
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 200, 400]);
  });
});
