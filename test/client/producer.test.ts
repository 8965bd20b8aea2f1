import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, type ProducerOptions, type VarveClient } from "../../src/client/client.ts";
import { partitionForKey } from "../../src/base/murmur2.ts";
import { seededRandom } from "../../src/base/random.ts";
import { problem } from "../support/fake-http-server.ts";
import { FakeVarve } from "../support/fake-varve.ts";

let server: FakeVarve;
let client: VarveClient;

beforeEach(async () => {
  server = await FakeVarve.start({ one: 1, three: 3 });
  client = createClient({ url: server.url, backoffMs: 1, retriesMax: 2, random: seededRandom(5) });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

const posts = () => server.requests.filter(({ path }) => path.endsWith("/records"));
const recordsOf = (request: { body: unknown } | undefined) =>
  (request?.body as { records: readonly unknown[] } | undefined)?.records.length;

describe("producer: packing", () => {
  test("records sent in one turn: travel in one request, each told its own offset", async () => {
    const producer = client.producer({ topic: "one" });
    const places = await Promise.all(
      Array.from({ length: 10 }, (_, index) => producer.send({ value: `${index}` })),
    );
    expect(places.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(posts().map(recordsOf)).toEqual([10]);
  });

  test("bounds of a request: by records and by bytes; a larger record goes alone", async () => {
    const byCount = client.producer({ topic: "one", batchRecordsMax: 4 });
    await byCount.sendAll(Array.from({ length: 10 }, () => ({ value: "x" })));
    expect(posts().map(recordsOf)).toEqual([4, 4, 2]);
    const byBytes = client.producer({ topic: "one", batchBytesMax: 1_000 });
    await byBytes.sendAll([400, 400, 3_000, 10].map((size) => ({ value: Buffer.alloc(size) })));
    expect(posts().slice(3).map(recordsOf)).toEqual([2, 1, 1]);
  });

  test("linger: waits for company, not when the request is full, not when flushed", async () => {
    const producer = client.producer({ topic: "one", lingerMs: 60_000, batchRecordsMax: 3 });
    const full = [1, 2, 3].map(() => producer.send({ value: "full" }));
    await Promise.all(full);
    const waiting = producer.send({ value: "waiting" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(posts().length).toBe(1);
    await producer.flush();
    expect((await waiting).offset).toBe(3);
  });
});

describe("producer: order", () => {
  test("many sends, slow and refusing server: each partition holds its records in order, once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ key: fc.option(fc.constantFrom("a", "b", "c", "d")), pause: fc.boolean() }),
          {
            minLength: 1,
            maxLength: 60,
          },
        ),
        fc.infiniteStream(fc.integer({ min: 0, max: 5 })),
        async (plan, luck) => {
          server.create("three", 3);
          server.spoil = async ({ method }) => {
            const draw = luck.next().value;
            if (method !== "POST") return null;
            if (draw === 0) return problem(503, "SERVER_OVERLOADED");
            if (draw < 3) await new Promise((resolve) => setImmediate(resolve));
            return null;
          };
          const patient = createClient({ url: server.url, backoffMs: 0, retriesMax: 100 });
          const producer = patient.producer({ topic: "three", batchRecordsMax: 4, inFlightMax: 2 });
          const sends: Promise<{ partition: number; offset: number }>[] = [];
          for (const [index, { key, pause }] of plan.entries()) {
            sends.push(producer.send({ key, value: `${index}` }));
            if (pause) await new Promise((resolve) => setImmediate(resolve));
          }
          const places = await Promise.all(sends);
          await patient.close();
          places.forEach(({ partition, offset }, index) => {
            expect(server.values("three", partition)[offset]).toBe(`${index}`);
            const key = plan[index]?.key ?? null;
            if (key !== null) expect(partition).toBe(partitionForKey(Buffer.from(key), 3));
          });
          for (const partition of [0, 1, 2]) {
            const numbers = server.values("three", partition).map(Number);
            expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
          }
          expect([0, 1, 2].flatMap((one) => server.values("three", one)).length).toBe(plan.length);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("one partition: never two requests at once; three: up to inFlightMax", async () => {
    let running = 0;
    let most = 0;
    server.spoil = async ({ method }) => {
      if (method !== "POST") return null;
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
      return null;
    };
    const single = client.producer({ topic: "one", batchRecordsMax: 1 });
    await single.sendAll(Array.from({ length: 5 }, () => ({ value: "x" })));
    expect(most).toBe(1);
    const wide = client.producer({ topic: "three", batchRecordsMax: 1, inFlightMax: 2 });
    await wide.sendAll(Array.from({ length: 9 }, () => ({ value: "x" })));
    expect(most).toBe(2);
  });
});

describe("producer: failures", () => {
  const lost = (options: Partial<ProducerOptions>) => {
    let spoilt = 0;
    server.spoilReply = ({ path }) =>
      path.endsWith("/records") && spoilt++ === 0 ? "break" : null;
    return client.producer({ topic: "one", batchRecordsMax: 1, idempotent: false, ...options });
  };

  test("a lost reply, not idempotent: not sent again, and the error says it may be stored", async () => {
    const producer = lost({});
    const outcomes = await Promise.allSettled(["a", "b"].map((value) => producer.send({ value })));
    expect(outcomes[0]).toMatchObject({
      reason: { code: "CONNECTION_LOST", mayHaveApplied: true },
    });
    expect(outcomes[1]).toMatchObject({ value: { offset: 1 } });
    expect(server.values("one", 0)).toEqual(["a", "b"]);
  });

  test("a lost reply with retryUnknown: sent again, stored twice, as asked for", async () => {
    await lost({ retryUnknown: true }).send({ value: "a" });
    expect(server.values("one", 0)).toEqual(["a", "a"]);
  });

  test("haltOnError: what waits behind a failure is not sent, later sends are refused", async () => {
    const producer = lost({ haltOnError: true });
    const outcomes = await Promise.allSettled(["a", "b"].map((value) => producer.send({ value })));
    expect(outcomes[1]).toMatchObject({ reason: { code: "PRODUCER_HALTED" } });
    await expect(producer.send({ value: "c" })).rejects.toMatchObject({ code: "PRODUCER_HALTED" });
    expect(server.values("one", 0)).toEqual(["a"]);
  });

  test("an unanswerable question for partitions: every record waiting fails, none hangs", async () => {
    server.spoil = () => problem(403, "TOPIC_AUTHORIZATION_FAILED");
    const producer = client.producer({ topic: "one" });
    const outcomes = await Promise.allSettled(
      [1, 2].map(() => producer.sendAll([{ value: "x" }, { value: "y" }])),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(producer.bufferedBytes).toBe(0);
  });

  test("a record that is neither bytes nor text: refused, and nothing is held for it", async () => {
    const producer = client.producer({ topic: "one" });
    const wrong = { value: { an: "object" } } as unknown as { value: string };
    await expect(producer.send(wrong)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(producer.bufferedBytes).toBe(0);
  });
});

describe("producer: idempotent", () => {
  test("replies lost at random, requests too: every record once, in order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.integer({ min: 0, max: 5 })), async (luck) => {
        server.create("three", 3);
        const spoil = ({ path }: { path: string }) =>
          path.endsWith("/records") && luck.next().value < 2 ? ("break" as const) : null;
        server.spoil = spoil;
        server.spoilReply = spoil;
        const patient = createClient({ url: server.url, backoffMs: 0, retriesMax: 0 });
        const producer = patient.producer({ topic: "three", batchRecordsMax: 3 });
        const records = Array.from({ length: 40 }, (_, index) => ({
          value: `${index}`,
          partition: index % 3,
        }));
        const places = await producer.sendAll(records);
        await patient.close();
        for (const partition of [0, 1, 2]) {
          const sent = records.filter((record) => record.partition === partition);
          expect(server.values("three", partition)).toEqual(sent.map(({ value }) => value));
        }
        places.forEach(({ partition, offset }, index) => {
          expect(server.values("three", partition)[offset]).toBe(`${index}`);
        });
      }),
      { numRuns: 15 },
    );
  });

  test("time is up: the error says so, and the next record is not taken for the same one", async () => {
    server.spoilReply = ({ path }) => (path.endsWith("/records") ? "break" : null);
    const producer = client.producer({ topic: "one", deliveryTimeoutMs: 0 });
    await expect(producer.send({ value: "a" })).rejects.toMatchObject({
      code: "CONNECTION_LOST",
      mayHaveApplied: true,
    });
    server.spoilReply = () => null;
    expect(await producer.send({ value: "b" })).toEqual({ partition: 0, offset: 1 });
    expect(server.values("one", 0)).toEqual(["a", "b"]);
    expect(posts().map(({ headers }) => headers["varve-producer-epoch"])).toEqual([
      "0",
      "0",
      "0",
      "1",
    ]);
  });

  test("the server has lost what it acknowledged: the sender is told, and goes on as another", async () => {
    const producer = client.producer({ topic: "one" });
    await producer.send({ value: "a" });
    const known = server.sequences.get("one/0/1");
    if (known !== undefined) Object.assign(known, { next: 0, sent: new Map() });
    await expect(producer.send({ value: "b" })).rejects.toMatchObject({
      code: "OUT_OF_ORDER_SEQUENCE_NUMBER",
      facts: { expectedSequence: 0 },
    });
    expect(await producer.send({ value: "c" })).toEqual({ partition: 0, offset: 1 });
    expect(posts().at(-1)?.headers["varve-producer-id"]).toBe("2");
  });

  test("a topic of small batches: no request is larger than it takes", async () => {
    server.config = { "max.message.bytes": { value: "2000", source: "topic" } };
    const producer = client.producer({ topic: "one" });
    await producer.sendAll(Array.from({ length: 40 }, () => ({ value: Buffer.alloc(200) })));
    const sizes = posts().map((request) => recordsOf(request) ?? 0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40);
    expect(Math.max(...sizes) * 200).toBeLessThan(2000);
  });

  test("acks 1: no producer id is asked for", async () => {
    await client.producer({ topic: "one", acks: 1 }).send({ value: "a" });
    expect(server.producerIds).toBe(0);
    expect(posts()[0]?.headers["varve-sequence"]).toBeUndefined();
  });
});

describe("producer: bounds and ends", () => {
  test("a full buffer: refuses more until there is room, which ready waits for", async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.spoil = async ({ method }) => {
      if (method === "POST") await held;
      return null;
    };
    const producer = client.producer({ topic: "one", bufferBytesMax: 2_000 });
    const first = producer.send({ value: Buffer.alloc(1_500) });
    await expect(producer.send({ value: Buffer.alloc(900) })).rejects.toMatchObject({
      code: "BUFFER_FULL",
      retriable: true,
    });
    let isReady = false;
    const ready = producer.ready().then(() => {
      isReady = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isReady).toBe(false);
    release();
    await ready;
    await first;
    expect((await producer.send({ value: Buffer.alloc(5_000) })).offset).toBe(1);
  });

  test("close: sends what waits, then refuses", async () => {
    const producer = client.producer({ topic: "one", lingerMs: 60_000 });
    const sending = producer.send({ value: "a" });
    await producer.close();
    expect((await sending).offset).toBe(0);
    await expect(producer.send({ value: "b" })).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });

  test("a topic that does not exist: its first record makes it, all arrive in order", async () => {
    const producer = client.producer({ topic: "new", lingerMs: 5 });
    const places = await producer.sendAll(["a", "b", "c"].map((value) => ({ value })));
    expect(places.map(({ offset }) => offset)).toEqual([0, 1, 2]);
    expect(server.values("new", 0)).toEqual(["a", "b", "c"]);
    expect(posts()[0]?.query["partition"]).toBe("0");
  });

  test("a topic that does not exist and a key: the server chooses the partition of the first", async () => {
    const producer = client.producer({ topic: "new" });
    await producer.sendAll([
      { key: "k", value: "a" },
      { value: "b", partition: 0 },
    ]);
    expect(posts().map(({ query }) => query["partition"])).toEqual([undefined, "0"]);
    expect(posts().map(({ headers }) => headers["varve-sequence"])).toEqual([undefined, "0"]);
  });

  test("acks 0: resolves without an offset", async () => {
    const producer = client.producer({ topic: "one", acks: 0 });
    expect(await producer.send({ value: "a" })).toEqual({ partition: 0, offset: -1 });
  });

  test("a topic made anew with fewer partitions: the next records find their way", async () => {
    const producer = client.producer({ topic: "three" });
    await producer.send({ value: "a", partition: 2 });
    server.create("three", 1);
    server.spoil = ({ method, query }) =>
      method === "POST" && query["partition"] !== "0"
        ? problem(404, "UNKNOWN_TOPIC_OR_PARTITION")
        : null;
    await expect(producer.send({ value: "b", partition: 2 })).rejects.toMatchObject({
      status: 404,
    });
    expect(await producer.send({ value: "c" })).toEqual({ partition: 0, offset: 0 });
  });
});
