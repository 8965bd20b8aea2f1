import { describe, expect, test } from "vitest";
import { LogFixture, batchOfValues, batchOfSize, logDirectory } from "../support/log-fixture.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

describe("log: append and read", () => {
  test("records come back in order with contiguous offsets across segments", async () => {
    const fixture = new LogFixture({ disk: new FaultyDisk() });
    const log = await fixture.open();
    const values: string[] = [];
    for (let index = 0; index < 100; index++) {
      const value = `value ${index}`;
      values.push(value);
      const pending = log.append([batchOfValues([value], index)]);
      expect(pending.baseOffset).toBe(index);
      await pending.durable;
    }
    expect(log.segmentCount()).toBeGreaterThan(5);
    const records = await fixture.readAll(0);
    expect(records.map((record) => record.value)).toEqual(values);
    expect(records.map((record) => record.offset)).toEqual(values.map((_, index) => index));
    await fixture.closeClean();
    const again = new LogFixture({ disk: fixture.disk });
    await again.open();
    expect((await again.readAll(37)).map((record) => record.value)).toEqual(values.slice(37));
    expect(again.log.positions()).toEqual({
      logStartOffset: 0,
      highWatermark: 100,
      logEndOffset: 100,
    });
    again.log.append([batchOfSize(100)]);
    await again.log.flush();
    expect((await again.readAll(99)).length).toBe(2);
    expect(
      (fixture.disk as FaultyDisk).paths().filter((p) => p.startsWith(logDirectory)).length,
    ).toBeGreaterThan(5);
  });
});
