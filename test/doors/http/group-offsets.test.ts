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
const reset = (body: object) => http.json("PUT", "/v1/groups/g/offsets", body);
const join = () => http.json("POST", "/v1/groups/g/poll", { topics: ["t"], member: "m" });
const zero = { topic: "t", partition: 0, offset: 1 };

describe("groups: replay and skip", () => {
  const places = (body: { offsets: { before: number | null; after: number }[] }) =>
    body.offsets.map(({ before, after }) => [before, after]);

  test("by position, for every topic the group has offsets for", async () => {
    await commit({ offsets: [zero] });
    expect(places((await reset({ to: "latest" })).body)).toEqual([
      [1, 3],
      [null, 0],
    ]);
    expect(places((await reset({ to: "@15" })).body)).toEqual([
      [3, 1],
      [0, 0],
    ]);
    expect(places((await reset({ to: "-1", topics: ["t"] })).body)).toEqual([
      [1, 2],
      [0, 0],
    ]);
    expect(places((await reset({ to: 0 })).body)).toEqual([
      [2, 0],
      [0, 0],
    ]);
  });

  test("dry run: shows the same and changes nothing", async () => {
    await commit({ offsets: [zero] });
    const { body } = await reset({ to: "earliest", dryRun: true });
    expect(body).toMatchObject({ dryRun: true });
    expect(places(body)).toEqual([
      [1, 0],
      [null, 0],
    ]);
    const { body: after } = await http.json("GET", "/v1/groups/g/offsets");
    expect(after.offsets[0].committedOffset).toBe(1);
  });

  test("offsets one by one; a new group is made", async () => {
    expect(places((await reset({ offsets: [zero] })).body)).toEqual([[null, 1]]);
  });

  test("with members: 409, dry or not", async () => {
    await join();
    for (const dryRun of [true, false]) {
      expect(await reset({ to: "earliest", topics: ["t"], dryRun })).toMatchObject({
        status: 409,
        body: { code: "NON_EMPTY_GROUP" },
      });
    }
  });

  test.each([
    [{}, 400],
    [{ to: "latest", offsets: [zero] }, 400],
    [{ to: "sometime", topics: ["t"] }, 400],
    [{ to: "latest", topics: ["none"] }, 404],
    [{ to: "latest" }, 404],
    [{ offsets: [{ ...zero, partition: 2 }] }, 404],
    [{ offsets: [{ ...zero, topic: "none" }] }, 404],
  ])("%j: %i", async (body, status) => {
    expect((await reset(body)).status).toBe(status);
  });
});
