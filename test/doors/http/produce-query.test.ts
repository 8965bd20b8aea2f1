import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture();
  await http.json("PUT", "/v1/topics/q", { partitions: 3 });
});
afterAll(() => http.close());

async function post(query: string, headers: Record<string, string> = {}, record: object = {}) {
  const payload = JSON.stringify({ records: [{ value: 1, ...record }] });
  const answer = await http.call({
    method: "POST",
    url: `/v1/topics/q/records${query}`,
    payload,
    headers: { "content-type": "application/json", ...headers },
  });
  const body = answer.body === "" ? null : JSON.parse(answer.body);
  return { status: answer.statusCode, body, headers: answer.headers };
}

test.each(["?acks=2", "?acks=", "?acks=ALL", "?acks=-2"])(
  "%s: INVALID_REQUIRED_ACKS",
  async (query) => {
    expect(await post(query)).toMatchObject({
      status: 400,
      body: { code: "INVALID_REQUIRED_ACKS" },
    });
  },
);

test.each([
  "?partition=-1",
  "?partition=x",
  "?key=a",
  "?timestampMs=1",
  "?Acks=1",
  "?acks=1&acks=1",
])("%s on JSON: 400", async (query) => {
  expect(await post(query)).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
});

test("a partition that is not there: 404, in the query or in a record", async () => {
  expect((await post("?partition=3")).status).toBe(404);
  const { status, body } = await post("", {}, { partition: 3 });
  expect([status, body.code, body.index]).toEqual([404, "UNKNOWN_TOPIC_OR_PARTITION", 0]);
});

test("acks=0: 202 without a body, and the record is appended all the same", async () => {
  const calls = http.services.produceCalls;
  expect(await post("?acks=0&partition=0")).toMatchObject({ status: 202, body: null });
  await until(() => http.services.produceCalls > calls);
  expect((await post("?acks=0", {}, { text: 5 })).status).toBe(400);
});

test.each([
  "return=minimal",
  "respond-async, return=minimal",
  'return="minimal"; x=1',
  "Return=Minimal",
])("prefer %s: the minimal form, and Preference-Applied", async (prefer) => {
  const answer = await post("?partition=1", { prefer });
  expect(answer.body.partitions).toMatchObject([{ partition: 1, count: 1 }]);
  expect(answer.headers["preference-applied"]).toBe("return=minimal");
});

test.each(["return=representation", "return=minimally", "xreturn=minimal"])(
  "prefer %s: the full form",
  async (prefer) => {
    expect((await post("", { prefer })).body).toHaveProperty("results");
  },
);

test("if-offset-match: appends at exactly that end, else 412 with the end", async () => {
  await http.json("DELETE", "/v1/topics/q");
  await http.json("PUT", "/v1/topics/q", { partitions: 3 });
  const condition = async (offset: string, query = "?partition=2", record = {}) =>
    post(query, { "if-offset-match": offset }, record);
  expect((await condition("0")).status).toBe(200);
  expect(await condition("0")).toMatchObject({
    status: 412,
    body: { code: "OFFSET_MISMATCH", logEndOffset: 1, partition: 2 },
  });
  expect((await condition("1", "", { partition: 2 })).status).toBe(200);
  expect((await condition("2", "")).status).toBe(400);
  expect((await condition("2", "?partition=2&acks=0")).status).toBe(400);
  for (const bad of ["-1", "1.5", "x", "", "99999999999999999999"]) {
    expect((await condition(bad)).status).toBe(400);
  }
});

test("no partition and no key: requests are spread evenly, a request stays together", async () => {
  await http.json("PUT", "/v1/topics/spread", { partitions: 3 });
  const counts = [0, 0, 0];
  for (let index = 0; index < 9; index++) {
    const records = [{ value: 1 }, { value: 2 }];
    const { body } = await http.json("POST", "/v1/topics/spread/records", { records });
    const [first, second] = body.results;
    expect(first.partition).toBe(second.partition);
    counts[first.partition] = (counts[first.partition] ?? 0) + 1;
  }
  expect(counts).toEqual([3, 3, 3]);
});

test("a key: the partition a Kafka client picks", async () => {
  await http.json("PUT", "/v1/topics/keyed", { partitions: 100 });
  const records = [{ key: "21" }, { key: "foobar" }, { keyB64: "MjE=" }];
  const { body } = await http.json("POST", "/v1/topics/keyed/records", { records });
  const places = [-973932308, -790332482, -973932308].map((hash) => (hash & 0x7fffffff) % 100);
  expect(body.results.map(({ partition }: { partition: number }) => partition)).toEqual(places);
});

test("no records, and a reply nobody speaks: refused before anything is appended", async () => {
  const calls = http.services.produceCalls;
  expect((await http.json("POST", "/v1/topics/q/records", { records: [] })).status).toBe(400);
  expect((await post("", { accept: "text/html" })).status).toBe(406);
  expect(http.services.produceCalls).toBe(calls);
});

test("a topic that is not there: made by the first produce, or 404 where that is off", async () => {
  const off = await httpFixture({ autoCreateTopics: false });
  const body = { records: [{ value: 1 }] };
  expect((await off.json("POST", "/v1/topics/new/records", body)).body.code).toBe(
    "UNKNOWN_TOPIC_OR_PARTITION",
  );
  await off.close();
  expect((await http.json("POST", "/v1/topics/new/records", body)).status).toBe(200);
  expect((await http.json("POST", "/v1/topics/a%2Fb/records", body)).body.code).toBe(
    "INVALID_TOPIC_EXCEPTION",
  );
});

const sequenced = (id: string, epoch: string, sequence: string): Record<string, string> => ({
  "varve-producer-id": id,
  "varve-producer-epoch": epoch,
  "varve-sequence": sequence,
});

test.each([
  [{ "varve-producer-id": "1" }, /varve-producer-epoch is missing/],
  [{ "varve-producer-id": "1", "varve-producer-epoch": "0" }, /varve-sequence is missing/],
  [sequenced("-1", "0", "0"), /varve-producer-id must be an integer/],
  [sequenced("1", "32768", "0"), /varve-producer-epoch must be an integer/],
  [sequenced("1", "0", "2147483648"), /varve-sequence must be an integer/],
  [sequenced("1", "0", "x"), /varve-sequence must be an integer/],
])("%o: 400, and what is wrong", async (headers, detail) => {
  const { status, body } = await post("?partition=0", headers);
  expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
  expect(body.detail).toMatch(detail);
});

test("a sequence needs an answer and one condition at a time", async () => {
  const headers = sequenced("1", "0", "0");
  expect((await post("?partition=0&acks=0", headers)).body.detail).toMatch(/not acks=0/);
  const both = await post("?partition=0", { ...headers, "if-offset-match": "0" });
  expect(both.body.detail).toMatch(/give one/);
});
