import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type VarveClient } from "../../src/client/client.ts";
import { problem } from "../support/fake-http-server.ts";
import { FakeVarve } from "../support/fake-varve.ts";

let server: FakeVarve;
let client: VarveClient;

beforeEach(async () => {
  server = await FakeVarve.start({ logs: 2 });
  client = createClient({ url: server.url, backoffMs: 1, retriesMax: 2 });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

const posts = () => server.requests.filter(({ method }) => method === "POST");

test("produce: places in request order, and what was promised", async () => {
  const records = [{ value: "a" }, { value: null, key: "k", partition: 1 }];
  expect(await client.produce({ topic: "logs", records })).toEqual({
    results: [
      { partition: 0, offset: 0 },
      { partition: 1, offset: 0 },
    ],
    durability: "fsync",
  });
  expect(posts()[0]?.query).toEqual({ acks: "all" });
});

test("produce: acks 0: no places, no promise", async () => {
  const request = { topic: "logs", records: [{ value: "a" }], acks: 0 } as const;
  expect(await client.produce(request)).toEqual({ results: [], durability: null });
});

test("produce: a condition: sent as If-Offset-Match, and again when the outcome is unknown", async () => {
  let spoilt = 0;
  server.spoilReply = () =>
    spoilt++ === 0 ? "break" : problem(412, "OFFSET_MISMATCH", { logEndOffset: 1 });
  const request = { topic: "logs", records: [{ value: "a" }], partition: 0, ifOffsetMatch: 0 };
  await expect(client.produce(request)).rejects.toMatchObject({
    code: "OFFSET_MISMATCH",
    mayHaveApplied: true,
    facts: { logEndOffset: 1 },
  });
  expect(posts().map(({ headers }) => headers["if-offset-match"])).toEqual(["0", "0"]);
});

test.each([
  [
    "one partition given",
    { partition: 1 },
    [
      { key: "a", value: "" },
      { key: "b", value: "" },
    ],
    3,
  ],
  ["no keys", {}, [{ value: "" }, { value: "" }], 3],
  ["a single record", {}, [{ key: "a", value: "" }], 3],
  [
    "keys of several partitions",
    {},
    [
      { key: "a", value: "" },
      { key: "b", value: "" },
    ],
    1,
  ],
])("produce: refused for overload with %s: sent %s", async (...row) => {
  const [, where, records, times] = row;
  server.spoil = () => problem(503, "SERVER_OVERLOADED");
  await expect(client.produce({ topic: "logs", records, ...where })).rejects.toMatchObject({
    code: "SERVER_OVERLOADED",
  });
  expect(posts().length).toBe(times);
});

test("produce: nothing to send: refused here", async () => {
  await expect(client.produce({ topic: "logs", records: [] })).rejects.toMatchObject({
    code: "INVALID_REQUEST",
  });
  expect(posts()).toEqual([]);
});

test("produce: a producer's sequence: sent in headers, and again when the outcome is unknown", async () => {
  let spoilt = 0;
  server.spoilReply = ({ path }) => (path.endsWith("/records") && spoilt++ < 2 ? "break" : null);
  const producer = { ...(await client.initProducerId()), sequence: 7 };
  expect(producer).toEqual({ producerId: 1, producerEpoch: 0, sequence: 7 });
  const request = { topic: "logs", records: [{ value: "a" }], partition: 1, producer };
  expect((await client.produce(request)).results).toEqual([{ partition: 1, offset: 0 }]);
  const sent = posts().filter(({ path }) => path.endsWith("/records"));
  expect(sent.map(({ headers }) => headers["varve-sequence"])).toEqual(["7", "7", "7"]);
  expect(server.values("logs", 1)).toEqual(["a"]);
});
