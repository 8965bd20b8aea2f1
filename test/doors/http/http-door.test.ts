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
    expect(wrong.headers["allow"]).toBe("POST, GET, HEAD, OPTIONS");
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

test("door: a request that comes while it closes: SERVER_STOPPING, and the connection ends", async () => {
  const door = await httpFixture();
  let open = (): void => undefined;
  door.services.produceGate = new Promise((resolve) => {
    open = resolve;
  });
  await door.door.listen();
  const url = door.door.address() ?? "";
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ records: [{ value: 1 }] });
  const running = fetch(`${url}/v1/topics/t/records`, { method: "POST", headers, body });
  await until(() => door.services.produceCalls === 1);
  const closing = door.close();
  const late = await door.json("GET", "/livez").catch(() => null);
  if (late !== null) expect(late).toMatchObject({ status: 503, body: { code: "SERVER_STOPPING" } });
  open();
  expect((await running).status).toBe(200);
  await closing;
});
