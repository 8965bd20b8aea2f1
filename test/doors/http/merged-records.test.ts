import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture();
  await http.json("PUT", "/v1/topics/m", { partitions: 3 });
  const records = [
    [0, 10],
    [1, 5],
    [0, 20],
    [2, 15],
    [1, 25],
  ].map(([partition, timestampMs]) => ({ partition, timestampMs, value: timestampMs }));
  await http.json("POST", "/v1/topics/m/records", { records });
});
afterAll(() => http.close());

const read = (query = "", topic = "m") => http.json("GET", `/v1/topics/${topic}/records${query}`);
const values = (answer: { body: { records: { value: number }[] } }): number[] =>
  answer.body.records.map(({ value }) => value);

test("merged: a partition missing in the vector starts at its earliest record", async () => {
  expect(values(await read("?from=0:1,2:1"))).toEqual([5, 20, 25]);
});

test("merged: positions by name and time", async () => {
  expect(values(await read("?from=latest"))).toEqual([]);
  expect(values(await read("?from=@16"))).toEqual([20, 25]);
  expect(values(await read("?from=-1"))).toEqual([15, 20, 25]);
});

test.each([
  ["?from=5", 400],
  ["?from=0:1,0:2", 400],
  ["?from=9:0", 404],
  ["?from=0:3", 416],
])("merged: %s: %i", async (query, status) => {
  expect((await read(query)).status).toBe(status);
});

test("merged: unknown topic 404, stored batches 406", async () => {
  expect((await read("", "none")).status).toBe(404);
  const headers = { accept: "application/vnd.varve.batches" };
  const answer = await http.call({ method: "GET", url: "/v1/topics/m/records", headers });
  expect(answer.statusCode).toBe(406);
});

test("merged: a hundred partitions waiting: one record in any of them ends the wait", async () => {
  await http.json("PUT", "/v1/topics/wide", { partitions: 100 });
  const waiting = read("?waitMs=20000", "wide");
  await until(() => http.door.waiting === 1);
  const records = [{ partition: 77, value: 1 }];
  await http.json("POST", "/v1/topics/wide/records", { records });
  const answer = await waiting;
  expect(answer.body.records).toMatchObject([{ partition: 77, value: 1 }]);
  expect(answer.body.next).toContain("77:1");
});
