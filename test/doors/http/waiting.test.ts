import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

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

describe("records: waiting", () => {
  test("a record ends it; the time ends it empty", async () => {
    const topic = await topicOf([]);
    const waiting = http.json("GET", path(topic, "?waitMs=20000"));
    await until(() => http.door.waiting === 1);
    await http.json("POST", `${topic}/records`, { records: [{ value: 7 }] });
    expect((await waiting).body.records).toMatchObject([{ value: 7 }]);
    const empty = await http.json("GET", path(topic, "?from=1&waitMs=1"));
    expect(empty.body).toMatchObject({ records: [], nextOffset: 1 });
  });

  test("more than the limit: 429 with Retry-After; the topic's end wakes the others", async () => {
    const topic = await topicOf([]);
    const waiting = [1, 2, 3].map(() => http.json("GET", path(topic, "?waitMs=20000")));
    await until(() => http.door.waiting === 3);
    const refused = await http.json("GET", path(topic, "?waitMs=20000"));
    expect(refused).toMatchObject({ status: 429, body: { code: "THROTTLING_QUOTA_EXCEEDED" } });
    expect(refused.headers["retry-after"]).toBe("1");
    await http.json("DELETE", topic);
    for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(404);
    expect(http.door.waiting).toBe(0);
  });
});
