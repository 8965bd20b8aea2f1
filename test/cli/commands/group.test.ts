import { afterEach, beforeEach, expect, test } from "vitest";
import { varve } from "../../support/cli-run.ts";
import { FakeVarve } from "../../support/fake-varve.ts";

let server: FakeVarve;

beforeEach(async () => {
  server = await FakeVarve.start();
});

afterEach(() => server.stop());

const group = async (...words: readonly string[]) => {
  const got = await varve(["group", ...words, "--url", server.url]);
  return { ...got, text: got.stdout.toString() };
};
const answer = (body: unknown) => {
  server.spoil = () => ({ status: 200, body });
};

test("group list: a table, and JSON", async () => {
  const groups = [{ group: "g", state: "STABLE", members: 2, topics: ["a", "b"] }];
  answer({ groups });
  expect((await group("list")).text).toBe(
    "GROUP  STATE   MEMBERS  TOPICS\ng      STABLE        2  a b\n",
  );
  expect(JSON.parse((await group("list", "--json")).text)).toEqual(groups);
});

test("group describe: offsets with lag, members with partitions", async () => {
  answer({
    group: "g",
    state: "STABLE",
    epoch: 4,
    members: [
      { member: "m", client: "c", assignment: [{ topic: "t", partitions: [0, 2] }], lastSeenMs: 0 },
    ],
    offsets: [{ topic: "t", partition: 0, committedOffset: null, logEndOffset: 9, lag: null }],
  });
  const { text } = await group("describe", "g");
  expect(text).toMatch(/^g: STABLE, epoch 4\n/);
  expect(text).toMatch(/t +0 +- +9 +-\n/);
  expect(text).toContain("m       c       t:0,2       1970-01-01T00:00:00.000Z");
});

test("group reset: a position or offsets, never both nor none", async () => {
  answer({ dryRun: true, offsets: [{ topic: "t", partition: 0, before: null, after: 3 }] });
  expect((await group("reset", "g", "--to", "-5", "--topic", "t", "--dry-run")).text).toMatch(
    /t +0 +- +3\n/,
  );
  expect(server.requests[0]?.body).toEqual({ to: "-5", topics: ["t"], dryRun: true });
  await group("reset", "g", "--offset", "a:b:1=7", "--offset", "t:0=3");
  expect(server.requests[1]?.body).toEqual({
    offsets: [
      { topic: "a:b", partition: 1, offset: 7 },
      { topic: "t", partition: 0, offset: 3 },
    ],
    dryRun: false,
  });
  for (const words of [[], ["--to", "latest", "--offset", "t:0=3"], ["--offset", "t=3"]]) {
    expect((await group("reset", "g", ...words)).code).toBe(2);
  }
  expect(server.requests.length).toBe(2);
});

test("group delete: says so", async () => {
  server.spoil = () => ({ status: 204 });
  expect((await group("delete", "g")).text).toBe("group g deleted\n");
});
