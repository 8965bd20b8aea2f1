import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BareConnection, type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;
beforeAll(async () => {
  server = await liveServer();
  await server.call("PUT", "/v1/topics/t", { json: { partitions: 2 } });
});
afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.close();
});

const msgpackTypes = ["application/msgpack", "application/x-msgpack", "application/vnd.msgpack"];

describe("encodings", () => {
  const valueEndpoints: readonly [string, string, unknown][] = [
    ["GET", "/v1/topics", undefined],
    ["GET", "/v1/topics/t", undefined],
    ["PUT", "/v1/topics/t", { partitions: 2 }],
    ["PATCH", "/v1/topics/t", {}],
    ["GET", "/v1/topics/t/offsets", undefined],
    ["POST", "/v1/topics/t/trim", { before: [{ partition: 0, offset: 0 }] }],
    ["POST", "/v1/topics/t/records", { records: [{ text: "x" }] }],
    ["GET", "/v1/topics/t/records", undefined],
    ["GET", "/v1/topics/t/partitions/0/records", undefined],
    ["POST", "/v1/groups/g/commit", { offsets: [{ topic: "t", partition: 0, offset: 0 }] }],
    ["GET", "/v1/groups", undefined],
    ["GET", "/v1/groups/g", undefined],
    ["GET", "/v1/groups/g/offsets", undefined],
    ["PUT", "/v1/groups/g/offsets", { to: "earliest", dryRun: true }],
    ["POST", "/v1/groups/p/poll", { member: "m", topics: ["t"] }],
    ["GET", "/livez", undefined],
    ["GET", "/readyz", undefined],
  ];

  test.each(valueEndpoints)("%s %s: MessagePack both ways", async (method, path, value) => {
    const [type = ""] = msgpackTypes;
    const ask = value === undefined ? {} : { body: pack(value), type };
    const answer = await server.call(method, path, { ...ask, accept: type });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe(type);
    expect(answer.body).toEqual(expect.any(Object));
    const json = await server.call(method, path, value === undefined ? {} : { json: value });
    expect(json.headers.get("content-type")).toMatch(/^application\/json\b/);
    expect(Object.keys(json.body)).toEqual(Object.keys(answer.body));
  });

  test.each(msgpackTypes)("%s: each name of MessagePack is read and answered", async (type) => {
    const body = pack({ records: [{ text: "x" }] });
    const answer = await server.call("POST", "/v1/topics/t/records", { body, type, accept: type });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe(type);
  });

  test.each([
    ["PUT", "/v1/topics/t"],
    ["PATCH", "/v1/topics/t"],
    ["POST", "/v1/topics/t/trim"],
    ["POST", "/v1/groups/g/poll"],
    ["POST", "/v1/groups/g/commit"],
    ["POST", "/v1/groups/g/leave"],
    ["PUT", "/v1/groups/g/offsets"],
  ])("%s %s: another content type is 415", async (method, path) => {
    const answer = await server.call(method, path, { body: "a: 1", type: "application/yaml" });
    expect(answer.status).toBe(415);
    expect(answer.body).toMatchObject({ code: "UNSUPPORTED_MEDIA_TYPE", retriable: false });
  });

  test.each([
    ["GET", "/v1/topics"],
    ["GET", "/v1/topics/t/records"],
    ["GET", "/v1/topics/t/partitions/0/records"],
    ["GET", "/v1/groups"],
    ["POST", "/v1/topics/t/records"],
  ])("%s %s: an Accept that cannot be met is 406", async (method, path) => {
    const ask = method === "POST" ? { body: "x", type: "text/plain" } : {};
    const answer = await server.call(method, path, { ...ask, accept: "image/png" });
    expect(answer.status).toBe(406);
    expect(answer.body.code).toBe("NOT_ACCEPTABLE");
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  });

  test("Accept: weights, families and parameters are honoured", async () => {
    const typeFor = async (accept: string) =>
      (await server.call("GET", "/v1/topics", { accept })).headers.get("content-type");
    expect(await typeFor("application/json;q=0.1, application/msgpack")).toMatch(/msgpack/);
    expect(await typeFor("application/*")).toMatch(/json/);
    expect(await typeFor("text/html, */*;q=0.1")).toMatch(/json/);
    expect(await typeFor("application/json; charset=utf-8")).toMatch(/json/);
  });
});

describe("errors", () => {
  test("a problem document has every field that the contract names", async () => {
    const answer = await server.call("GET", "/v1/topics/missing");
    expect(answer.status).toBe(404);
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(answer.body).toEqual({
      type: expect.stringMatching(/./),
      title: expect.stringMatching(/./),
      status: 404,
      detail: expect.stringMatching(/missing/),
      instance: expect.stringMatching(/./),
      code: "UNKNOWN_TOPIC_OR_PARTITION",
      retriable: true,
      topic: "missing",
    });
  });

  test.each([
    ["GET", "/nothing", 404],
    ["GET", "/v1", 404],
    ["POST", "/v1/topics/t", 405],
    ["DELETE", "/v1/topics", 405],
    ["GET", "/v1/groups/g/poll", 405],
  ])("%s %s: is %i as a problem document", async (method, path, status) => {
    const answer = await server.call(method, path);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status, title: expect.any(String) });
    expect(answer.headers.has("allow")).toBe(status === 405);
  });

  test.each(["/v1/topics/%zz", "/v1/topics/%", "/v1/topics/t/records?from=%zz", "/v1/topics/%ff"])(
    "%s: a path that cannot be decoded is a problem document of status 400",
    async (path) => {
      const answer = await server.call("GET", path);
      expect(answer.status).toBe(400);
      expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
      expect(answer.headers.get("x-request-id")).toMatch(/./);
      expect(answer.body).toMatchObject({ status: 400, code: expect.any(String) });
    },
  );

  test("an unknown query parameter, and one given twice, are 400", async () => {
    const path = "/v1/topics/t/partitions/0/records";
    for (const query of ["form=0", "from=0&from=1", "maxRecords=1&maxRecords=1"]) {
      const answer = await server.call("GET", `${path}?${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
    }
  });
});

describe("request ids", () => {
  test("the caller's is given back, on success and on errors", async () => {
    for (const path of ["/livez", "/v1/topics/missing", "/nothing"]) {
      const headers = { "x-request-id": "order 66/b" };
      const answer = await server.call("GET", path, { headers });
      expect(answer.headers.get("x-request-id")).toBe("order 66/b");
    }
  });

  test("without one, each reply has its own", async () => {
    const answers = await Promise.all([1, 2, 3].map(() => server.call("GET", "/v1/topics")));
    const ids = answers.map(({ headers }) => headers.get("x-request-id"));
    expect(new Set(ids).size).toBe(3);
    expect(ids).not.toContain(null);
  });

  test("one that is not fit to be echoed is replaced", async () => {
    const long = "x".repeat(300);
    const answer = await server.call("GET", "/livez", { headers: { "x-request-id": long } });
    expect(answer.headers.get("x-request-id")).toMatch(/^.{1,200}$/);
  });

  test.each([
    ["garbage", "garbage\r\n\r\n"],
    ["no host", "GET /livez HTTP/1.1\r\n\r\n"],
    ["an unknown expectation", "GET /livez HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n"],
    ["huge headers", `GET /livez HTTP/1.1\r\nhost: x\r\na: ${"x".repeat(40_000)}\r\n\r\n`],
  ])("%s: what never became a request has an id and a problem document", async (_name, text) => {
    const bare = await BareConnection.open(server.port);
    bare.send(text);
    const heard = await bare.until(/\r\n\r\n\{.*\}/s);
    expect(heard).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(heard).toMatch(/x-request-id: \S+/i);
    expect(heard).toMatch(/content-type: application\/problem\+json/i);
    bare.drop();
  });
});

describe("names", () => {
  const encoded = (name: string) => `/v1/topics/${encodeURIComponent(name)}`;

  test.each(["a", "A.b_c-9", "x".repeat(249), "...", "a..b"])("topic %s: may be", async (name) => {
    const answer = await server.call("PUT", encoded(name));
    expect(answer.status).toBe(201);
    expect(answer.body.name).toBe(name);
    expect((await server.call("DELETE", encoded(name))).status).toBe(204);
  });

  test.each(["x".repeat(250), "a b", "a/b", "ä", "日本", "a\0", "a\n", "../x", "a%b", "a:b"])(
    "topic %j: is 400 for every call that names it",
    async (name) => {
      for (const [method, json] of [
        ["PUT", {}],
        ["POST", { records: [{ text: "x" }] }],
      ] as const) {
        const path = encoded(name) + (method === "POST" ? "/records" : "");
        const answer = await server.call(method, path, { json });
        expect([method, answer.status]).toEqual([method, 400]);
        expect(answer.body.code).toBe("INVALID_TOPIC_EXCEPTION");
      }
      expect((await server.call("GET", encoded(name))).status).toBeOneOf([400, 404]);
    },
  );

  test.each([".", ".."])("topic %s, sent as it is on the wire: reaches no topic", async (name) => {
    const bare = await BareConnection.open(server.port);
    bare.send(`PUT /v1/topics/${name} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
    expect(await bare.until(/\r\n\r\n.*\}/s)).toMatch(/^HTTP\/1\.1 400 .*INVALID_TOPIC/s);
    bare.drop();
  });

  test.each(["g", "a b", "ä/ö", "日本", "x".repeat(255), "..", "a?b#c"])(
    "group %j: may be, and is listed under its name",
    async (group) => {
      const path = `/v1/groups/${encodeURIComponent(group).replaceAll(".", "%2e")}`;
      const offsets = [{ topic: "t", partition: 0, offset: 0 }];
      const isBare = group === "..";
      // Clients take dots out of a path, even encoded; only a bare connection can send them.
      if (isBare) return;
      expect((await server.call("POST", `${path}/commit`, { json: { offsets } })).status).toBe(200);
      expect((await server.call("GET", path)).body.group).toBe(group);
      expect((await server.call("DELETE", path)).status).toBe(204);
    },
  );

  test.each(["x".repeat(256), "a\nb", "a\0", "\u0085"])("group %j: is 400", async (group) => {
    const path = `/v1/groups/${encodeURIComponent(group)}`;
    const poll = await server.call("POST", `${path}/poll`, { json: { topics: ["t"] } });
    expect(poll.status).toBe(400);
    const offsets = [{ topic: "t", partition: 0, offset: 0 }];
    expect((await server.call("POST", `${path}/commit`, { json: { offsets } })).status).toBe(400);
    const member = await server.call("POST", "/v1/groups/g/poll", {
      json: { topics: ["t"], member: group },
    });
    expect(member.status).toBe(400);
  });
});

describe("methods", () => {
  test("HEAD: is GET without a body", async () => {
    for (const path of [
      "/v1/topics",
      "/v1/topics/t",
      "/livez",
      "/v1/topics/t/partitions/0/records",
    ]) {
      const answer = await server.call("HEAD", path);
      expect([path, answer.status, answer.text]).toEqual([path, 200, ""]);
    }
    expect((await server.call("HEAD", "/v1/topics/missing")).status).toBe(404);
  });

  test("OPTIONS: says which methods a path has", async () => {
    const answer = await server.call("OPTIONS", "/v1/topics/t");
    expect(answer.status).toBe(204);
    const allowed = (answer.headers.get("allow") ?? "").split(", ").toSorted();
    expect(allowed).toEqual(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"]);
    expect((await server.call("OPTIONS", "/nothing")).status).toBe(404);
  });
});
