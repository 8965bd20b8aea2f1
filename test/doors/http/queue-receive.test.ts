import { afterEach, expect, test } from "vitest";
import type { ReceivedRange, ReceiveRequest, SettleAnswer } from "../../../src/services.ts";
import { batchOf } from "../../support/batches.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { BareConnection } from "../../support/live-server.ts";
import { queueDoor } from "../../support/queue-door.ts";
import { until } from "../../support/until.ts";

let http: HttpFixture;
afterEach(() => http.close());

const url = "/v1/queues/q/receive";
const range: ReceivedRange = {
  topic: "q",
  partition: 2,
  firstOffset: 41,
  lastOffset: 42,
  deliveries: 3,
  epoch: 71,
  batches: batchOf(
    ["a", "b", "c", "d"].map((value) => ({ value })),
    { baseOffset: 40 },
  ),
};

test("asked as the request says, with defaults; the bytes are given back", async () => {
  const asked: ReceiveRequest[] = [];
  let releases = 0;
  http = await queueDoor({
    receive: async (request) => {
      asked.push(request);
      return { ranges: [range], settled: [], release: () => releases++ };
    },
  });
  const answer = await http.json("POST", url);
  expect(answer.body.messages).toEqual(
    [
      [41, "15", "b"],
      [42, "16", "c"],
    ].map(([offset, digits, text]) => ({
      receipt: `2-${digits}-3-1z`,
      topic: "q",
      partition: 2,
      offset,
      deliveries: 3,
      timestampMs: 1_700_000_000_000,
      key: null,
      text,
      headers: {},
    })),
  );
  await http.json("POST", url, { max: 7, waitMs: 5, leaseMs: 9, maxBytes: 1e15 });
  const defaults = { queue: "q", max: 10, maxBytes: 1_048_576, waitMs: 0, leaseMs: null };
  expect(asked[0]).toEqual({ ...defaults, signal: null });
  const bytesMax = 64 * 1024 * 1024;
  expect(asked[1]).toMatchObject({ max: 7, waitMs: 5, leaseMs: 9, maxBytes: bytesMax });
  expect(asked[1]?.signal?.aborted).toBe(false);
  expect(releases).toBe(2);
});

test("answers for earlier messages: told with the messages, in both encodings; it does not wait", async () => {
  const asked: ReceiveRequest[] = [];
  http = await queueDoor({
    receive: async (request) => {
      asked.push(request);
      return { ranges: [range], settled: [null], release: () => undefined };
    },
  });
  const settle = { ack: ["0-1-1-1", "junk"] };
  const answer = await http.json("POST", url, { waitMs: 30_000, settle });
  const results = [
    { receipt: "0-1-1-1", ok: true },
    { receipt: "junk", ok: false, code: "INVALID_RECORD_STATE" },
  ];
  expect(answer.body.messages).toHaveLength(2);
  expect(answer.body.results).toEqual(results);
  const receipt = { partition: 0, offset: 1, deliveries: 1, epoch: 1 };
  expect(asked).toMatchObject([{ waitMs: 0, signal: null, answers: [{ kind: "ack", receipt }] }]);
  const bad = await http.json("POST", url, { settle: { ack: [7] } });
  expect(bad.status).toBe(400);
});

test("a reply that nobody hears: its messages are given back, others keep theirs", async () => {
  const settled: SettleAnswer[] = [];
  let hasAsked = false;
  let hasReleased = false;
  http = await queueDoor({
    receive: async ({ signal }) => {
      hasAsked = true;
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      return { ranges: [range], settled: [], release: () => (hasReleased = true) };
    },
    settle: async (_queue, answers) => {
      settled.push(...answers);
      return answers.map(() => null);
    },
  });
  await http.door.listen();
  const bare = await BareConnection.open(Number(new URL(http.door.address() ?? "").port));
  const body = '{"waitMs":30000}';
  const lines = ["host: x", "content-type: application/json", `content-length: ${body.length}`];
  bare.send([`POST ${url} HTTP/1.1`, ...lines, "", body].join("\r\n"));
  await until(() => hasAsked);
  bare.drop();
  await until(() => settled.length > 0);
  expect(settled).toMatchObject(
    [41, 42].map((offset) => ({
      kind: "nack",
      receipt: { partition: 2, offset, deliveries: 3, epoch: 71 },
      delayMs: 0,
    })),
  );
  expect(hasReleased).toBe(true);
});
