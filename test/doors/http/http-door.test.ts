import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture({ limits: { bodyBytesMax: 10_000 } });
  await http.door.listen();
});
afterAll(() => http.close());

function bare(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const port = Number(new URL(http.door.address() ?? "").port);
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
    socket.write(text);
  });
}

describe("door: what holds for every request", () => {
  test("unknown path 404, wrong method 405 with Allow: both problems", async () => {
    const unknown = await http.json("GET", "/v1/nothing?x");
    expect(unknown).toMatchObject({ status: 404, body: { code: "NOT_FOUND", status: 404 } });
    expect(unknown.headers["content-type"]).toMatch(/^application\/problem\+json/);
    const wrong = await http.json("DELETE", "/v1/topics/t/records");
    expect(wrong).toMatchObject({ status: 405, body: { code: "METHOD_NOT_ALLOWED" } });
    expect(wrong.headers["allow"]).toBe("POST, GET");
  });

  test("a problem: all members of RFC 9457 and ours", async () => {
    const { body, headers } = await http.json("GET", "/v1/topics/none");
    expect(body).toEqual({
      type: "urn:varve:error:UNKNOWN_TOPIC_OR_PARTITION",
      title: expect.any(String),
      status: 404,
      detail: expect.stringContaining("none"),
      instance: `urn:varve:request:${headers["x-request-id"]}`,
      code: "UNKNOWN_TOPIC_OR_PARTITION",
      retriable: true,
      topic: "none",
    });
  });

  test("x-request-id: a sane one is echoed, any other replaced; each of ours is new", async () => {
    const id = async (given?: string) => {
      const headers = given === undefined ? {} : { "x-request-id": given };
      return (await http.call({ method: "GET", url: "/livez", headers })).headers["x-request-id"];
    };
    expect(await id("abc 1")).toBe("abc 1");
    expect(await id("é")).not.toBe("é");
    expect(await id("x".repeat(201))).not.toBe("x".repeat(201));
    expect(await id("x".repeat(200))).toBe("x".repeat(200));
    expect(await id()).not.toBe(await id());
  });

  test("encodings that are not spoken: 415 and 406", async () => {
    const answer = async (method: "PUT" | "GET", headers: Record<string, string>) => {
      const url = "/v1/topics/enc";
      const payload = method === "PUT" ? { payload: "x=1" } : {};
      return (await http.call({ method, url, headers, ...payload })).statusCode;
    };
    expect(await answer("PUT", { "content-type": "application/x-www-form-urlencoded" })).toBe(415);
    expect(await answer("PUT", { "content-type": "nonsense" })).toBe(415);
    expect(
      await answer("PUT", { "content-type": "application/json", "content-encoding": "gzip" }),
    ).toBe(415);
    expect(await answer("GET", { accept: "text/html" })).toBe(406);
  });

  test("nesting bombs in JSON and MessagePack: 400", async () => {
    const url = "/v1/topics/bomb";
    const json = await http.json("PUT", url, `{"config":${"[".repeat(4000)}${"]".repeat(4000)}}`);
    expect(json).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
    const headers = { "content-type": "application/msgpack" };
    const payload = Buffer.alloc(9000, 0x91);
    expect((await http.call({ method: "PUT", url, headers, payload })).statusCode).toBe(400);
  });

  test("a body too large: 413, stated or not", async () => {
    const url = "/v1/topics/large/records";
    const stated = await http.json("POST", url, "x".repeat(10_001));
    expect(stated).toMatchObject({ status: 413, body: { bodyBytesMax: 10_000 } });
    const chunk = `2710\r\n${"x".repeat(10_000)}\r\n`;
    const head = `POST ${url} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`;
    expect(await bare(`${head}${chunk}${chunk}`)).toMatch(
      /^HTTP\/1\.1 413 .*\r\n\r\n.*MESSAGE_TOO_LARGE/s,
    );
  });

  test("no HTTP at all: a problem on the bare socket", async () => {
    expect(await bare("nonsense\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400 .*problem\+json.*"status":400/s,
    );
    const long = `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`;
    expect(await bare(long)).toMatch(/^HTTP\/1\.1 431 .*"status":431/s);
  });

  test("an error without a name: 500 without its text, logged with the request's id", async () => {
    const { lookup } = http.services.topics;
    http.services.topics.lookup = () => {
      throw new TypeError("secret");
    };
    const answer = await http.json("PUT", "/v1/topics/x", {});
    http.services.topics.lookup = lookup;
    expect(answer).toMatchObject({ status: 500, body: { code: "UNKNOWN_SERVER_ERROR" } });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
    expect(http.logged.at(-1)?.facts).toMatchObject({
      requestId: answer.headers["x-request-id"],
      err: expect.objectContaining({ message: "secret" }),
    });
  });
});

describe("door: operations", () => {
  test("livez and readyz; problems make it 503", async () => {
    expect((await http.json("GET", "/livez")).status).toBe(200);
    expect((await http.json("GET", "/readyz")).body).toEqual({ status: "ready", problems: [] });
    http.services.problems = ["the disk is full"];
    const answer = await http.json("GET", "/readyz");
    http.services.problems = [];
    expect(answer).toMatchObject({ status: 503, body: { problems: ["the disk is full"] } });
  });

  test("metrics: requests by route and status, latency, records, the process", async () => {
    await http.json("POST", "/v1/topics/met/records", { records: [{ value: 1 }, { value: 2 }] });
    const { body } = await http.call({ method: "GET", url: "/metrics" });
    const labels = 'method="POST",route="/v1/topics/:topic/records"';
    expect(body).toMatch(`varve_http_requests_total{${labels},status="200"} 1`);
    expect(body).toContain(`varve_http_request_duration_seconds_bucket{${labels},le="+Inf"}`);
    expect(body).toMatch(/varve_http_records_in_total [2-9]/);
    expect(body).toContain("varve_http_body_bytes 0");
    expect(body).toContain("process_resident_memory_bytes");
    expect(body).toContain("nodejs_eventloop_lag_p99_seconds");
  });

  test("openapi: 3.1, every route of the contract, queries and problems included", async () => {
    const { body } = await http.json("GET", "/openapi.json");
    expect(body.openapi).toMatch(/^3\.1/);
    expect(Object.keys(body.paths).sort()).toEqual([
      "/livez",
      "/metrics",
      "/readyz",
      "/v1/groups",
      "/v1/groups/{group}",
      "/v1/groups/{group}/commit",
      "/v1/groups/{group}/leave",
      "/v1/groups/{group}/offsets",
      "/v1/groups/{group}/poll",
      "/v1/topics",
      "/v1/topics/{topic}",
      "/v1/topics/{topic}/offsets",
      "/v1/topics/{topic}/partitions/{partition}/records",
      "/v1/topics/{topic}/records",
      "/v1/topics/{topic}/trim",
    ]);
    const produce = body.paths["/v1/topics/{topic}/records"].post;
    expect(Object.keys(produce.requestBody.content)).toContain("application/x-ndjson");
    expect(produce.parameters.map(({ name }: { name: string }) => name)).toContain("acks");
    expect(produce.responses.default.content).toHaveProperty("application/problem+json");
    expect(produce.responses["200"].content).toHaveProperty("application/msgpack");
  });

  test("docs: a page that asks no other host", async () => {
    const page = await http.call({ method: "GET", url: "/docs" });
    const answer =
      page.statusCode === 302 ? await http.call({ method: "GET", url: "/docs/" }) : page;
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toContain("swagger");
    expect(answer.body).not.toMatch(/(?:src|href)="https?:/);
  });
});

test("door: budget of bodies in memory: 503, and given back when the others are gone", async () => {
  const small = await httpFixture({ limits: { bodyBytesInFlightMax: 1000 } });
  let open = (): void => undefined;
  small.services.produceGate = new Promise((resolve) => {
    open = resolve;
  });
  const body = (size: number) => ({ records: [{ text: "x".repeat(size) }] });
  const held = small.json("POST", "/v1/topics/b/records", body(700));
  await until(() => small.services.produceCalls === 1);
  const refused = await small.json("POST", "/v1/topics/b/records", body(400));
  expect(refused).toMatchObject({
    status: 503,
    body: { code: "SERVER_OVERLOADED", retriable: true },
  });
  expect(refused.headers["retry-after"]).toBe("1");
  open();
  expect((await held).status).toBe(200);
  expect((await small.json("POST", "/v1/topics/b/records", body(400))).status).toBe(200);
  await small.close();
});

test("door: close: waiting reads are answered, running requests finish, then nothing listens", async () => {
  const door = await httpFixture();
  await door.door.listen();
  const url = door.door.address() ?? "";
  await door.json("PUT", "/v1/topics/c", {});
  const waiting = fetch(`${url}/v1/topics/c/partitions/0/records?waitMs=60000`);
  await until(() => door.door.waiting === 1);
  await door.close();
  expect((await waiting).status).toBe(200);
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
  expect(door.door.address()).toBeNull();
});
