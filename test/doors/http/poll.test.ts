import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

describe("poll", () => {
  test("first call: joins, is named, owns everything and reads from the start", async () => {
    await produce(0, 1, 2);
    await produce(1, 3);
    const { status, body } = await poll({});
    expect(status).toBe(200);
    expect(body.member).toMatch(/./);
    expect(body.assignment).toEqual([{ topic: "t", partitions: [0, 1] }]);
    expect(values(body).toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 2, 3]);
    expect(body.positions).toEqual([
      { topic: "t", partition: 0, offset: 2 },
      { topic: "t", partition: 1, offset: 1 },
    ]);
    expect(body.records[0]).toMatchObject({ topic: "t" });
  });

  test("autoCommit: the next poll commits what the previous one returned, and no more", async () => {
    await produce(0, 1, 2);
    const first = await poll({ member: "m", maxRecords: 1 });
    expect(values(first.body)).toEqual([1]);
    expect(await committed()).toEqual([null, null]);
    const second = await poll({ member: "m", maxRecords: 1 });
    expect(values(second.body)).toEqual([2]);
    expect(await committed()).toEqual([1, null]);
  });

  test("without autoCommit: records go on, nothing is committed", async () => {
    await produce(0, 1, 2);
    await poll({ member: "m", maxRecords: 1, autoCommit: false });
    const second = await poll({ member: "m", autoCommit: false });
    expect(values(second.body)).toEqual([2]);
    await poll({ member: "m" });
    expect(await committed()).toEqual([2, null]);
  });

  test("two members: every partition has one owner; the new one starts at the committed offset", async () => {
    await produce(0, 1);
    await produce(1, 2);
    await poll({ member: "a" });
    expect((await poll({ member: "b" })).body.assignment).toEqual([]);
    // The poll of `a` commits, gives partition 1 up, and only then can `b` have it.
    expect((await poll({ member: "a" })).body.assignment).toEqual([
      { topic: "t", partitions: [0] },
    ]);
    await produce(1, 3);
    const b = await poll({ member: "b" });
    expect(b.body.assignment).toEqual([{ topic: "t", partitions: [1] }]);
    expect(values(b.body)).toEqual([3]);
  });

  test("leave: gives the partitions up; an unknown member is 404", async () => {
    await poll({ member: "a" });
    const leave = { member: "a" };
    expect((await http.json("POST", "/v1/groups/g/leave", leave)).status).toBe(204);
    expect((await http.json("POST", "/v1/groups/g/leave", leave)).body.code).toBe(
      "UNKNOWN_MEMBER_ID",
    );
    expect((await http.json("GET", "/v1/groups/g")).body).toMatchObject({
      state: "EMPTY",
      members: [],
    });
  });

  test("from latest: a group without commits sees only what comes", async () => {
    await produce(0, 1);
    expect(values((await poll({ member: "m", from: "latest" })).body)).toEqual([]);
    await produce(0, 2);
    expect(values((await poll({ member: "m", from: "latest" })).body)).toEqual([2]);
  });

  test("closing the door: a waiting poll is answered at once", async () => {
    const waiting = poll({ member: "m", waitMs: 60_000 });
    await until(() => http.door.waiting === 1);
    await http.door.close(1000);
    expect((await waiting).status).toBe(200);
  });

  test.each([
    [{ topics: [] }],
    [{ topics: "t" }],
    [{ topics: ["t"], waitMs: -1 }],
    [{ topics: ["t"], from: "5" }],
    [{ topics: ["t"], memberr: "x" }],
    [{}],
  ])("a bad body %j: 400", async (body) => {
    const answer = await http.json("POST", pollUrl, body);
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  });
});
