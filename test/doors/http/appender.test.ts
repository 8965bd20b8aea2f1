import { expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { LogError } from "../../../src/base/error.ts";
import { Appender } from "../../../src/doors/http/appender.ts";
import { batchOf } from "../../support/batches.ts";
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

test("batches: as large as the door builds, or as the topic takes with room to grow", async () => {
  const listing = async (bytes: number) => {
    const found = (await engine(bytes)).topics.lookup("t");
    if (found === null) throw new Error("no topic");
    return found;
  };
  const appender = new Appender(await engine(300), 1_000_000);
  expect(appender.batchBytesMaxOf(await listing(2_000_000))).toBe(1_000_000);
  expect(appender.batchBytesMaxOf(await listing(6400))).toBe(6300);
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
