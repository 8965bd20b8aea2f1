import { expect, test } from "vitest";
import { recordsOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, batchOfValues, LogFixture, logDirectory } from "../support/log-fixture.ts";

test("segment reader: a damaged batch ends the answer before it, and is the error of the next", async () => {
  const fixture = new LogFixture({ disk: new FaultyDisk() });
  const log = await fixture.open();
  for (let index = 0; index < 5; index++) await log.append([batchOfSize(100)]).durable;
  await fixture.closeClean();
  const disk = (fixture.disk as FaultyDisk).kill();
  const path = `${logDirectory}/00000000000000000000.log`;
  const bytes = disk.contents(path) ?? new Uint8Array(0);
  bytes[370] = (bytes[370] ?? 0) ^ 1;
  disk.setContents(path, bytes);
  const again = new LogFixture({ disk });
  await again.open();
  const result = await again.log.read({ offset: 0, maxBytes: 9999, upTo: "highWatermark" });
  expect(result.nextOffset).toBe(3);
  result.release();
  await expect(
    again.log.read({ offset: 3, maxBytes: 9999, upTo: "highWatermark" }),
  ).rejects.toMatchObject({ code: "CORRUPT_MESSAGE", facts: { position: 300 } });
});

test("segment reader: a large batch after small ones is found without reading past the limit", async () => {
  const fixture = new LogFixture({
    disk: new FaultyDisk({ maps: false }),
    config: { segmentBytes: 1 << 20, indexIntervalBytes: 1 << 20 },
    limits: { groupBytesMax: 200_000, unsyncedBytesMax: 200_000, queuedBytesMax: 1 << 20 },
  });
  const log = await fixture.open();
  const batches = [...Array.from({ length: 300 }, () => batchOfValues(["s"])), batchOfSize(90_000)];
  for (const batch of batches) log.append([batch]);
  await log.flush();
  const result = await log.read({ offset: 300, maxBytes: 10, upTo: "highWatermark" });
  expect(recordsOf(result.bytes).map(({ offset }) => offset)).toEqual([300]);
  result.release();
  expect((await fixture.readAll(0, 20_000)).length).toBe(301);
});
