import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { BareConnection } from "../../support/live-server.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture({ limits: { headerBytesMax: 8192 } });
  await http.door.listen();
});
afterAll(() => http.close());

async function answerTo(text: string): Promise<string> {
  const bare = await BareConnection.open(Number(new URL(http.door.address() ?? "").port));
  bare.send(text);
  const heard = await bare.until(/\r\n\r\n[^]*\}/);
  bare.drop();
  return heard;
}

test.each([
  ["no HTTP", "nonsense\r\n\r\n", 400],
  ["a request without a host", "GET /livez HTTP/1.1\r\n\r\n", 400],
  ["headers too large", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(9000)}\r\n\r\n`, 431],
  ["an expectation", "GET /livez HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n", 417],
  ["an undecodable path", "GET /v1/topics/%zz HTTP/1.1\r\nhost: x\r\n\r\n", 400],
])("refusals: %s: a problem document with a request id", async (_name, text, status) => {
  const heard = await answerTo(text);
  expect(heard).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(heard).toMatch(/^content-type: application\/problem\+json/im);
  const id = /^x-request-id: (\S+)/im.exec(heard)?.[1];
  expect(heard).toContain(`"instance":"urn:varve:request:${id}"`);
  expect(heard).toContain(`"status":${status}`);
});

test("refusals: HTTP/1.0 needs no host", async () => {
  expect(await answerTo("GET /livez HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
});

test("refusals: a method the path does not have: what it has; OPTIONS asks for that alone", async () => {
  const wrong = await http.json("DELETE", "/v1/topics");
  expect(wrong).toMatchObject({ status: 405, body: { code: "METHOD_NOT_ALLOWED" } });
  expect(wrong.headers["allow"]).toBe("GET, HEAD, OPTIONS");
  const options = await http.call({ method: "OPTIONS", url: "/v1/topics" });
  expect([options.statusCode, options.headers["allow"]]).toEqual([204, "GET, HEAD, OPTIONS"]);
});
