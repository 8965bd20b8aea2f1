import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture();
});
afterAll(() => http.close());

const records = "/v1/topics/t/records";
const partition0 = "/v1/topics/t/partitions/0/records";

test("raw: the body is the value; key, time and headers come from around it", async () => {
  const answer = await http.call({
    method: "POST",
    url: `${records}?key=k%C3%A9&timestampMs=5`,
    payload: Buffer.from([1, 2, 255]),
    headers: { "content-type": "image/png; q=1", "varve-header-Trace": "abc" },
  });
  expect(answer.statusCode).toBe(200);
  const read = await http.json("GET", partition0);
  expect(read.body.records).toEqual([
    {
      partition: 0,
      offset: 0,
      timestampMs: 5,
      key: "ké",
      b64: "AQL/",
      headers: { "content-type": "image/png; q=1", trace: "abc" },
    },
  ]);
});
