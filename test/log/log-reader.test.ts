import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchOf, recordsOf } from "../support/batches.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, batchOfValues, LogFixture, logDirectory } from "../support/log-fixture.ts";

async function filled(count: number, disk = new FaultyDisk()): Promise<LogFixture> {
  const fixture = new LogFixture({ disk });
  const log = await fixture.open();
  for (let index = 0; index < count; index++) {
    await log.append([batchOfValues([`a${index}`, `b${index}`], 1000 + index * 10)]).durable;
  }
  return fixture;
}

async function reopened(fixture: LogFixture): Promise<LogFixture> {
  await fixture.closeClean();
  const again = new LogFixture({ disk: (fixture.disk as FaultyDisk).kill() });
  await again.open();
  return again;
}

describe("reader: ranges", () => {
  test("the end gives nothing, above the end and below the start are errors with facts", async () => {
    const fixture = await filled(3);
    const { log } = fixture;
    const atEnd = await log.read({ offset: 6, maxBytes: 100, upTo: "highWatermark" });
    expect([atEnd.bytes.length, atEnd.nextOffset]).toEqual([0, 6]);
    atEnd.release();
    await expect(
      log.read({ offset: 7, maxBytes: 100, upTo: "highWatermark" }),
    ).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE", facts: { logEndOffset: 6 } });
    await expect(
      log.read({ offset: -1, maxBytes: 100, upTo: "highWatermark" }),
    ).rejects.toMatchObject({ code: "OFFSET_BELOW_LOG_START" });
  });

  for (const maps of [true, false]) {
    test(`any offset with any limit, ${maps ? "mapped" : "read"}: whole batches, the first always`, async () => {
      const disk = new FaultyDisk({ maps, views: "poisoned" });
      const fixture = await reopened(await filled(40, disk));
      await fc.assert(
        fc.asyncProperty(fc.nat(79), fc.nat(1500), async (offset, maxBytes) => {
          const { log } = fixture;
          const result = await log.read({ offset, maxBytes, upTo: "highWatermark" });
          const records = recordsOf(result.bytes);
          const [first] = records;
          expect(first?.offset).toBe(offset - (offset % 2));
          expect(records.at(-1)?.offset).toBe(result.nextOffset - 1);
          if (records.length > 2) expect(result.bytes.length).toBeLessThanOrEqual(maxBytes);
          for (const record of records) {
            expect(record.value).toBe(
              `${record.offset % 2 === 0 ? "a" : "b"}${record.offset >> 1}`,
            );
          }
          result.release();
        }),
        { numRuns: 200, seed: 5 },
      );
      await settle();
      expect((fixture.disk as FaultyDisk).liveMaps).toBeLessThanOrEqual(4);
      await fixture.log.close();
      await settle();
      expect((fixture.disk as FaultyDisk).liveMaps).toBe(0);
      expect((fixture.disk as FaultyDisk).openFiles).toBe(0);
    });
  }

  test("a batch far larger than the limit comes whole", async () => {
    const fixture = await filled(2);
    await fixture.log.append([batchOfSize(4000)]).durable;
    const result = await fixture.log.read({ offset: 4, maxBytes: 1, upTo: "highWatermark" });
    expect(result.bytes.length).toBe(4000);
    result.release();
  });

  test("cold ranges are brought in before they are touched, fresh ones are not", async () => {
    const fixture = await filled(3);
    const disk = fixture.disk as FaultyDisk;
    const populates = (each: FaultyDisk): number =>
      each.operations.filter(({ kind }) => kind === "populate").length;
    await fixture.readAll(0);
    expect(populates(disk)).toBe(0);
    const again = await reopened(fixture);
    await again.readAll(0);
    expect(populates(again.disk as FaultyDisk)).toBeGreaterThan(0);
  });

  test("a range that cannot be brought in is an error, and the lease is given back", async () => {
    const fixture = await reopened(await filled(3));
    const disk = fixture.disk as FaultyDisk;
    disk.plan({ kind: "populate", effect: "fail", times: 10 });
    await expect(fixture.readAll(0)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    await fixture.log.close();
    await settle();
    expect(disk.liveMaps).toBe(0);
  });

  test("damage found in the active segment ends appends, damage in a sealed one does not", async () => {
    const sealed = await reopened(await filled(30));
    const flip = (fixture: LogFixture, path: string): void => {
      const disk = fixture.disk as FaultyDisk;
      const bytes = disk.contents(path) ?? new Uint8Array(0);
      bytes[70] = (bytes[70] ?? 0) ^ 1;
      disk.setContents(path, bytes);
    };
    const logs = (sealed.disk as FaultyDisk).paths().filter((path) => path.endsWith(".log"));
    flip(sealed, logs[0] ?? "");
    const corrupt = { code: "CORRUPT_MESSAGE" };
    await expect(sealed.readAll(0)).rejects.toMatchObject(corrupt);
    expect(sealed.log.health().state).toBe("ok");
    expect(sealed.log.append([batchOfSize(100)]).baseOffset).toBe(60);
    await sealed.log.flush();
    flip(sealed, logs.at(-1) ?? "");
    await expect(sealed.readAll(2)).rejects.toMatchObject(corrupt);
    expect(sealed.log.health().state).toBe("corrupt");
    expect(() => sealed.log.append([batchOfSize(100)])).toThrowError(
      expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" }),
    );
    // The next start believes the checkpoint again, not this process's view of the end.
    expect(sealed.log.checkpoint().recoveryPoint).toBe(61);
  });
});

describe("reader: by time", () => {
  test("the first record at or after, to the record, whatever the order of times", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 3 }), { maxLength: 25 }),
        fc.boolean(),
        fc.nat(20),
        async (batches, isReopened, trimTo) => {
          let fixture = new LogFixture({
            disk: new FaultyDisk(),
            config: { segmentBytes: 400, indexIntervalBytes: 90 },
          });
          await fixture.open();
          for (const times of batches) {
            const records = times.map((timestampMs) => ({ value: "v", timestampMs }));
            fixture.log.append([batchOf(records)]);
          }
          await fixture.log.flush();
          const times = batches.flat();
          const start = Math.min(trimTo, times.length);
          await fixture.log.trim(start);
          if (isReopened) fixture = await reopened(fixture);
          for (const target of [0, 1, 10, 25, 40, 49, 50, 51]) {
            const offset = times.findIndex((time, index) => index >= start && time >= target);
            const found = offset < 0 ? null : { offset, timestampMs: times[offset] };
            expect(await fixture.log.offsetForTime(target)).toEqual(found);
          }
          const max = Math.max(...times.slice(start));
          const offset = times.indexOf(max, start);
          const found = offset < 0 ? null : { offset, timestampMs: max };
          expect(await fixture.log.maxTimestamp()).toEqual(found);
        },
      ),
      { numRuns: 60, seed: 11 },
    );
  });

  test("records above the high watermark are not found", async () => {
    const fixture = await filled(2);
    const disk = fixture.disk as FaultyDisk;
    const release = disk.hold({ kind: "sync" });
    const pending = fixture.log.append([batchOfValues(["late"], 99_999)]);
    await pending.written;
    expect(await fixture.log.offsetForTime(50_000)).toBeNull();
    expect(await fixture.log.maxTimestamp()).toEqual({ offset: 3, timestampMs: 1011 });
    release();
    await pending.durable;
    expect(await fixture.log.maxTimestamp()).toEqual({ offset: 4, timestampMs: 99_999 });
  });

  test("compressed batches are opened to find the record", async () => {
    const fixture = await filled(0);
    const records = [5, 6, 7].map((timestampMs) => ({ value: "x".repeat(50), timestampMs }));
    await fixture.log.append([batchOf(records, { codec: "gzip" })]).durable;
    expect(await fixture.log.offsetForTime(6)).toEqual({ offset: 1, timestampMs: 6 });
  });
});

describe("reader: indexes on disk", () => {
  test("an index entry into the middle of a batch is found out at its first use and mended", async () => {
    const fixture = await filled(40);
    await fixture.closeClean();
    const disk = (fixture.disk as FaultyDisk).kill();
    const path = `${logDirectory}/00000000000000000000.index`;
    const bytes = disk.contents(path) ?? new Uint8Array(0);
    expect(bytes.length).toBeGreaterThanOrEqual(16);
    const good = bytes.slice();
    new DataView(bytes.buffer, bytes.byteOffset).setInt32(4, 11);
    disk.setContents(path, bytes);
    const again = new LogFixture({ disk });
    await again.open();
    expect((await again.readAll(0)).length).toBe(80);
    expect(again.kept.warnings).toHaveLength(1);
    expect(disk.contents(path)).toEqual(good);
  });

  test("the same in the active segment: reads go on, and the next seal writes good ones", async () => {
    const fixture = new LogFixture({ disk: new FaultyDisk(), config: { segmentBytes: 3000 } });
    const log = await fixture.open();
    for (let index = 0; index < 20; index++) await log.append([batchOfSize(100, index)]).durable;
    await fixture.closeClean();
    const disk = (fixture.disk as FaultyDisk).kill();
    const path = `${logDirectory}/00000000000000000000.index`;
    const bytes = disk.contents(path) ?? new Uint8Array(0);
    new DataView(bytes.buffer, bytes.byteOffset).setInt32(4, 250);
    disk.setContents(path, bytes);
    const again = new LogFixture({ disk, config: { segmentBytes: 3000 } });
    await again.open();
    expect((await again.readAll(0)).length).toBe(20);
    for (let index = 0; index < 20; index++) {
      await again.log.append([batchOfSize(100, 20 + index)]).durable;
    }
    expect((await again.readAll(0)).length).toBe(40);
    const mended = disk.contents(path) ?? new Uint8Array(0);
    expect(new DataView(mended.buffer, mended.byteOffset).getInt32(4)).toBe(300);
  });
});
