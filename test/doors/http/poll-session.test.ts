import { afterEach, beforeEach, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

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
const values = (body: { records: { value: unknown }[] }) => body.records.map(({ value }) => value);

test("poll: session lost, as by a restart: the member rejoins at its committed offsets", async () => {
  await produce(0, 1, 2);
  await poll({ member: "m", maxRecords: 1 });
  await poll({ member: "m", maxRecords: 1 });
  const second = await httpFixture({ services: http.services });
  const answer = await second.json("POST", pollUrl, { topics: ["t"], member: "m" });
  expect(values(answer.body)).toEqual([2]);
  await second.close();
});
