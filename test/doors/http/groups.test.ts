import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeEach(async () => {
  http = await httpFixture();
  await http.json("PUT", "/v1/topics/t", { partitions: 2 });
  const records = [10, 20, 30].map((timestampMs) => ({ partition: 0, timestampMs, value: 1 }));
  await http.json("POST", "/v1/topics/t/records", { records });
});
afterEach(() => http.close());

const commit = (body: object) => http.json("POST", "/v1/groups/g/commit", body);
const join = () => http.json("POST", "/v1/groups/g/poll", { topics: ["t"], member: "m" });
const zero = { topic: "t", partition: 0, offset: 1 };

describe("groups: commit", () => {
  test("without a member while the group is empty: the next offset to read, with lag", async () => {
    const answer = await commit({ offsets: [{ ...zero, metadata: "note" }] });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body).toEqual({
      offsets: [
        { topic: "t", partition: 0, committedOffset: 1, logEndOffset: 3, lag: 2, metadata: "note" },
      ],
    });
  });

  test("with a member: its epoch counts; a stale or unknown one is 409", async () => {
    const { body } = await join();
    expect((await commit({ offsets: [zero] })).body.code).toBe("NON_EMPTY_GROUP");
    const good = { member: "m", epoch: body.epoch, offsets: [zero] };
    expect((await commit(good)).status).toBe(200);
    expect((await commit({ ...good, epoch: undefined })).status).toBe(200);
    expect(await commit({ ...good, epoch: body.epoch + 1 })).toMatchObject({
      status: 409,
      body: { code: "STALE_MEMBER_EPOCH" },
    });
    expect((await commit({ ...good, member: "other" })).status).toBe(409);
  });

  test.each([
    [{}, 400],
    [{ offsets: [{ ...zero, offset: -1 }] }, 400],
    [{ offsets: [{ ...zero, offset: 1.5 }] }, 400],
    [{ offsets: [zero], epoch: 3 }, 400],
    [{ offsets: [{ ...zero, partition: 9 }] }, 404],
    [{ member: "", offsets: [zero] }, 400],
  ])("%j: %i", async (body, status) => {
    expect((await commit(body)).status).toBe(status);
  });
});

describe("groups: shown", () => {
  test("list, describe and offsets; null where nothing was committed", async () => {
    await commit({ offsets: [zero] });
    expect((await http.json("GET", "/v1/groups")).body).toEqual({
      groups: [{ group: "g", state: "EMPTY", members: 0, topics: ["t"] }],
    });
    const offsets = [
      { topic: "t", partition: 0, committedOffset: 1, logEndOffset: 3, lag: 2, metadata: "" },
      { topic: "t", partition: 1, committedOffset: null, logEndOffset: 0, lag: 0, metadata: "" },
    ];
    expect((await http.json("GET", "/v1/groups/g/offsets")).body).toEqual({ offsets });
    await join();
    const { body } = await http.json("GET", "/v1/groups/g");
    expect(body).toMatchObject({ group: "g", state: "STABLE", offsets });
    expect(body.members).toMatchObject([
      { member: "m", assignment: [{ topic: "t", partitions: [0, 1] }] },
    ]);
    expect(body.members[0].lastSeenMs).toBeGreaterThan(0);
  });

  test("unknown: 404; a name that is none: 400", async () => {
    for (const path of ["/v1/groups/none", "/v1/groups/none/offsets"]) {
      expect(await http.json("GET", path)).toMatchObject({
        status: 404,
        body: { code: "GROUP_ID_NOT_FOUND" },
      });
    }
    const bad = await http.json("POST", `/v1/groups/${"x".repeat(256)}/poll`, { topics: ["t"] });
    expect(bad).toMatchObject({ status: 400, body: { code: "INVALID_GROUP_ID" } });
    const long = encodeURIComponent("é".repeat(255));
    expect((await http.json("POST", `/v1/groups/${long}/poll`, { topics: ["t"] })).status).toBe(
      200,
    );
  });

  test("delete: not while it has members, then it is forgotten", async () => {
    await join();
    expect((await http.json("DELETE", "/v1/groups/g")).body.code).toBe("NON_EMPTY_GROUP");
    await http.json("POST", "/v1/groups/g/leave", { member: "m" });
    expect((await http.json("DELETE", "/v1/groups/g")).status).toBe(204);
    expect((await http.json("GET", "/v1/groups/g")).status).toBe(404);
  });
});
