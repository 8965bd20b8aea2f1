import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { NodeDisk } from "../../src/storage/node-disk.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfValues, LogFixture } from "../support/log-fixture.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "varve-log-"));
  folders.push(folder);
  return folder;
}

describe("log: append and read", () => {
  test("records come back in order with contiguous offsets, across segments and a restart", async () => {
    const fixture = new LogFixture({ disk: new FaultyDisk() });
    const log = await fixture.open();
    const values = Array.from({ length: 100 }, (_, index) => `value ${index}`);
    for (const [index, value] of values.entries()) {
      const pending = log.append([batchOfValues([value], index)]);
      expect(pending.baseOffset).toBe(index);
      await pending.durable;
    }
    expect(log.segmentCount()).toBeGreaterThan(5);
    const records = await fixture.readAll(0);
    expect(records.map((record) => record.value)).toEqual(values);
    expect(records.map((record) => record.offset)).toEqual(values.map((_, index) => index));
    await fixture.closeClean();
    await fixture.open();
    expect((await fixture.readAll(37)).map((record) => record.value)).toEqual(values.slice(37));
    expect(fixture.log.append([batchOfValues(["next"])]).baseOffset).toBe(100);
  });
});

describe("log: on the real disk", () => {
  for (const readMode of ["map", "pread"] as const) {
    test(`${readMode}: append, read, roll, trim, find by time, restart without and with a close`, async () => {
      const directory = join(scratch(), "orders-0");
      const disk = new NodeDisk({ readMode });
      const settings = { disk, directory, config: { fileDeleteDelayMs: 0 } };
      const fixture = new LogFixture(settings);
      const checkpoint = { recoveryPoint: 0, logStartOffset: 0, segmentBase: 0, position: 0 };
      const owner = { checkpoint: null, persistCheckpoint: () => Promise.resolve() };
      const log = await fixture.openAlone(owner);
      for (let index = 0; index < 60; index++) {
        log.append([batchOfValues([`v${index}`], index)]);
        if (index % 7 === 0) await log.flush();
      }
      await log.flush();
      expect((await fixture.readAll(0)).map(({ value }) => value)).toHaveLength(60);
      await log.trim(20);
      await fixture.clock.run(1);
      expect(await log.offsetForTime(33)).toEqual({ offset: 33, timestampMs: 33 });
      const last = log.checkpoint();
      const died = new LogFixture(settings);
      const again = await died.openAlone({ ...owner, checkpoint: { ...checkpoint, ...last } });
      expect(again.positions()).toMatchObject({
        logStartOffset: 20,
        highWatermark: 60,
        logEndOffset: 60,
      });
      expect((await died.readAll(20)).length).toBe(40);
      await again.append([batchOfValues(["last"])]).durable;
      await again.close();
      const closed = new LogFixture(settings);
      await closed.openAlone({ ...owner, checkpoint: again.checkpoint() });
      expect((await closed.readAll(60)).map(({ value }) => value)).toEqual(["last"]);
      await closed.log.close();
      await log.close();
      const logs = readdirSync(directory).filter((name) => name.endsWith(".log"));
      for (const name of logs) expect(statSync(join(directory, name)).size).toBeLessThan(1100);
    });
  }
});
