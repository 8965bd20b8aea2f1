// The corruption table, row by row, as far as it is about a data directory: its disk, and what stands in the place of a
// manifest: the catalog is a log, the checkpoint is derived. The rows about a partition's files are beside this file.

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { Engine } from "../../src/engine.ts";
import type { ProducerIdentity } from "../../src/services.ts";
import {
  appended,
  edit,
  fixtureOf,
  flipped,
  openedCorrupt,
  pathOf,
  written,
} from "../support/damaged-log.ts";
import { createTopic, openTestEngine, outcomeOf, produce, readValues } from "../support/engines.ts";
import type { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, type LogFixture } from "../support/log-fixture.ts";
import { producerBatch } from "../support/producer-batches.ts";

const everything = { maxBytes: 9999, upTo: "highWatermark" } as const;

function offsetsUpTo(end: number): readonly number[] {
  return Array.from({ length: end }, (_, index) => index);
}

async function offsetsRead(fixture: LogFixture): Promise<readonly number[]> {
  return (await fixture.readAll(0)).map(({ offset }) => offset);
}

// An engine's directory with one topic of three values, left by a process that died or stopped.
async function engineDirectory(leaving: "stop" | "kill" = "kill"): Promise<FaultyDisk> {
  const { engine, disk } = await openTestEngine();
  await createTopic(engine, "t");
  await produce(engine, { topic: "t", values: ["a", "b", "c"] });
  if (leaving === "stop") await engine.close();
  return disk.kill();
}

// One batch of a producer, which counts once however often it is sent.
async function sendOnce(
  engine: Engine,
  { producerId: id, producerEpoch: epoch }: ProducerIdentity,
) {
  const timestampMs = 1_700_000_000_000;
  const batches = [producerBatch({ id, epoch, sequence: 0, timestampMs })];
  const partitions = [{ topic: "t", partition: 0, batches, expectedEndOffset: null }];
  const [result] = await engine.services.data.produce({ acks: -1, partitions });
  return result;
}

async function valuesAfterStart(disk: FaultyDisk): Promise<readonly (string | null)[]> {
  const { engine } = await openTestEngine({ disk });
  return readValues(engine, "t");
}

describe("corruption table: the disk", () => {
  test("17 full during a roll: refused, the old segment whole, goes on when there is room", async () => {
    const disk = await written(9, 9);
    const fixture = fixtureOf(disk);
    const log = await fixture.open();
    await log.append([batchOfSize(100)]).durable;
    const plan = disk.plan({ kind: ["open", "reserve", "write"], effect: "full", times: 1000 });
    expect(await outcomeOf(log.append([batchOfSize(100)]).durable)).toBe("DISK_FULL");
    plan.cancel();
    const again = fixtureOf(disk.kill());
    await again.open();
    expect(await offsetsRead(again)).toEqual(offsetsUpTo(10));
    await again.log.append([batchOfSize(100)]).durable;
    expect(await offsetsRead(again)).toEqual(offsetsUpTo(11));
  });

  test("18 crash between create, rename and the sync of the directory: temporary files count for nothing", async () => {
    const disk = await engineDirectory("stop");
    for (const name of ["checkpoint.tmp", "t-0/00000000000000000003.snapshot.tmp"]) {
      disk.setContents(`/data/${name}`, Buffer.from("torn"));
    }
    expect(await valuesAfterStart(disk)).toEqual(["a", "b", "c"]);
    // A roll whose segment was made and not written to.
    const rolled = await written(10, 5);
    rolled.setContents(pathOf(10), new Uint8Array(0));
    const fixture = fixtureOf(rolled);
    await fixture.open();
    expect(await offsetsRead(fixture)).toEqual(offsetsUpTo(10));
  });

  test("26 a second process: refused", async () => {
    const { engine, disk } = await openTestEngine();
    expect(await outcomeOf(openTestEngine({ disk }))).toBe("KAFKA_STORAGE_ERROR");
    await engine.close();
    expect(await outcomeOf(openTestEngine({ disk }))).toBe("ok");
  });

  test("29 a page that cannot be read: the request fails, the log stays, nothing is cut", async () => {
    const disk = await written(25, 25);
    const fixture = fixtureOf(disk);
    const log = await fixture.open();
    disk.plan({
      kind: ["read", "populate", "map"],
      path: /0{20}\.log$/,
      effect: "fail",
      times: 50,
    });
    const code = "KAFKA_STORAGE_ERROR";
    await expect(log.read({ offset: 0, ...everything })).rejects.toMatchObject({ code });
    expect((await log.read({ offset: 12, ...everything })).nextOffset).toBeGreaterThan(12);
    expect(disk.contents(pathOf(0))?.length).toBe(1000);
  });

  test("30 nothing can be written, or a directory stands where a file should: said at the start", async () => {
    const disk = await engineDirectory("stop");
    const before = disk.contents("/data/t-0/00000000000000000000.log");
    const kinds = ["write", "rename", "truncate", "remove"] as const;
    const plan = disk.plan({ kind: kinds, effect: "fail", times: 1000 });
    expect(await outcomeOf(openTestEngine({ disk }))).toBe("KAFKA_STORAGE_ERROR");
    plan.cancel();
    const after = disk.kill();
    expect(after.contents("/data/t-0/00000000000000000000.log")).toEqual(before);
    await after.remove("/data/format.json");
    await after.makeDirectory("/data/format.json");
    expect(await outcomeOf(openTestEngine({ disk: after }))).toBe("KAFKA_STORAGE_ERROR");
  });
});

describe("corruption table: what stands for a manifest", () => {
  const catalog = "/data/__cluster_metadata-0/00000000000000000000.log";

  test("20 the catalog's log torn: cut where no checkpoint covers it, no topic's data touched", async () => {
    const disk = await engineDirectory();
    edit(disk, catalog, appended(seededRandom(2).bytes(77)));
    expect(await valuesAfterStart(disk)).toEqual(["a", "b", "c"]);
  });

  test("20 the catalog's log flipped, missing or empty: the start is refused, nothing deleted", async () => {
    const damages: readonly ((disk: FaultyDisk) => Promise<void> | void)[] = [
      (disk) => edit(disk, catalog, flipped(100)),
      (disk) => disk.remove(catalog),
      (disk) => disk.setContents(catalog, new Uint8Array(0)),
    ];
    for (const [index, damage] of damages.entries()) {
      const disk = await engineDirectory("stop");
      const log = "/data/t-0/00000000000000000000.log";
      const before = disk.contents(log);
      await damage(disk);
      expect(await outcomeOf(openTestEngine({ disk })), `${index}`).toMatch(
        /^(KAFKA_STORAGE_ERROR|CORRUPT_MESSAGE)$/,
      );
      expect(disk.contents(log)).toEqual(before);
    }
  });

  test("21 the checkpoint damaged or missing: logs are scanned from their segments' starts", async () => {
    for (const change of [flipped(20), (bytes: Uint8Array) => bytes.slice(0, 30), null]) {
      const disk = await engineDirectory("stop");
      if (change === null) await disk.remove("/data/checkpoint");
      else edit(disk, "/data/checkpoint", change);
      expect(await valuesAfterStart(disk)).toEqual(["a", "b", "c"]);
    }
  });

  test("21 a recovery point beyond the file: corrupt, for what was promised durable is missing", async () => {
    const disk = await written(8, 8);
    edit(disk, pathOf(0), (bytes) => bytes.slice(0, 430));
    expect((await openedCorrupt(disk)).log.positions().highWatermark).toBe(4);
  });

  test("22 a clean marker of another stop, or of other content: the logs are looked at all the same", async () => {
    for (const change of [flipped(20), flipped(30), () => new Uint8Array(0)]) {
      const disk = await engineDirectory("stop");
      edit(disk, "/data/clean-shutdown", change);
      edit(disk, "/data/t-0/00000000000000000000.log", appended(seededRandom(2).bytes(33)));
      expect(await valuesAfterStart(disk)).toEqual(["a", "b", "c"]);
      expect(disk.contents("/data/clean-shutdown")).toBeNull();
    }
  });

  test("23 a producer snapshot damaged: an older one and the batches; a group's is in its log", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "t");
    const { transactions, groups } = engine.services;
    const nobody = { transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    const id = await transactions.initProducerId({ transactionalId: null, ...nobody });
    await sendOnce(engine, id);
    const member = { group: "g", memberId: "", memberEpoch: -1 };
    const offset = { topic: "t", partition: 0, offset: 1, metadata: "" };
    await groups.commitOffsets({ ...member, offsets: [offset] });
    await engine.close();
    const left = disk.kill();
    const snapshots = left.paths().filter((path) => path.endsWith(".snapshot"));
    expect(snapshots.length).toBeGreaterThan(0);
    for (const path of snapshots) edit(left, path, flipped(8));
    const again = await openTestEngine({ disk: left });
    expect(await sendOnce(again.engine, id)).toMatchObject({ isDuplicate: true, baseOffset: 0 });
    expect(await readValues(again.engine, "t")).toHaveLength(1);
    const [committed] = await again.engine.services.groups.committedOffsets("g", null);
    expect(committed?.offset).toBe(1);
  });
});
