import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type VarveClient } from "../../src/client/client.ts";
import { problem } from "../support/fake-http-server.ts";
import { FakeVarve } from "../support/fake-varve.ts";

let server: FakeVarve;
let client: VarveClient;

beforeEach(async () => {
  server = await FakeVarve.start({ t: 1 });
  client = createClient({ url: server.url, backoffMs: 1, retriesMax: 2 });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

test("groups: a poll of unknown outcome: is not sent again", async () => {
  server.spoilReply = () => "break";
  await expect(client.groups.poll("g", { topics: ["t"] })).rejects.toMatchObject({
    mayHaveApplied: true,
  });
  expect(server.requests.length).toBe(1);
});

test("groups: a commit and a leave of unknown outcome: are sent again", async () => {
  let spoilt = 0;
  server.spoilReply = () => (spoilt++ % 2 === 0 ? "break" : null);
  await client.groups.commit("g", { offsets: [{ topic: "t", partition: 0, offset: 5 }] });
  await client.groups.leave("g", "m");
  expect(server.requests.length).toBe(4);
  expect(server.committed.get("g/t/0")).toBe(5);
});

test.each([
  [problem(404, "UNKNOWN_MEMBER_ID")],
  [problem(404, "GROUP_ID_NOT_FOUND")],
  [problem(409, "FENCED_MEMBER_EPOCH")],
])("groups: leaving what one is no member of (%j): harmless", async (answer) => {
  server.spoil = () => answer;
  await client.groups.leave("g", "m");
});

test("groups: looking, moving, deleting: paths, bodies and the parts of the replies", async () => {
  const offsets = [{ topic: "t", partition: 0, before: null, after: 3 }];
  server.spoil = ({ method }) =>
    method === "DELETE"
      ? { status: 204 }
      : { status: 200, body: { groups: [], offsets, group: "a/b" } };
  expect(await client.groups.list()).toEqual([]);
  expect(await client.groups.describe("a/b")).toMatchObject({ group: "a/b" });
  expect(await client.groups.offsets("a/b")).toEqual(offsets);
  expect(await client.groups.reset("a/b", { to: "earliest", dryRun: true })).toEqual(offsets);
  expect(server.requests.at(-1)).toMatchObject({
    method: "PUT",
    path: "/v1/groups/a%2Fb/offsets",
    body: { to: "earliest", dryRun: true },
  });
  await client.groups.delete("a/b");
});
