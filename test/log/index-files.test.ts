import { expect, test } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture, logDirectory } from "../support/log-fixture.ts";

const names = ["index", "timeindex"] as const;

async function sealed(disk: FaultyDisk): Promise<LogFixture> {
  const fixture = new LogFixture({ disk });
  const log = await fixture.open();
  for (let index = 0; index < 25; index++) await log.append([batchOfSize(100, index)]).durable;
  return fixture;
}

function contentsOf(disk: FaultyDisk): (string | null)[] {
  return names.map((name) => {
    const bytes = disk.contents(`${logDirectory}/00000000000000000010.${name}`);
    return bytes === null ? null : Buffer.from(bytes).toString("hex");
  });
}

test("index files: Kafka's bytes, compact, synced before the next segment exists", async () => {
  const disk = new FaultyDisk();
  await sealed(disk);
  // Batches of 100 bytes, an entry after more than 200: at 300, 600 and 900; the last time entry is batch 9's.
  expect(contentsOf(disk)).toEqual([
    "000000030000012c00000006000002580000000900000384",
    "000000000000000d00000003000000000000001000000006000000000000001300000009",
  ]);
  for (const name of names) {
    expect(disk.isDurable(`${logDirectory}/00000000000000000010.${name}`)).toBe(true);
  }
});

test("index files: missing, short or foreign ones are made again from the log, the same bytes", async () => {
  const fixture = await sealed(new FaultyDisk());
  const good = contentsOf(fixture.disk as FaultyDisk);
  await fixture.closeClean();
  for (const name of names) {
    for (const bytes of [null, new Uint8Array(0), Buffer.alloc(12), Buffer.alloc(7)]) {
      const disk = (fixture.disk as FaultyDisk).kill();
      const path = `${logDirectory}/00000000000000000010.${name}`;
      if (bytes === null) await disk.remove(path);
      else disk.setContents(path, bytes);
      const again = new LogFixture({ disk });
      await again.open();
      expect((await again.readAll(10)).length).toBe(15);
      expect(await again.log.offsetForTime(17)).toEqual({ offset: 17, timestampMs: 17 });
      expect(contentsOf(disk)).toEqual(good);
    }
  }
});

test("index files: when they cannot be written the segment is sealed all the same", async () => {
  const disk = new FaultyDisk();
  disk.plan({ kind: "write", path: /index$/, effect: "full", times: 99 });
  const fixture = await sealed(disk);
  expect(fixture.log.segmentCount()).toBe(3);
  expect(fixture.kept.warnings).toHaveLength(2);
  expect(disk.paths().filter((path) => path.endsWith("index"))).toEqual([]);
  expect((await fixture.readAll(0)).length).toBe(25);
});
