import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

describe("records: bounds", () => {
  test.each(["x", "-1", "1.5", "99999999999"])("partition %s: 400", async (partition) => {
    const topic = await topicOf([]);
    const answer = await http.json("GET", `${topic}/partitions/${partition}/records`);
    expect(answer.status).toBe(400);
  });

  test("unknown topic and partition: 404", async () => {
    const topic = await topicOf([]);
    for (const url of [`${topic}/partitions/7/records`, path("/v1/topics/none")]) {
      const answer = await http.json("GET", url);
      expect(answer).toMatchObject({ status: 404, body: { code: "UNKNOWN_TOPIC_OR_PARTITION" } });
    }
  });
});
