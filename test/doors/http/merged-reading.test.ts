import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

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

test("merged: everything in the order of time, the next vector behind it", async () => {
  const answer = await read();
  expect(values(answer)).toEqual([5, 10, 15, 20, 25]);
  expect(answer.body.next).toBe("0:2,1:2,2:1");
  expect(answer.body).not.toHaveProperty("nextOffset");
});

test("merged: page by page: every record once", async () => {
  const seen: number[] = [];
  let from = "earliest";
  for (let page = 0; page < 5; page++) {
    const answer = await read(`?maxRecords=2&from=${from}`);
    seen.push(...values(answer));
    from = answer.body.next;
  }
  expect(seen).toEqual([5, 10, 15, 20, 25]);
  expect(from).toBe("0:2,1:2,2:1");
});
