// A log whose batches are 100 bytes long, ten to a segment, and the ways in which its files are damaged.

import { expect } from "vitest";
import { segmentName } from "../../src/log/segment.ts";
import { FaultyDisk } from "./faulty-disk.ts";
import { batchOfSize, LogFixture, logDirectory } from "./log-fixture.ts";

/** Bytes of each batch, which has one record. */
export const batchBytes = 100;
/** Segments of ten batches. */
export const config = { segmentBytes: 1000, indexIntervalBytes: 250 };
/** At most five batches are unsynced: W is 500 bytes. */
export const limits = { groupBytesMax: 500, unsyncedBytesMax: 500 };

/** The log on a disk, not open yet. */
export function fixtureOf(disk: FaultyDisk): LogFixture {
  return new LogFixture({ disk, config, limits });
}

/** The path of a segment's file. */
export function pathOf(baseOffset: number, kind = "log"): string {
  return `${logDirectory}/${segmentName(baseOffset)}.${kind}`;
}

/** A log of `count` records; the checkpoint says that `checkpointed` of them were durable. */
export async function written(count: number, checkpointed: number | null): Promise<FaultyDisk> {
  const fixture = fixtureOf(new FaultyDisk());
  const log = await fixture.open();
  for (let index = 0; index < count; index++) {
    if (index === checkpointed) await fixture.persist();
    await log.append([batchOfSize(batchBytes, 1000 + index)]).durable;
  }
  if (count === checkpointed) await fixture.persist();
  return (fixture.disk as FaultyDisk).kill();
}

/** Changes the bytes of a file, durably. */
export function edit(
  disk: FaultyDisk,
  path: string,
  change: (bytes: Uint8Array) => Uint8Array,
): void {
  const bytes = disk.contents(path);
  if (bytes === null) throw new Error(`no ${path}`);
  disk.setContents(path, change(bytes));
}

/** Flips bits of one byte. */
export function flipped(at: number, mask = 1): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    return bytes;
  };
}

/** Puts bytes behind the end. */
export function appended(...more: readonly Uint8Array[]): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => Buffer.concat([bytes, ...more]);
}

/** Paths of what recovery cut and kept. */
export function quarantined(disk: FaultyDisk): string[] {
  return disk.paths().filter((path) => path.includes("/quarantine/"));
}

/** Opens a damaged log: it must refuse appends, leave every byte of data alone, and say why. */
export async function openedCorrupt(disk: FaultyDisk): Promise<LogFixture> {
  const logs = disk.paths().filter((path) => path.endsWith(".log"));
  const before = new Map(logs.map((path) => [path, disk.contents(path)]));
  const fixture = fixtureOf(disk);
  const log = await fixture.open();
  expect(log.health().state).toBe("corrupt");
  expect(() => log.append([batchOfSize(100)])).toThrowError(
    expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" }),
  );
  for (const [path, bytes] of before) expect(disk.contents(path), path).toEqual(bytes);
  return fixture;
}
