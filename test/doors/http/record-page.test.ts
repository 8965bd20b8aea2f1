import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture({ limits: { longPollsMax: 3 } });
});
afterAll(() => http.close());

let count = 0;
async function topicOf(records: readonly object[], partitions = 1): Promise<string> {
  const url = `/v1/topics/t${++count}`;
  await http.json("PUT", url, { partitions });
  if (records.length > 0) await http.json("POST", `${url}/records`, { records });
  return url;
}
const path = (topic: string, query = ""): string => `${topic}/partitions/0/records${query}`;
const raw = (topic: string, payload: Uint8Array) =>
  http.call({ method: "POST", url: `${topic}/records`, payload: Buffer.from(payload) });

test("records: NDJSON: a record a line, also where the stored JSON has line ends", async () => {
  const topic = await topicOf([]);
  await raw(topic, Buffer.from('{"a":\n1,\r\n"b":"x\\ny"}'));
  await raw(topic, Buffer.from("two"));
  const answer = await http.call({
    method: "GET",
    url: path(topic),
    headers: { accept: "application/x-ndjson" },
  });
  const lines = answer.body.split("\n");
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ value: { a: 1, b: "x\ny" } });
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({ text: "two" });
  expect(answer.headers["varve-next-offset"]).toBe("2");
});
