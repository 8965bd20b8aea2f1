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
const values = (body: { records: { value: unknown }[] }) => body.records.map(({ value }) => value);

test("maxRecords: a full partition does not starve the other", async () => {
  await produce(0, ...Array.from({ length: 50 }, () => 0));
  await produce(1, 1);
  const seen: unknown[] = [];
  for (let round = 0; round < 3; round++) {
    seen.push(...values((await poll({ member: "m", maxRecords: 5 })).body));
  }
  expect(seen).toContain(1);
});

test("waiting: a record ends the wait", async () => {
  const waiting = poll({ member: "m", waitMs: 20_000 });
  await until(async () => (await http.json("GET", "/v1/groups/g")).body.members?.length === 1);
  await produce(1, "late");
  expect(values((await waiting).body)).toEqual(["late"]);
});

test("waiting: a change of assignment ends the wait", async () => {
  await poll({ member: "a" });
  const waiting = poll({ member: "a", waitMs: 20_000 });
  await until(() => http.door.waiting === 1);
  await poll({ member: "b" });
  expect((await waiting).body.assignment).toEqual([{ topic: "t", partitions: [0] }]);
});

test("log start moved past the position: reading goes on at what is left", async () => {
  await produce(0, 1, 2, 3);
  await poll({ member: "m", maxRecords: 1 });
  await http.json("POST", "/v1/topics/t/trim", { before: [{ partition: 0, offset: 2 }] });
  expect(values((await poll({ member: "m" })).body)).toEqual([3]);
});
