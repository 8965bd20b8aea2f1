import { describe, expect, test } from "vitest";
import { LogStateLog } from "../../src/coordinator/log-state-log.ts";
import type { EncodedEvent } from "../../src/coordinator/state-machine.ts";
import { codeOf } from "../support/group-world.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { logDirectory, LogFixture } from "../support/log-fixture.ts";

function event(key: string, value: string | null = null): EncodedEvent {
  return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value) };
}

async function shown(log: LogStateLog): Promise<string[]> {
  const found: string[] = [];
  await log.replay(({ key, value, offset, timestampMs }) => {
    const text = value === null ? "gone" : Buffer.from(value).toString();
    found.push(`${offset} ${timestampMs} ${Buffer.from(key).toString()}=${text}`);
  });
  return found;
}

async function openLog(disk = new FaultyDisk()) {
  const fixture = new LogFixture({ disk });
  const log = new LogStateLog(await fixture.open());
  return { disk, fixture, log };
}

describe("log state log", () => {
  test("events: come back with offsets and times, over segments and reopening", async () => {
    const { fixture, log } = await openLog();
    const expected: string[] = [];
    for (let round = 0; round < 40; round++) {
      const events = [event(`a${round}`, "x".repeat(round)), event(`b${round}`)];
      const { baseOffset, nextOffset, durable } = log.append(events, 1000 + round);
      expect([baseOffset, nextOffset]).toEqual([2 * round, 2 * round + 2]);
      expected.push(`${2 * round} ${1000 + round} a${round}=${"x".repeat(round)}`);
      expected.push(`${2 * round + 1} ${1000 + round} b${round}=gone`);
      await durable;
    }
    expect(fixture.log.segmentCount()).toBeGreaterThan(2);
    expect(await shown(log)).toEqual(expected);
    await fixture.closeClean();
    const again = new LogStateLog(await fixture.open());
    expect(await shown(again)).toEqual(expected);
    expect(again.positions().logEndOffset).toBe(80);
  });

  test("an empty value and an empty key are not null; an empty log replays nothing", async () => {
    const { log } = await openLog();
    expect(await shown(log)).toEqual([]);
    await log.append([event("", ""), event("", null)], 5).durable;
    expect(await shown(log)).toEqual(["0 5 =", "1 5 =gone"]);
  });

  test("trimmed within a batch: what is below is not replayed", async () => {
    const { log } = await openLog();
    await log.append([event("a"), event("b"), event("c")], 1).durable;
    await log.trim(2);
    expect(await shown(log)).toEqual(["2 1 c=gone"]);
  });

  test("no room: the end goes back before anybody is told", async () => {
    const { disk, log } = await openLog();
    await log.append([event("a")], 1).durable;
    disk.capacityBytes = disk.usedBytes;
    const refused = [1, 2].map(() => log.append([event("b", "x".repeat(900))], 2).durable);
    let endWhenTold = -1;
    refused[0]?.catch(() => (endWhenTold = log.positions().logEndOffset));
    expect(await Promise.all(refused.map(codeOf))).toEqual(["DISK_FULL", "DISK_FULL"]);
    expect(endWhenTold).toBe(1);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await log.append([event("c")], 3).durable;
    expect(await shown(log)).toEqual(["0 1 a=gone", "1 3 c=gone"]);
  });

  test("a damaged log: refused, for an older state would be served", async () => {
    const { disk, fixture, log } = await openLog();
    for (let round = 0; round < 3; round++) await log.append([event("a", "x")], 1).durable;
    await fixture.closeClean();
    const path = `${logDirectory}/00000000000000000000.log`;
    const bytes = disk.contents(path) ?? new Uint8Array();
    bytes.set([(bytes.at(70) ?? 0) ^ 0xff], 70);
    disk.setContents(path, bytes);
    const crashed = disk.kill();
    await crashed.remove("/data/clean");
    await settle();
    const { log: reopened } = await openLog(crashed);
    expect(await codeOf(shown(reopened))).toMatch(/KAFKA_STORAGE_ERROR|CORRUPT_MESSAGE/);
  });
});
