import { expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { LogError } from "../../../src/base/error.ts";
import { Appender } from "../../../src/doors/http/appender.ts";
import { batchOf, recordsOf } from "../../support/batches.ts";
import { MemoryServices } from "../../support/memory-services.ts";

async function engine(maxMessageBytes: number): Promise<MemoryServices> {
  const services = new MemoryServices({ clock: systemClock, maxMessageBytes });
  const configs = { "max.message.bytes": String(maxMessageBytes) };
  await services.topics.create({ name: "t", partitionCount: 1, configs, validateOnly: false });
  return services;
}

const part = (batch: Uint8Array) => {
  return { topic: "t", partition: 0, batches: [batch], expectedEndOffset: null };
};

test("a batch above the topic's limit: divided, with everything kept; the limit is remembered", async () => {
  const services = await engine(300);
  const appender = new Appender(services, 1_000_000);
  const records = Array.from({ length: 20 }, (_, index) => ({
    key: index % 2 === 0 ? `k${index}` : null,
    value: index === 7 ? null : "v".repeat(50),
    timestampMs: 1000 + index,
    headers: [{ key: "h", value: String(index) }],
  }));
  const batch = batchOf(records);
  const expected = recordsOf(batch);
  const result = await appender.one(-1, part(batch));
  expect(result).toMatchObject({ error: null, baseOffset: 0, logEndOffset: 20 });
  expect(appender.batchBytesMaxOf("t")).toBe(300);
  expect(appender.batchBytesMaxOf("other")).toBe(1_000_000);
  const fetched = await services.data.fetch({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1e6,
    isolation: "read_uncommitted",
    partitions: [{ topic: "t", partition: 0, fetchOffset: 0, maxBytes: 1e6 }],
    signal: null,
  });
  expect(recordsOf(fetched.partitions[0]?.batches ?? new Uint8Array(0))).toEqual(expected);
});

test("one record above the limit: refused", async () => {
  const appender = new Appender(await engine(300), 1_000_000);
  const batch = batchOf([{ key: null, value: "v".repeat(400), timestampMs: 1 }]);
  expect(await appender.one(-1, part(batch))).toMatchObject({ error: "MESSAGE_TOO_LARGE" });
});

test("an engine that throws: the name is in the result of every partition", async () => {
  const services = await engine(300);
  services.produceGate = Promise.reject(new LogError("SERVER_OVERLOADED", "full"));
  const appender = new Appender(services, 1000);
  const batch = batchOf([{ key: null, value: "v", timestampMs: 1 }]);
  const results = await appender.all(-1, [part(batch), part(batch.slice())]);
  expect(results.map(({ error, detail }) => [error, detail])).toEqual([
    ["SERVER_OVERLOADED", "full"],
    ["SERVER_OVERLOADED", "full"],
  ]);
});
