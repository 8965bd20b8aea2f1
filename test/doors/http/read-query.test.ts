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

test.each([
  "?from=-0",
  "?maxRecords=0",
  "?maxRecords=1.5",
  "?maxBytes=-1",
  "?waitMs=60001",
  "?limit=1",
  "?from=1&from=2",
  "?follow=true",
  "?follow=maybe",
])("%s: 400", async (query) => {
  const topic = await topicOf([{ value: 1 }]);
  expect(await http.json("GET", path(topic, query))).toMatchObject({
    status: 400,
    body: { code: "INVALID_REQUEST" },
  });
});
