import { afterAll, beforeAll, expect, test } from "vitest";
import { recordsOf } from "../../support/batches.ts";
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

test("records: stored batches: byte for byte, released when sent", async () => {
  const topic = await topicOf([{ key: "k", value: 1 }, { value: 2 }]);
  const answer = await http.call({
    method: "GET",
    url: path(topic, "?from=1"),
    headers: { accept: "application/vnd.varve.batches" },
  });
  expect(answer.headers["varve-next-offset"]).toBe("2");
  expect(recordsOf(answer.rawPayload).map(({ offset }) => offset)).toEqual([0, 1]);
  await until(() => http.services.leases === 0);
});
