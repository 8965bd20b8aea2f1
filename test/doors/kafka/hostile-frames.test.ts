// Frames that nobody sane sends, against a live door: it goes on serving, and keeps nothing of them.

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serving } from "../../../src/doors/kafka/serving.ts";
import { type ApiName, apis, type EncodableRequest } from "../../../src/protocol/apis.ts";
import { defaultsOf } from "../../../src/protocol/field.ts";
import { batchOf } from "../../support/batches.ts";
import { createTopic } from "../../support/engines.ts";
import { type KafkaFixture, openKafka } from "../../support/kafka-fixture.ts";
import { requestFrame } from "../../support/kafka-wire.ts";
import { until } from "../../support/until.ts";

let kafka: KafkaFixture;

beforeAll(async () => {
  kafka = await openKafka({ limits: { requestBytesMax: 1 << 20 } });
  await createTopic(kafka.engine, "t");
});

afterAll(() => kafka.close());

/** A valid frame of every API and version, as empty as it can be, and two that are not. */
const valid: readonly Buffer[] = [
  ...(Object.keys(serving) as ApiName[]).flatMap((name) => {
    const { min = 0, max = -1 } = serving[name] ?? {};
    const first = Math.max(min, apis[name].minVersion);
    return Array.from({ length: max - first + 1 }, (_, index) => {
      const body = defaultsOf(apis[name].request) as EncodableRequest<ApiName>;
      return requestFrame(name, { version: first + index }, body);
    });
  }),
  requestFrame(
    "produce",
    { version: 9 },
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: "t", partitionData: [{ index: 0, records: batchOf([{ value: "v" }]) }] }],
    },
  ),
  requestFrame(
    "fetch",
    { version: 12 },
    {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 0,
      topics: [
        { topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] },
      ],
    },
  ),
];

/** Sends bytes and goes away when the door has had them, or has closed the connection. */
async function throwAt(bytes: Uint8Array): Promise<void> {
  const client = await kafka.wire();
  client.send(bytes);
  client.socket.end();
  // What is answered is thrown away.
  client.socket.resume();
  await client.closed();
}

async function expectWell(): Promise<void> {
  const client = await kafka.wire();
  expect((await client.call("apiVersions", 0, {})).errorCode).toBe(0);
  client.drop();
  await until(async () => (await kafka.metric("varve_kafka_connections")) === 0);
  await until(async () => (await kafka.metric("varve_kafka_requests_in_progress")) === 0);
  expect(await kafka.metric("varve_kafka_request_bytes")).toBe(0);
  const faults = kafka.logged.filter(({ facts }) => "err" in facts);
  expect(faults).toEqual([]);
}

test("hostile: every API with nothing in it: is answered or closed, and no handler falls over", async () => {
  for (const frame of valid) await throwAt(frame);
  await expectWell();
});

test("property: a byte of a valid request is another one: nothing stays behind", async () => {
  const change = fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(change, async ([which, where, by]) => {
      const frame = Buffer.from(valid[which % valid.length] ?? Buffer.alloc(0));
      const at = 4 + (where % (frame.length - 4));
      frame[at] = (frame[at] ?? 0) ^ by;
      await throwAt(frame);
    }),
    { numRuns: 300 },
  );
  await expectWell();
});

test("property: noise behind a size that fits, or none: nothing stays behind", async () => {
  const noise = fc.tuple(fc.uint8Array({ minLength: 8, maxLength: 200 }), fc.boolean());
  await fc.assert(
    fc.asyncProperty(noise, async ([bytes, isFramed]) => {
      const size = Buffer.alloc(4);
      size.writeInt32BE(bytes.length);
      await throwAt(isFramed ? Buffer.concat([size, bytes]) : bytes);
    }),
    { numRuns: 150 },
  );
  await expectWell();
});
