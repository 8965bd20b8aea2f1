import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
beforeEach(async () => {
  http = await httpFixture({ limits: { bodyBytesMax: 4096 } });
});
afterEach(() => http.close());

const url = "/v1/topics/n/records";
const headers = { "content-type": "application/x-ndjson; charset=utf-8" };
const post = async (payload: string | Buffer, extra: Record<string, string> = {}) => {
  const answer = await http.call({
    method: "POST",
    url,
    payload,
    headers: { ...headers, ...extra },
  });
  return { status: answer.statusCode, body: JSON.parse(answer.body) };
};
const end = async (): Promise<number> => {
  const { status, body } = await http.json("GET", "/v1/topics/n");
  return status === 404 ? 0 : body.partitions[0].logEndOffset;
};

test("ndjson: blank lines, CRLF and a missing last line end are all right", async () => {
  const answer = await post('{"value":1}\r\n\n  \n{"text":"é"}\n{"value":3}');
  expect(answer.status).toBe(200);
  expect(answer.body.results.map(({ offset }: { offset: number }) => offset)).toEqual([0, 1, 2]);
});

test("ndjson: a bad line: its index is named, nothing is appended", async () => {
  const answer = await post('{"value":1}\n\n{"value":2}\n{"valu":3}\n');
  expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_RECORD", index: 2 } });
  expect(await end()).toBe(0);
  expect(await post("\n \n")).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  const notText = await post(Buffer.from('{"text":"\xff"}', "latin1"));
  expect(notText).toMatchObject({ status: 400, body: { index: 0 } });
});

test("ndjson: split anywhere: the same records", async () => {
  await http.door.listen();
  const payload = Buffer.from('{"text":"añb"}\r\n{"value":[1,2]}\n');
  await new Promise<void>((resolve, reject) => {
    const request = httpRequest(`${http.door.address()}${url}`, { method: "POST", headers });
    request.on("error", reject);
    request.on("response", (response) => {
      expect(response.statusCode).toBe(200);
      response.resume().on("end", resolve);
    });
    const send = (at: number): void => {
      if (at === payload.length) request.end();
      else request.write(payload.subarray(at, at + 1), () => setImmediate(send, at + 1));
    };
    send(0);
  });
  const { body } = await http.json("GET", "/v1/topics/n/partitions/0/records");
  expect(body.records).toMatchObject([{ text: "añb" }, { value: [1, 2] }]);
});

test("ndjson: beyond the body limit: committed as it flows, answered in minimal form", async () => {
  const line = `${JSON.stringify({ value: "x".repeat(100) })}\n`;
  const answer = await post(line.repeat(200));
  expect(answer).toMatchObject({
    status: 200,
    body: { partitions: [{ partition: 0, baseOffset: 0, count: 200 }], durability: "fsync" },
  });
  expect(http.services.produceCalls).toBeGreaterThan(3);
  const bad = await post(`${line.repeat(200)}{"bad":1}\n`);
  expect(bad).toMatchObject({ status: 400, body: { code: "INVALID_RECORD", index: 200 } });
  expect(bad.body.appendedRecords).toBe((await end()) - 200);
  expect(bad.body.appendedRecords).toBeGreaterThan(100);
});

test("ndjson: a line without end is refused before it fills the memory", async () => {
  const answer = await post(`{"text":"${"x".repeat(20_000)}`);
  expect(answer).toMatchObject({ status: 413, body: { code: "MESSAGE_TOO_LARGE" } });
});

test("ndjson: conditional: all or nothing, so it must fit into a body", async () => {
  const line = '{"value":1}\n';
  const condition = { "if-offset-match": "0" };
  expect((await post(line.repeat(400), condition)).status).toBe(413);
  expect(await end()).toBe(0);
  expect((await post(line.repeat(3), condition)).status).toBe(200);
  expect(await post(line, condition)).toMatchObject({ status: 412, body: { logEndOffset: 3 } });
});

test("ndjson: the client goes away in the middle: nothing of a short stream is appended", async () => {
  await http.json("PUT", "/v1/topics/n", {});
  await http.door.listen();
  const request = httpRequest(`${http.door.address()}${url}`, { method: "POST", headers });
  request.on("error", () => undefined);
  request.write('{"value":1}\n{"value":2}\n');
  await until(() => http.door.app.server.listening);
  await new Promise((resolve) => setImmediate(resolve));
  request.destroy();
  await until(async () => (await connections()) === 0);
  expect(await end()).toBe(0);
});

function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    http.door.app.server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}
