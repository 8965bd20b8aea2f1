import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
beforeEach(async () => {
  http = await httpFixture({ defaultPartitions: 2 });
  await http.json("PUT", "/v1/topics/t", { partitions: 2 });
});
afterEach(() => http.close());

const pollUrl = "/v1/groups/g/poll";
const poll = (body: object) => http.json("POST", pollUrl, { topics: ["t"], ...body });
const produce = (partition: number, ...values: unknown[]) =>
  http.json("POST", "/v1/topics/t/records", {
    records: values.map((value) => ({ partition, value })),
  });
const committed = async () => {
  const { body } = await http.json("GET", "/v1/groups/g/offsets");
  return body.offsets.map((offset: { committedOffset: number | null }) => offset.committedOffset);
};
const values = (body: { records: { value: unknown }[] }) => body.records.map(({ value }) => value);

test("a newer poll of the member: the waiting one answers empty, the newer one goes on", async () => {
  const first = poll({ member: "m", waitMs: 20_000 });
  await until(() => http.door.waiting === 1);
  const second = poll({ member: "m", waitMs: 20_000 });
  expect((await first).body.records).toEqual([]);
  await produce(0, 1);
  expect(values((await second).body)).toEqual([1]);
});

test("a client that goes away before its reply: the next poll returns the same records", async () => {
  await http.door.listen();
  const body = JSON.stringify({ topics: ["t"], member: "m", waitMs: 20_000 });
  const gone = httpRequest(`${http.door.address()}${pollUrl}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  gone.on("error", () => undefined);
  gone.end(body);
  await until(() => http.door.waiting === 1);
  gone.destroy();
  await until(() => http.door.waiting === 0);
  await produce(0, 1);
  expect(values((await poll({ member: "m" })).body)).toEqual([1]);
  expect(await committed()).toEqual([null, null]);
});
