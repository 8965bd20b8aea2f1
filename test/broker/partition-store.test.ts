import { describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Checkpointer } from "../../src/broker/checkpointer.ts";
import { type PartitionRange, PartitionStore } from "../../src/broker/partition-store.ts";
import { settingsOf } from "../../src/broker/topic-config.ts";
import { defaultFileBounds, FileCache } from "../../src/log/file-cache.ts";
import { defaultLimits, endlessRoom, silentObserver } from "../../src/log/log-options.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import { batchOf } from "../support/batches.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const topicId = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
const otherId = "00000000-7dec-41d0-a765-00a0c91e6bf6";
const settings = settingsOf(new Map(), new Map());

function range(differing: Partial<PartitionRange> = {}): PartitionRange {
  return { topic: "orders", topicId, from: 0, to: 2, settings, ...differing };
}

async function openStore(disk: FaultyDisk) {
  const clock = new FakeClock();
  const seams = { disk, clock, random: seededRandom(1), logger: silentLogger };
  const data = await DataDirectory.open({ path: "/data", ...seams });
  const directoryNames = await data.partitionDirectories();
  const checkpointer = new Checkpointer({
    store: data,
    clock,
    logger: silentLogger,
    intervalMs: 1000,
    directoryNames,
  });
  const files = new FileCache({ ...defaultFileBounds, disk, logger: silentLogger });
  const parts = {
    data,
    files,
    checkpointer,
    limits: defaultLimits,
    observer: silentObserver,
    room: endlessRoom,
    ageClock: clock,
  };
  return { data, checkpointer, store: new PartitionStore({ ...seams, ...parts }) };
}

async function append(store: PartitionStore, made: Awaited<ReturnType<typeof store.create>>) {
  const log = made[0]?.log();
  await log?.append([batchOf([{ value: "a" }])]).durable;
}

describe("partition store: create", () => {
  test("done: names and files are durable, so that a commit may follow", async () => {
    const disk = new FaultyDisk();
    const { store } = await openStore(disk);
    const made = await store.create(range());
    expect(made.map((partition) => partition.directoryName)).toEqual(["orders-0", "orders-1"]);
    expect(disk.areNamesDurable).toBe(true);
    for (const path of disk.paths()) expect(disk.isDurable(path), path).toBe(true);
  });

  test("a directory of nobody in the way: is set aside with all it holds", async () => {
    const disk = new FaultyDisk();
    disk.setContents("/data/format.json", new Uint8Array());
    const fresh = new FaultyDisk();
    const { store } = await openStore(fresh);
    fresh.setContents("/data/orders-1/00000000000000000000.log", Buffer.from("precious"));
    await store.create(range());
    const aside = fresh.paths().filter((path) => path.includes("-stray/"));
    expect(aside.length).toBe(1);
    expect(Buffer.from(fresh.contents(aside[0] ?? "") ?? []).toString()).toBe("precious");
  });

  test("half way the disk refuses: what was made is put away and a second try works", async () => {
    const disk = new FaultyDisk();
    const { store } = await openStore(disk);
    disk.plan({ kind: "write", path: /orders-1/, effect: "full" });
    await expect(store.create(range({ to: 3 }))).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(disk.paths().filter((path) => /orders-\d\/.*log$/.test(path))).toEqual([]);
    const made = await store.create(range({ to: 3, topicId: otherId }));
    expect(made.map((partition) => partition.health().state)).toEqual(["ok", "ok", "ok"]);
  });
});

describe("partition store: open", () => {
  test("partitions of this topic are opened, the others say why not", async () => {
    const disk = new FaultyDisk();
    const first = await openStore(disk);
    const made = await first.store.create(range({ to: 3 }));
    await append(first.store, made);
    expect(await first.store.close(made)).toBe(0);
    await first.checkpointer.write();
    await first.data.close();
    await disk.remove("/data/orders-1");
    disk.setContents("/data/orders-2/partition.metadata", Buffer.from("version: 7"));
    const { store, checkpointer } = await openStore(disk);
    const kept = checkpointer.entryOf("orders-2");
    const partitions = (await store.open([range({ to: 3 })])).get("orders") ?? [];
    expect(partitions.map((partition) => partition.health())).toEqual([
      { state: "ok" },
      { state: "failed", detail: expect.stringContaining("is missing") },
      { state: "failed", detail: expect.stringContaining("no partition.metadata of this topic") },
    ]);
    expect(partitions[0]?.positions().highWatermark).toBe(1);
    // The next start must judge the log by the same facts as this one.
    await checkpointer.write();
    expect(kept).not.toBeNull();
    expect(checkpointer.entryOf("orders-2")).toEqual(kept);
  });

  test("the log refuses to open: the reason is kept, nothing throws", async () => {
    const disk = new FaultyDisk();
    const first = await openStore(disk);
    await first.store.close(await first.store.create(range()));
    await first.data.close();
    const { store } = await openStore(disk);
    disk.plan({ kind: "list", path: /orders-0/, effect: "fail", times: 100 });
    const partitions = (await store.open([range()])).get("orders") ?? [];
    expect(partitions.map((partition) => partition.health().state)).toEqual(["failed", "ok"]);
  });
});

describe("partition store: retire", () => {
  test("only directories of the topic are moved", async () => {
    const disk = new FaultyDisk();
    const { store } = await openStore(disk);
    await store.drop(await store.create(range()));
    const foreign = "version: 0\ntopic_id: -B1Prn3sQdCnZQCgyR5r9w\n";
    disk.setContents("/data/orders-1/partition.metadata", Buffer.from(foreign));
    await store.retire(range());
    const names = new Set(disk.paths().map((path) => path.split("/")[2] ?? ""));
    expect([...names].filter((name) => name.startsWith("orders")).toSorted()).toEqual([
      expect.stringMatching(/^orders-0\.[0-9a-f]{32}-delete$/),
      "orders-1",
    ]);
  });
});
