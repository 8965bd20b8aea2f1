// Every bit and every length of a small log: damage is an error or is cut where it may be, and never a wrong record.

import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfValues, LogFixture, logDirectory } from "../support/log-fixture.ts";

const config = { segmentBytes: 160, indexIntervalBytes: 70 };
const limits = { groupBytesMax: 130, unsyncedBytesMax: 130 };
const count = 5;

function fixtureOf(disk: FaultyDisk): LogFixture {
  return new LogFixture({ disk, config, limits });
}

// Three segments, two small batches in each but the last; closed, with a checkpoint of everything.
async function smallLog(): Promise<FaultyDisk> {
  const fixture = fixtureOf(new FaultyDisk());
  const log = await fixture.open();
  for (let index = 0; index < count; index++) {
    await log.append([batchOfValues([`v${index}`], 5000 + index)]).durable;
  }
  await fixture.closeClean();
  const disk = (fixture.disk as FaultyDisk).kill();
  expect(disk.paths().filter((path) => path.endsWith(".log"))).toHaveLength(3);
  return disk;
}

// Reads every offset by itself; what comes back must be what was written there. Returns the offsets that failed.
async function readEach(fixture: LogFixture): Promise<readonly number[]> {
  const failed: number[] = [];
  for (let offset = 0; offset < count; offset++) {
    try {
      const { log } = fixture;
      const result = await log.read({ offset, maxBytes: 1, upTo: "highWatermark" });
      const values = Buffer.from(result.bytes).toString("latin1");
      result.release();
      if (result.bytes.length === 0) failed.push(offset);
      else expect(values).toContain(`v${offset}`);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      expect(["CORRUPT_MESSAGE", "KAFKA_STORAGE_ERROR"]).toContain(error.code);
      failed.push(offset);
    }
  }
  return failed;
}

async function opened(disk: FaultyDisk): Promise<LogFixture | null> {
  const fixture = fixtureOf(disk);
  try {
    await fixture.open();
    return fixture;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    expect(error.code).toBe("KAFKA_STORAGE_ERROR");
    return null;
  }
}

function filesOf(disk: FaultyDisk): readonly string[] {
  return disk.paths().filter((path) => path.startsWith(logDirectory));
}

describe("damage: one flipped bit in a log file", () => {
  for (const { isScanned, name } of [
    { isScanned: false, name: "below the recovery point: refused, nothing is cut" },
    { isScanned: true, name: "of records that no checkpoint covers: cut or refused" },
  ]) {
    test(`${name}; every other record is right`, async () => {
      const whole = await smallLog();
      if (isScanned) await whole.kill().remove("/data/checkpoint");
      const logs = filesOf(whole).filter((path) => path.endsWith(".log"));
      for (const path of isScanned ? logs.slice(-1) : [logs[0] ?? "", logs.at(-1) ?? ""]) {
        const before = whole.contents(path) ?? new Uint8Array(0);
        for (let bit = 0; bit < before.length * 8; bit++) {
          const disk = whole.kill();
          const bytes = before.slice();
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          disk.setContents(path, bytes);
          const fixture = await opened(disk);
          const failed = fixture === null ? [0] : await readEach(fixture);
          expect(failed.length, `bit ${bit} of ${path}`).toBeGreaterThan(0);
          if (!isScanned) expect(disk.contents(path)?.length).toBe(before.length);
          disk.setContents(path, before);
        }
      }
    });
  }
});

describe("damage below the checkpoint", () => {
  test("a log file cut at any byte: durable records are missing, which is said and not repaired", async () => {
    const whole = await smallLog();
    for (const path of filesOf(whole).filter((name) => name.endsWith(".log"))) {
      const before = whole.contents(path) ?? new Uint8Array(0);
      for (let length = 0; length < before.length; length++) {
        const disk = whole.kill();
        disk.setContents(path, before.slice(0, length));
        const fixture = await opened(disk);
        const failed = fixture === null ? [0] : await readEach(fixture);
        expect(failed.length, `${path} cut to ${length}`).toBeGreaterThan(0);
        disk.setContents(path, before);
      }
    }
  });

  test("an index file flipped or cut anywhere: all records are still read", async () => {
    const whole = await smallLog();
    for (const path of filesOf(whole).filter((name) => name.endsWith("index"))) {
      const before = whole.contents(path) ?? new Uint8Array(0);
      const states = [null, ...before.keys()].flatMap((at) =>
        at === null
          ? [new Uint8Array(0), Buffer.concat([before, Buffer.alloc(5)])]
          : [before.slice(0, at), ...flips(before, at)],
      );
      for (const bytes of states) {
        const disk = whole.kill();
        disk.setContents(path, bytes);
        const fixture = fixtureOf(disk);
        await fixture.open();
        expect(await readEach(fixture)).toEqual([]);
        disk.setContents(path, before);
      }
      const disk = whole.kill();
      await disk.remove(path);
      const fixture = fixtureOf(disk.kill());
      await fixture.open();
      expect(await readEach(fixture)).toEqual([]);
    }
  });
});

function flips(bytes: Uint8Array, at: number): Uint8Array[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    return flipped;
  });
}
