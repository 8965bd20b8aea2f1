import { describe, expect, test } from "vitest";
import { restore } from "../../src/backup/restore.ts";
import { manifestName } from "../../src/backup/backup-manifest.ts";
import { stagingName } from "../../src/backup/staging.ts";
import { LoopShare } from "../../src/base/loop-share.ts";
import { seededRandom } from "../../src/base/random.ts";
import { type Engine, openEngine } from "../../src/engine.ts";
import type { BackupStatus } from "../../src/services.ts";
import { createTopic, openTestEngine, outcomeOf, produce, readValues } from "../support/engines.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { MixedLoad, missingOf } from "../support/mixed-load.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function ended({ services }: Engine): Promise<BackupStatus> {
  for (;;) {
    const status = services.backups.status();
    if (status !== null && status.state !== "running") return status;
    await turn();
  }
}

async function restored(disk: FaultyDisk, clock: FakeClock, to = "/restored"): Promise<Engine> {
  const parts = { disk, share: new LoopShare(clock), onBytes: () => undefined };
  await restore(parts, { from: "/backup", to, onManifest: () => undefined });
  return openEngine({ path: to, disk, clock, random: seededRandom(7) });
}

describe("backups: under load", () => {
  test.each([[1], [2]])(
    "seed %d: what was acknowledged before is there, and groups, transactions and queues agree",
    async (seed) => {
      const disk = new FaultyDisk({ schedule: seededRandom(seed), links: seed === 1 });
      const { engine, clock } = await openTestEngine({ disk, seed });
      const load = await MixedLoad.begin(engine);
      for (let turns = 0; turns < 40 * seed; turns++) await turn();
      const before = load.facts();
      expect(before.commits.size + before.acked.size).toBeGreaterThan(0);
      await engine.services.backups.begin("/backup");
      expect(await ended(engine)).toMatchObject({ state: "done", problem: null });
      await load.stop();
      const copy = await restored(disk, clock);
      expect(await missingOf(copy, before)).toEqual([]);
      const names = disk.paths().filter((path) => path.startsWith("/restored/"));
      expect(names.filter((path) => /stray|quarantine/.test(path))).toEqual([]);
      await copy.close();
      // The one that was backed up is none the worse.
      expect(await missingOf(engine, load.facts())).toEqual([]);
      await engine.close();
      expect(disk.paths().filter((path) => path.includes(stagingName))).toEqual([]);
    },
  );
});

describe("backups: what happens meanwhile", () => {
  const small = { "segment.bytes": "4096" };

  async function filled(disk = new FaultyDisk()) {
    const world = await openTestEngine({ disk });
    await createTopic(world.engine, "t", { configs: small });
    const values = Array.from({ length: 60 }, (_, index) => `${index}`.padEnd(1000, "."));
    for (const value of values) await produce(world.engine, { topic: "t", values: [value] });
    return { ...world, values };
  }

  const compacted = { ...small, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };
  async function fill(engine: Engine, from: number): Promise<void> {
    for (let index = 0; index < 40; index++) {
      const values = [`${from + index}`.padEnd(1000, ".")];
      await produce(engine, { topic: "t", key: `k${index % 5}`, values });
    }
  }

  async function latest(engine: Engine): Promise<readonly string[]> {
    const values = await readValues(engine, "t");
    return values.slice(-5).map((value) => value?.replaceAll(".", "") ?? "");
  }

  test.each([["link"], ["rename"]] as const)(
    "compaction comes while a %s is under way: the backup has the last value of each key, and is whole",
    async (kind) => {
      const disk = new FaultyDisk();
      const { engine, clock } = await openTestEngine({ disk });
      await createTopic(engine, "t", { configs: compacted });
      await fill(engine, 0);
      await engine.compact();
      await fill(engine, 100);
      const isSwap = kind === "rename";
      const goOn = disk.hold({ kind, path: isSwap ? /t-0\/.*swap/ : /t-0/ });
      const reach = async (): Promise<void> => {
        while (disk.operations.at(-1)?.kind !== kind) await turn();
      };
      let compacting: Promise<void> | null = isSwap ? engine.compact() : null;
      if (isSwap) await reach();
      await engine.services.backups.begin("/backup");
      if (!isSwap) await reach();
      compacting ??= engine.compact();
      for (let turns = 0; turns < 50; turns++) await turn();
      goOn();
      expect(await ended(engine)).toMatchObject({ state: "done", problem: null });
      await compacting;
      expect(engine.gauges().compaction).toMatchObject({ runs: 2, errors: 0 });
      await engine.scrub();
      expect(engine.gauges().damagedSegments).toBe(0);
      expect(await latest(engine)).toEqual(["135", "136", "137", "138", "139"]);
      await engine.close();
      const copy = await restored(disk, clock);
      expect(await latest(copy)).toEqual(["135", "136", "137", "138", "139"]);
      await copy.scrub();
      expect(copy.gauges().damagedSegments).toBe(0);
      await copy.close();
    },
  );

  test("segments are trimmed and the topic deleted while they are read: the backup has them all", async () => {
    const { engine, disk, clock, values } = await filled();
    const goOn = disk.hold({ kind: "link", path: /t-0/ });
    await engine.services.backups.begin("/backup");
    while (disk.operations.at(-1)?.kind !== "link") await turn();
    await engine.services.topics.deleteRecords("t", [{ partition: 0, offset: 50 }]);
    let isDeleted = false;
    const deleting = engine.services.topics.delete("t").then(() => (isDeleted = true));
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(isDeleted).toBe(false);
    goOn();
    await deleting;
    expect(await ended(engine)).toMatchObject({ state: "done" });
    await engine.close();
    const copy = await restored(disk, clock);
    expect(await readValues(copy, "t")).toEqual(values);
    await copy.close();
  });

  test("trimmed segments go when the backup has let their names go", async () => {
    const { engine, disk } = await filled();
    const goOn = disk.hold({ kind: "link", path: /t-0/ });
    await engine.services.backups.begin("/backup");
    while (disk.operations.at(-1)?.kind !== "link") await turn();
    await engine.services.topics.deleteRecords("t", [{ partition: 0, offset: 50 }]);
    const first = `/data/t-0/${"0".repeat(20)}.log`;
    expect(disk.contents(first)).not.toBeNull();
    goOn();
    await ended(engine);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(disk.contents(first)).toBeNull();
    await engine.close();
  });

  test("a damaged segment: the backup fails, names the place, and is none", async () => {
    const { engine, disk } = await filled();
    const path = `/data/t-0/${"0".repeat(20)}.log`;
    const bytes = disk.contents(path) ?? new Uint8Array();
    bytes[1500] = (bytes[1500] ?? 0) ^ 1;
    disk.setContents(path, bytes);
    await engine.services.backups.begin("/backup");
    const status = await ended(engine);
    expect(status.state).toBe("failed");
    expect(status.problem).toMatch(
      /t-0\/0{20}\.log is damaged at position \d+ \(checksum\): offsets 1 to 1 /,
    );
    expect(disk.contents(`/backup/${manifestName}`)).toBeNull();
    await engine.close();
  });

  test("one at a time; given up: no manifest, and the next may begin", async () => {
    const { engine, disk } = await filled();
    const { backups } = engine.services;
    const goOn = disk.hold({ kind: "link" });
    await backups.begin("/backup");
    expect(await outcomeOf(backups.begin("/other"))).toBe("BACKUP_IN_PROGRESS");
    const cancelled = backups.cancel();
    goOn();
    await cancelled;
    expect(backups.status()).toMatchObject({ state: "cancelled" });
    expect(disk.contents(`/backup/${manifestName}`)).toBeNull();
    await backups.begin("/other");
    expect(await ended(engine)).toMatchObject({ state: "done", path: "/other" });
    await engine.close();
  });

  test.each([
    ["relative", "backup", "INVALID_REQUEST"],
    ["inside the data directory", "/data/x/../backup", "BACKUP_PLACE_REFUSED"],
    ["not empty", "/full", "BACKUP_PLACE_REFUSED"],
    ["a file", "/full/file", "BACKUP_PLACE_REFUSED"],
  ])("a place that is %s: refused", async (_what, path, code) => {
    const { engine, disk } = await openTestEngine();
    disk.setContents("/full/file", new Uint8Array(1));
    expect(await outcomeOf(engine.services.backups.begin(path))).toBe(code);
    await engine.close();
  });

  test("a root: nothing goes beside it", async () => {
    const { engine } = await openTestEngine({ settings: { backupDir: "/backups" } });
    const { backups } = engine.services;
    expect(await outcomeOf(backups.begin("/backups-2/a"))).toBe("BACKUP_PLACE_REFUSED");
    expect(await outcomeOf(backups.begin("/backups/../a"))).toBe("BACKUP_PLACE_REFUSED");
    expect(await outcomeOf(backups.begin("/backups/a"))).toBe("ok");
    await engine.close();
    expect(await outcomeOf(backups.begin("/backups/b"))).toBe("SERVER_STOPPING");
  });
});

describe("backups: the process dies at any call of one", () => {
  test("the data is whole, what was left of the backup is refused, and goes at the next start", async () => {
    const probe = new FaultyDisk();
    const calls = await callsOfBackup(probe);
    expect(calls).toBeGreaterThan(30);
    for (let nth = 1; nth <= calls; nth += 6) {
      const disk = new FaultyDisk();
      const { engine } = await openTestEngine({ disk });
      await produce(await withTopic(engine), { topic: "t", values: ["a", "b"] });
      disk.plan({ effect: "halt-before", nth });
      await outcomeOf(engine.services.backups.begin("/backup"));
      for (let turns = 0; turns < 200 && !disk.isDead; turns++) await turn();
      const left = disk.crash(seededRandom(nth));
      const clock = new FakeClock();
      const again = await openEngine({ path: "/data", disk: left, clock, random: seededRandom(1) });
      expect(await readValues(again, "t")).toEqual(["a", "b"]);
      const isWhole = left.contents(`/backup/${manifestName}`) !== null;
      const outcome = await outcomeOf(restored(left, clock).then((copy) => copy.close()));
      expect(outcome).toBe(isWhole ? "ok" : "BACKUP_DAMAGED");
      await again.close();
      expect(left.paths().filter((path) => path.includes(stagingName))).toEqual([]);
    }
  });

  async function withTopic(engine: Engine): Promise<Engine> {
    await createTopic(engine, "t");
    return engine;
  }

  async function callsOfBackup(disk: FaultyDisk): Promise<number> {
    const { engine } = await openTestEngine({ disk });
    await produce(await withTopic(engine), { topic: "t", values: ["a", "b"] });
    const before = disk.operationCount;
    await engine.services.backups.begin("/backup");
    await ended(engine);
    return disk.operationCount - before;
  }
});
