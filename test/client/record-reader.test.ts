import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type ConsumeOptions, type VarveClient } from "../../src/client/client.ts";
import { problem } from "../support/fake-http-server.ts";
import { FakeVarve } from "../support/fake-varve.ts";

let server: FakeVarve;
let client: VarveClient;

beforeEach(async () => {
  server = await FakeVarve.start({ one: 1, three: 3 });
  client = createClient({ url: server.url, backoffMs: 1, retriesMax: 3 });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

async function valuesOf(options: ConsumeOptions, max = Infinity): Promise<string[]> {
  const values: string[] = [];
  for await (const record of client.consume(options)) {
    values.push(
      `${record.partition}:${record.offset}=${Buffer.from(record.value ?? "").toString()}`,
    );
    if (values.length >= max) break;
  }
  return values;
}

test("record reader: to the end: every record once, in pages smaller than the log", async () => {
  server.append("three", 0, "a", "b", "c");
  server.append("three", 2, "d");
  const got = await valuesOf({ topic: "three", follow: false, maxRecords: 2 });
  expect(got).toEqual(["0:0=a", "0:1=b", "0:2=c", "2:0=d"]);
});

test("record reader: broken connections: no record twice, none lost", async () => {
  server.append("one", 0, ...Array.from({ length: 40 }, (_, index) => `${index}`));
  let reads = 0;
  server.spoilReply = ({ path }) =>
    path.includes("/partitions/") && ++reads % 3 === 1 ? "break" : null;
  const got = await valuesOf({ topic: "one", follow: false, maxRecords: 7 });
  expect(got).toEqual(Array.from({ length: 40 }, (_, index) => `0:${index}=${index}`));
});

test("record reader: following all partitions from the latest: only what comes later", async () => {
  server.append("three", 1, "old");
  const reading = valuesOf({ topic: "three", from: "latest", waitMs: 100 }, 2);
  while (!server.requests.some(({ path }) => path === "/v1/topics/three/records")) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  server.append("three", 0, "new");
  server.append("three", 1, "newer");
  expect(await reading).toEqual(["0:0=new", "1:1=newer"]);
});

test("record reader: a vector of positions: each partition from its own", async () => {
  server.append("three", 0, "a", "b");
  server.append("three", 1, "c", "d");
  const from = [{ partition: 0, offset: 1 }];
  expect(await valuesOf({ topic: "three", from, follow: false })).toEqual([
    "0:1=b",
    "1:0=c",
    "1:1=d",
  ]);
});

test("record reader: a partition that is not there: says so", async () => {
  const reading = valuesOf({ topic: "one", partition: 4, follow: false });
  await expect(reading).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
});

test("record reader: a failing read while the caller is busy: thrown at the next step, nowhere else", async () => {
  server.append("one", 0, "a", "b");
  let reads = 0;
  server.spoil = ({ path }) =>
    path.includes("/partitions/") && ++reads === 2 ? problem(410, "OFFSET_BELOW_LOG_START") : null;
  const pages = client.consume({ topic: "one", partition: 0, from: 0, maxRecords: 1 }).batches();
  expect((await pages.next()).value?.length).toBe(1);
  while (reads < 2) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 10));
  await expect(pages.next()).rejects.toMatchObject({ status: 410 });
});

test("record reader: leaving the loop: the read asked for ahead is ended", async () => {
  server.append("one", 0, "a");
  let reads = 0;
  server.spoil = ({ path }) => (path.includes("/partitions/") && ++reads === 2 ? "hang" : null);
  for await (const _ of client.consume({ topic: "one", partition: 0, from: 0 })) {
    while (reads < 2) await new Promise((resolve) => setImmediate(resolve));
    break;
  }
  // A read left behind would hold this for its whole time.
  await client.close();
});
