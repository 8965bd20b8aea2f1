import { afterEach, beforeEach, expect, test } from "vitest";
import { varve } from "../../support/cli-run.ts";
import { FakeQueue } from "../../support/fake-queue.ts";

let server: FakeQueue;

beforeEach(async () => {
  server = await FakeQueue.start();
});

afterEach(() => server.stop());

const receive = async (...words: readonly string[]) => {
  const got = await varve(["queue", "receive", "q", ...words, "--url", server.url]);
  return { ...got, text: got.stdout.toString() };
};

test("queue receive: values a line each; nothing is settled", async () => {
  server.put("a", "b", "c");
  const got = await receive("--max", "2", "--lease-ms", "500");
  expect([got.code, got.text, got.stderr]).toEqual([0, "a\nb\n", ""]);
  expect(server.requests.map(({ body }) => body)).toEqual([{ max: 2, waitMs: 0, leaseMs: 500 }]);
});

test("queue receive --json: records with their receipts", async () => {
  server.put('{"n":1}');
  expect(JSON.parse((await receive("--json")).text)).toEqual([
    {
      receipt: '{"n":1}/1',
      deliveries: 1,
      topic: "q",
      partition: 0,
      offset: 0,
      timestampMs: 7,
      key: null,
      value: { n: 1 },
      headers: {},
    },
  ]);
  expect((await receive("--json")).text).toBe("[]\n");
});

test("queue receive --ack: done once they are printed", async () => {
  server.put("a", "b");
  const got = await receive("--ack", "--print-key");
  expect(got.text).toBe("\ta\n\tb\n");
  expect(server.said).toEqual(["ack a/1", "ack b/1"]);
});

test("queue receive --ack: a lease that was over: exit code 1, and says so", async () => {
  server.put("a");
  server.spoil = ({ path }) => {
    if (path.endsWith("settle")) server.lapse();
    return null;
  };
  const got = await receive("--ack");
  expect(got.code).toBe(1);
  expect(got.stderr).toMatch(/^varve: the leases of 1 messages were over.*delivered again\n$/);
});

test("queue receive: an empty queue: nothing on standard output, no settle", async () => {
  const got = await receive("--ack");
  expect([got.code, got.text, got.stderr]).toEqual([0, "", "no messages\n"]);
  expect(server.calls("settle")).toEqual([]);
});
