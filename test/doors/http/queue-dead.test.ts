import { afterEach, expect, test } from "vitest";
import type { QueueServices } from "../../../src/services.ts";
import { batchOf } from "../../support/batches.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { queueDoor } from "../../support/queue-door.ts";

type DeadRequest = Parameters<QueueServices["dead"]>[1];
type RedriveRequest = Parameters<QueueServices["redrive"]>[1];

let http: HttpFixture;
afterEach(() => http.close());

async function door(partitions: number) {
  const asked: DeadRequest[] = [];
  const redriven: RedriveRequest[] = [];
  let leases = 0;
  http = await queueDoor(
    {
      dead: async (_queue, request) => {
        asked.push(request);
        leases++;
        const headers = [
          { key: "own", value: "x" },
          { key: "varve-dead-topic", value: "q" },
          { key: "varve-dead-reason", value: "é" },
        ];
        const batches = batchOf([{ value: "0" }, { value: "1", headers }]);
        const place = { topic: "q.dead", partition: 0, firstOffset: 1, lastOffset: 1 };
        const next = Array.from({ length: partitions }, (_, partition) => ({
          partition,
          offset: 2,
        }));
        const ranges = [{ ...place, deliveries: 0, epoch: 0, batches }];
        return { ranges, next, release: () => leases-- };
      },
      redrive: async (_queue, request) => {
        redriven.push(request);
        return 3;
      },
    },
    { partitions },
  );
  const get = (query: string) => http.json("GET", `/v1/queues/q/dead${query}`);
  const redrive = (body?: object) => http.json("POST", "/v1/queues/q/redrive", body);
  return { asked, redriven, get, redrive, leases: () => leases };
}

test("one partition: a letter with its story apart from its headers, and nextOffset", async () => {
  const { asked, get, leases } = await door(1);
  const { body } = await get("");
  expect(body).toMatchObject({
    messages: [
      {
        offset: 1,
        value: 1,
        original: { topic: "q", partition: null, offset: null },
        deliveries: null,
        reason: "é",
        deadAtMs: null,
      },
    ],
    nextOffset: 2,
    next: "0:2",
  });
  expect(body.messages[0].headers).toEqual({ own: "x" });
  await get("?from=5&maxRecords=7&maxBytes=9");
  await get("?from=0:6");
  await get("?from=latest&maxRecords=9007199254740991");
  expect(asked).toEqual([
    { from: [], maxRecords: 500, maxBytes: 1_048_576 },
    { from: [{ partition: 0, offset: 5 }], maxRecords: 7, maxBytes: 9 },
    { from: [{ partition: 0, offset: 6 }], maxRecords: 500, maxBytes: 1_048_576 },
    { from: [{ partition: 0, offset: 0 }], maxRecords: 100_000, maxBytes: 1_048_576 },
  ]);
  expect((await get("?as=b64")).body.messages).toMatchObject([{ b64: "MQ==" }]);
  expect(leases()).toBe(0);
});

test("several partitions: a vector both ways, a bare offset is refused", async () => {
  const { asked, get } = await door(2);
  const { body } = await get("?from=1:3");
  expect(body.next).toBe("0:2,1:2");
  expect(body).not.toHaveProperty("nextOffset");
  expect(asked).toMatchObject([{ from: [{ partition: 1, offset: 3 }] }]);
  expect((await get("?from=3")).status).toBe(400);
});

test("redrive: all, the oldest, or the named ones", async () => {
  const { redriven, redrive } = await door(1);
  expect((await redrive()).body).toEqual({ redriven: 3 });
  await redrive({ max: 2 });
  await redrive({ offsets: [4, { partition: 0, offset: 5 }] });
  expect(redriven).toEqual([
    { max: Number.MAX_SAFE_INTEGER, offsets: null },
    { max: 2, offsets: null },
    {
      max: Number.MAX_SAFE_INTEGER,
      offsets: [
        { partition: 0, offset: 4 },
        { partition: 0, offset: 5 },
      ],
    },
  ]);
});
