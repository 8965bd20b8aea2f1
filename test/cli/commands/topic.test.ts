import { afterEach, beforeEach, expect, test } from "vitest";
import { varve } from "../../support/cli-run.ts";
import { FakeVarve } from "../../support/fake-varve.ts";

let server: FakeVarve;

beforeEach(async () => {
  server = await FakeVarve.start({ orders: 2 });
});

afterEach(() => server.stop());

const topic = async (...words: readonly string[]) => {
  const got = await varve(["topic", ...words, "--url", server.url]);
  return { ...got, text: got.stdout.toString() };
};

test("topic create: new, and there already", async () => {
  const words = [
    "create",
    "new",
    "--partitions",
    "3",
    "--config",
    "retention.ms=5",
    "--config",
    "a=b=c",
  ];
  expect((await topic(...words)).text).toBe("topic new created\n");
  expect(server.requests[0]?.body).toEqual({
    partitions: 3,
    config: { "retention.ms": "5", a: "b=c" },
  });
  expect((await topic("create", "new")).text).toBe("topic new exists already\n");
});

test("topic list and describe: tables, and JSON that can be read back", async () => {
  expect((await topic("list")).text).toBe("TOPIC   PARTITIONS\norders           2\n");
  expect(JSON.parse((await topic("list", "--json")).text)).toEqual([
    { name: "orders", partitions: 2, internal: false },
  ]);
  expect((await topic("describe", "orders")).text).toContain("retention.ms  7      topic");
  expect(JSON.parse((await topic("describe", "orders", "--json")).text)).toMatchObject({
    name: "orders",
  });
});

test("topic alter: sets and resets in one call; nothing to do is a wrong command line", async () => {
  await topic("alter", "orders", "--partitions", "4", "--config", "a=1", "--reset", "b");
  expect(server.requests[0]).toMatchObject({
    method: "PATCH",
    body: { partitions: 4, config: { a: "1", b: null } },
  });
  const nothing = await topic("alter", "orders");
  expect(nothing).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("nothing to change") as string,
  });
});

test("topic delete: several, and one that is not there", async () => {
  server.create("more", 1);
  expect((await topic("delete", "orders", "more")).text).toBe(
    "topic orders deleted\ntopic more deleted\n",
  );
  const missing = await topic("delete", "orders");
  expect(missing).toMatchObject({ code: 1 });
  expect(missing.stderr).toMatch(/^varve: .*\(UNKNOWN_TOPIC_OR_PARTITION\)\n$/);
});
