import { expect, test } from "vitest";
import { defaultLimits, silentObserver } from "../../src/log/log-options.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture } from "../support/log-fixture.ts";

test("log options: the default limits fit each other, and limits that do not are refused", async () => {
  expect(defaultLimits.groupBytesMax).toBeLessThanOrEqual(defaultLimits.unsyncedBytesMax);
  const limits = { groupBytesMax: 200, unsyncedBytesMax: 100 };
  await expect(new LogFixture({ disk: new FaultyDisk(), limits }).open()).rejects.toThrowError(
    /unsynced window/,
  );
});

test("log options: the observer hears of every group and sync in bytes, records and time", async () => {
  const heard: unknown[] = [];
  const observer = {
    ...silentObserver,
    appended: (bytes: number, records: number) => heard.push(["appended", bytes, records]),
    synced: (durationMs: number, bytes: number) => heard.push(["synced", durationMs, bytes]),
  };
  const fixture = new LogFixture({ disk: new FaultyDisk(), observer });
  const log = await fixture.open();
  log.append([batchOfSize(100), batchOfSize(120)]);
  log.append([batchOfSize(80)]);
  await log.flush();
  expect(heard).toEqual([
    ["appended", 300, 3],
    ["synced", 0, 300],
  ]);
});
