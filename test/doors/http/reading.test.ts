import { afterAll, beforeAll, expect, test } from "vitest";
import { LoopShare } from "../../../src/base/loop-share.ts";
import { readPartition } from "../../../src/doors/http/reading.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

const noTimer = { cancel: () => undefined };

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture({ limits: { longPollsMax: 3 } });
});
afterAll(() => http.close());

let count = 0;
async function topicOf(records: readonly object[], partitions = 1): Promise<string> {
  const url = `/v1/topics/t${++count}`;
  await http.json("PUT", url, { partitions });
  if (records.length > 0) await http.json("POST", `${url}/records`, { records });
  return url;
}
const path = (topic: string, query = ""): string => `${topic}/partitions/0/records${query}`;

test("from: between start and end reads, end is empty, above is 416, below the start 410", async () => {
  const topic = await topicOf([{ value: 0 }, { value: 1 }, { value: 2 }]);
  const read = async (from: string) => http.json("GET", path(topic, `?from=${from}`));
  expect((await read("1")).body).toMatchObject({
    records: [{ offset: 1 }, { offset: 2 }],
    nextOffset: 3,
  });
  expect((await read("-1")).body.records).toMatchObject([{ offset: 2 }]);
  expect((await read("latest")).body).toMatchObject({ records: [], nextOffset: 3 });
  expect(await read("3")).toMatchObject({ status: 200, body: { records: [], nextOffset: 3 } });
  expect(await read("4")).toMatchObject({
    status: 416,
    body: { code: "OFFSET_OUT_OF_RANGE", logStartOffset: 0, logEndOffset: 3 },
  });
  await http.json("POST", `${topic}/trim`, { before: [{ partition: 0, offset: 2 }] });
  expect(await read("1")).toMatchObject({
    status: 410,
    body: { code: "OFFSET_BELOW_LOG_START", logStartOffset: 2, highWatermark: 3 },
  });
  expect((await read("earliest")).body).toMatchObject({
    records: [{ offset: 2 }],
    logStartOffset: 2,
  });
  expect((await read("-9")).body.records).toMatchObject([{ offset: 2 }]);
});

test("a page that takes long: the event loop turns meanwhile, and every record is there once", async () => {
  const topic = await topicOf(Array.from({ length: 20 }, () => ({ text: "x".repeat(20_000) })));
  let nowMs = 0;
  // Each look at the clock finds more than a slice gone.
  const clock = { nowMs: () => 0, monotonicMs: () => (nowMs += 1000), after: () => noTimer };
  const context = { services: http.services, share: new LoopShare(clock) } as never;
  let isReading = true;
  let turns = 0;
  const turn = (): void => {
    turns++;
    if (isReading) setImmediate(turn);
  };
  setImmediate(turn);
  const offsets: number[] = [];
  const isolation = "read_committed" as const;
  const limits = { maxRecords: 100, maxBytes: 1 << 20, waitMs: 0 };
  const bounds = { offset: 0, ...limits, isolation, signal: null };
  const place = { topic: topic.slice("/v1/topics/".length), partition: 0, isFloating: false };
  const end = await readPartition(context, { ...place, ...bounds }, (cursor) => {
    offsets.push(cursor.offset);
  });
  isReading = false;
  expect(offsets).toEqual(Array.from({ length: 20 }, (_, offset) => offset));
  expect(end.nextOffset).toBe(20);
  expect(turns).toBeGreaterThan(10);
  expect(http.services.leases).toBe(0);
});

test("maxRecords and maxBytes: cut in the middle of a batch, at least one record", async () => {
  const topic = await topicOf([{ text: "x".repeat(5000) }, { value: 1 }, { value: 2 }]);
  const first = await http.json("GET", path(topic, "?maxBytes=1"));
  expect(first.body).toMatchObject({ records: [{ offset: 0 }], nextOffset: 1 });
  const second = await http.json("GET", path(topic, "?from=1&maxRecords=1"));
  expect(second.body).toMatchObject({ records: [{ offset: 1 }], nextOffset: 2 });
  expect(http.services.leases).toBe(0);
});
