import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { AssertionFailure } from "../../src/base/assert.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import { makeDirectoryDurably } from "../../src/storage/disk.ts";
import { NodeDisk } from "../../src/storage/node-disk.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import {
  entries,
  entry,
  open,
  root,
  snapshot,
  stopped,
  textOf,
  topicId,
} from "./data-directory-fixture.ts";
import { failure, put } from "./disk-contract.ts";

const base = fs.mkdtempSync(path.join(os.tmpdir(), "varve-data-"));
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

describe("identity", () => {
  test("a new directory: gets ids that stay, in Kafka's file too, all durable", async () => {
    const disk = new FaultyDisk();
    const data = await open(disk);
    expect(data.clusterId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    expect(data.wasClean).toBe(false);
    expect(textOf(disk, "meta.properties")).toMatch(
      new RegExp(`^version=1\ncluster.id=${data.clusterId}\nnode.id=0\ndirectory.id=[\\w-]{22}\n$`),
    );
    const left = disk.crash(seededRandom(1), "none");
    const format = textOf(left, "format.json");
    const again = await DataDirectory.open({
      disk: left,
      path: root,
      clock: new FakeClock(),
      random: seededRandom(43),
      logger: silentLogger,
    });
    expect(again.clusterId).toBe(data.clusterId);
    expect(textOf(left, "format.json")).toBe(format);
  });

  test("made by a newer version: refused by name, nothing written", async () => {
    const disk = await stopped();
    disk.setContents(`${root}/format.json`, Buffer.from('{"format":"varve","version":2,"x":1}'));
    const before = snapshot(disk);
    const refused = await failure(open(disk));
    expect([refused.code, refused.message]).toEqual([
      "KAFKA_STORAGE_ERROR",
      "the data directory was made by a newer version: its layout is 2, this one reads 1",
    ]);
    expect(snapshot(disk)).toEqual(before);
    await failure(open(disk));
  });

  test("format.json: any byte cut off or garbled: refused, nothing written", async () => {
    const disk = await stopped();
    const whole = disk.contents(`${root}/format.json`) ?? new Uint8Array(0);
    const { clusterId } = JSON.parse(Buffer.from(whole).toString()) as { clusterId: string };
    for (let length = 0; length < whole.length - 1; length++) {
      disk.setContents(`${root}/format.json`, whole.subarray(0, length));
      const before = snapshot(disk);
      await failure(open(disk));
      expect(snapshot(disk)).toEqual(before);
    }
    const garbled = Buffer.from(whole)
      .toString()
      .replace(clusterId, `x${clusterId.slice(1)}`);
    disk.setContents(`${root}/format.json`, Buffer.from(garbled));
    expect((await failure(open(disk))).message).toContain("another cluster");
    disk.setContents(`${root}/format.json`, whole);
    expect((await open(disk)).clusterId).toBe(clusterId);
  });

  test("meta.properties is damaged: made again from format.json", async () => {
    const disk = new FaultyDisk();
    await (await open(disk)).close();
    const whole = textOf(disk, "meta.properties");
    for (const damaged of ["", whole.slice(0, 20), "\0".repeat(whole.length)]) {
      disk.setContents("/data/meta.properties", Buffer.from(damaged));
      await (await open(disk)).close();
      expect(textOf(disk, "meta.properties")).toBe(whole);
    }
  });

  test("format.json missing beside partitions or Kafka's files: refused", async () => {
    for (const leftover of ["orders-0/00000000000000000000.log", "meta.properties", "checkpoint"]) {
      const disk = new FaultyDisk();
      disk.setContents(`${root}/${leftover}`, Buffer.from("x"));
      expect((await failure(open(disk))).message).toContain("format.json is missing");
      expect(disk.paths()).toEqual([`${root}/.lock`, `${root}/${leftover}`].toSorted());
    }
  });

  test("other people's files in a new directory: no hindrance, untouched", async () => {
    const disk = new FaultyDisk();
    disk.setContents(`${root}/.gitignore`, Buffer.from("*"));
    disk.setContents(`${root}/lost+found/x`, Buffer.from("y"));
    const data = await open(disk);
    expect(await data.partitionDirectories()).toEqual([]);
    expect(textOf(disk, ".gitignore")).toBe("*");
  });

  test("first opening: power cut at every call: the next one succeeds, one id", async () => {
    for (let nth = 1, isDone = false; !isDone; nth++) {
      const disk = new FaultyDisk();
      disk.plan({ effect: "halt-after", nth });
      isDone = await open(disk).then(
        () => true,
        () => false,
      );
      for (let seed = 0; seed < 10; seed++) {
        const left = disk.crash(seededRandom(seed));
        const first = await open(left);
        const second = await open(left.crash(seededRandom(seed), "none"));
        expect([nth, seed, second.clusterId]).toEqual([nth, seed, first.clusterId]);
      }
    }
  });
});

describe("lock", () => {
  test("a second opening: refused, the first unharmed; free after closing or death", async () => {
    const disk = new FaultyDisk();
    const data = await open(disk);
    expect((await failure(open(disk))).code).toBe("KAFKA_STORAGE_ERROR");
    await data.writeCheckpoint(entries(3));
    await data.close();
    await data.close();
    await open(disk);
    const next = disk.kill();
    expect((await open(next)).checkpointOf("orders-1")).toEqual(entry(3));
  });

  test("any call of opening refused: the lock is free again", async () => {
    for (let nth = 1, isDone = false; !isDone; nth++) {
      const disk = new FaultyDisk();
      disk.plan({ effect: "fail", nth });
      isDone = await open(disk).then(
        () => true,
        () => false,
      );
      if (!isDone) await open(disk);
    }
  });
});

describe("clean marker", () => {
  test("stopped in order: clean once; the marker goes first, for good", async () => {
    const disk = await stopped();
    const before = disk.operationCount;
    const data = await open(disk);
    expect(data.wasClean).toBe(true);
    const changes = disk.operations
      .slice(before)
      .filter(({ kind }) => ["write", "remove", "rename", "syncDirectory"].includes(kind));
    expect(changes.map(({ kind, path: at }) => `${kind} ${at}`)).toEqual([
      `remove ${root}/clean-shutdown`,
      `syncDirectory ${root}`,
    ]);
    const again = await open(disk.crash(seededRandom(1), "none"));
    expect([again.wasClean, again.checkpointOf("orders-0")]).toEqual([false, entry(5)]);
  });

  test("marker of another checkpoint, or damaged: not clean, the checkpoint is used", async () => {
    const good = await stopped();
    const marker = textOf(good, "clean-shutdown");
    for (const content of ["", "{", "[]", marker.replace(/[0-9a-f]{8}/, "00000000"), "null"]) {
      const disk = await stopped();
      disk.setContents(`${root}/clean-shutdown`, Buffer.from(content));
      const data = await open(disk);
      expect([data.wasClean, data.checkpointOf("orders-0")]).toEqual([false, entry(5)]);
    }
  });

  test("no checkpoint in this life: the one found before is vouched for", async () => {
    const disk = await stopped();
    const data = await open(disk);
    await data.markClean();
    await data.close();
    const again = await open(disk);
    expect([again.wasClean, again.checkpointOf("orders-0")]).toEqual([true, entry(5)]);
  });

  test("orderly stop: power cut at every call: clean only with the last checkpoint", async () => {
    const seen = new Set<boolean>();
    for (let nth = 1, isDone = false; !isDone; nth++) {
      const disk = await stopped();
      const data = await open(disk);
      disk.plan({ effect: "halt-after", nth });
      isDone = await data
        .writeCheckpoint(entries(9))
        .then(() => data.markClean())
        .then(
          () => true,
          () => false,
        );
      for (let seed = 0; seed < 30; seed++) {
        const next = await open(disk.crash(seededRandom(seed)));
        const point = next.checkpointOf("orders-0")?.recoveryPoint;
        expect([5, 9]).toContain(point);
        if (next.wasClean) expect(point).toBe(9);
        if (isDone) expect(next.wasClean).toBe(true);
        seen.add(next.wasClean);
      }
    }
    expect(seen.size).toBe(2);
  });

  test("a checkpoint after it: a program error", async () => {
    const data = await open(new FaultyDisk());
    await data.markClean();
    await expect(data.writeCheckpoint(entries(1))).rejects.toThrow(AssertionFailure);
    await expect(data.markClean()).rejects.toThrow(AssertionFailure);
  });
});

describe("partitions", () => {
  async function withPartitions(...names: string[]): Promise<[FaultyDisk, DataDirectory]> {
    const disk = new FaultyDisk();
    const data = await open(disk);
    for (const name of names) {
      await makeDirectoryDurably(disk, `${root}/${name}`);
      await put(disk, `${root}/${name}/00000000000000000000.log`, Buffer.from(name));
    }
    return [disk, data];
  }

  test("names: only partitions are listed, sorted", async () => {
    const [, data] = await withPartitions("b-0", "a-10", "a-9", `a-0.${topicId}-delete`, "a-01");
    expect(await data.partitionDirectories()).toEqual(["a-10", "a-9", "b-0"]);
  });

  test("retired: renamed durably, again harmless, then removed durably; others stay", async () => {
    const [disk, data] = await withPartitions("a-0", "a-1", "b-0");
    await data.setAside("b-0");
    const retired = await data.retire("a-0", topicId);
    expect(retired).toBe(`a-0.${topicId}-delete`);
    expect(await data.retire("a-0", topicId)).toBe(retired);
    const left = disk.crash(seededRandom(1), "none");
    const next = await open(left);
    expect(await next.partitionDirectories()).toEqual(["a-1"]);
    expect(await next.removeRetired()).toBe(1);
    expect(await next.removeRetired()).toBe(0);
    const names = await left.crash(seededRandom(1), "none").list(root);
    expect(names.filter((name) => name.endsWith("-delete"))).toEqual([]);
    expect(names.filter((name) => /^b-0\.[0-9a-f]{32}-stray$/.test(name))).toHaveLength(1);
  });

  test("retired again under one name before the first was removed: the later one takes its place", async () => {
    const disk = new FaultyDisk();
    const data = await open(disk);
    const topicId = "0f0e0d0c-0b0a-0908-0706-050403020100";
    for (const content of [1, 2]) {
      disk.setContents(`${data.path}/a-0/f`, new Uint8Array([content]));
      await data.retire("a-0", topicId);
    }
    const left = disk.paths().filter((path) => path.includes("a-0"));
    expect(left).toHaveLength(1);
    expect(disk.contents(left[0] ?? "")).toEqual(new Uint8Array([2]));
    expect(await data.removeRetired()).toBe(1);
  });

  test("retirement: power cut at every call: old name or new, with all it holds", async () => {
    for (let nth = 1, isDone = false; !isDone; nth++) {
      const [disk, data] = await withPartitions("a-0");
      const log = await disk.open(`${root}/a-0/00000000000000000000.log`, "write");
      await log.sync();
      await disk.syncDirectory(`${root}/a-0`);
      disk.plan({ effect: "halt-after", nth });
      isDone = await data.retire("a-0", topicId).then(
        () => true,
        () => false,
      );
      for (let seed = 0; seed < 10; seed++) {
        const left = disk.crash(seededRandom(seed));
        const found = left.paths().filter((file) => file.endsWith(".log"));
        expect(found).toHaveLength(1);
        expect(Buffer.from(left.contents(found[0] ?? "") ?? []).toString()).toBe("a-0");
        if (isDone) expect(found[0]).toContain("-delete/");
      }
    }
  });

  test("the longest topic name: moved aside under a name that a file system takes", async () => {
    const disk = new NodeDisk({ readMode: "pread" });
    const data = await open(disk, { path: `${base}/long` });
    const name = `${"t".repeat(249)}-12345`;
    await disk.makeDirectory(`${base}/long/${name}`);
    const retired = await data.retire(name, "AbCdEfGhIjKlMnOpQrStUg");
    expect(retired).toHaveLength(255);
    expect(retired).toMatch(/^t+-12345\.[0-9a-f]{32}-delete$/);
    expect(await data.removeRetired()).toBe(1);
    await data.close();
  });
});

describe("states of the real disk", () => {
  test("a file in place of the directory: refused, the file untouched", async () => {
    fs.writeFileSync(`${base}/file`, "mine");
    const refused = await failure(
      open(new NodeDisk({ readMode: "map" }), { path: `${base}/file` }),
    );
    expect(refused.code).toBe("KAFKA_STORAGE_ERROR");
    expect(fs.readFileSync(`${base}/file`, "utf8")).toBe("mine");
  });

  test("a directory in place of a file: refused, nothing changed, unlocked", async () => {
    const disk = new NodeDisk({ readMode: "map" });
    const at = `${base}/odd`;
    for (const name of ["format.json", "meta.properties", "clean-shutdown", "checkpoint"]) {
      fs.rmSync(at, { recursive: true, force: true });
      const data = await open(disk, { path: at });
      await data.writeCheckpoint(entries(1));
      await data.markClean();
      await data.close();
      fs.rmSync(`${at}/${name}`);
      fs.mkdirSync(`${at}/${name}`);
      fs.writeFileSync(`${at}/${name}/inside`, "mine");
      const refused = await failure(open(disk, { path: at }));
      expect([name, refused.code]).toEqual([name, "KAFKA_STORAGE_ERROR"]);
      expect(fs.readFileSync(`${at}/${name}/inside`, "utf8")).toBe("mine");
    }
    expect(disk.counters).toEqual({ openFiles: 0, liveMaps: 0, mappedBytes: 0 });
  });

  test("opened twice on the real disk: the second is refused", async () => {
    const at = `${base}/twice`;
    const data = await open(new NodeDisk({ readMode: "map" }), { path: at });
    const refused = await failure(open(new NodeDisk({ readMode: "map" }), { path: at }));
    expect(refused.code).toBe("KAFKA_STORAGE_ERROR");
    await data.close();
    await (await open(new NodeDisk({ readMode: "map" }), { path: at })).close();
  });
});
