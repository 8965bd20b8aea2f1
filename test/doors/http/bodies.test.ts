import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture({ limits: { bodyBytesMax: 10_000 } });
});
afterAll(() => http.close());

test("nesting bombs in JSON and MessagePack: 400", async () => {
  const url = "/v1/topics/bomb";
  const json = await http.json("PUT", url, `{"config":${"[".repeat(4000)}${"]".repeat(4000)}}`);
  expect(json).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  const headers = { "content-type": "application/msgpack" };
  const payload = Buffer.alloc(9000, 0x91);
  expect((await http.call({ method: "PUT", url, headers, payload })).statusCode).toBe(400);
});

test("MessagePack with maps as keys of a map: 400", async () => {
  const headers = { "content-type": "application/msgpack" };
  const payload = Buffer.from("8180c0", "hex");
  const answer = await http.call({ method: "PUT", url: "/v1/topics/keys", headers, payload });
  expect(answer.statusCode).toBe(400);
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
