import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { checkDataDirectory, checkOne, isDataDirectory } from "../../src/cli/directory-check.ts";
import { openEngine } from "../../src/engine.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import { NodeDisk } from "../../src/storage/node-disk.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { writeSegment } from "../support/segment-files.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-directory-"));
});

afterEach(() => rmSync(root, { recursive: true }));

async function makeDirectory(isStoppedInOrder: boolean): Promise<void> {
  const directory = await DataDirectory.open({
    disk: new NodeDisk({ readMode: "pread" }),
    path: root,
    clock: new FakeClock(),
    random: seededRandom(3),
    logger: silentLogger,
  });
  if (isStoppedInOrder) await directory.markClean();
  await directory.close();
}

async function look() {
  const names: string[] = [];
  const onPartition = async ({ name }: { name: string }): Promise<void> => {
    names.push(name);
  };
  const report = await checkDataDirectory(root, {
    isDeep: false,
    mayHaveHoles: false,
    onBytes: () => undefined,
    onPartition,
  });
  const texts = (list: readonly { file: string; detail: string }[]) =>
    list.map(({ file, detail }) => `${file.slice(root.length)}: ${detail}`);
  return { names, problems: texts(report.problems), notes: texts(report.notes) };
}

test("data directory as the server leaves it: no problem, and no note after an orderly stop", async () => {
  await makeDirectory(true);
  expect(await look()).toEqual({ names: [], problems: [], notes: [] });
});

test("data directory of a killed server: a note, no problem", async () => {
  await makeDirectory(false);
  const { problems, notes } = await look();
  expect(problems).toEqual([]);
  expect(notes.join("\n")).toContain("no orderly stop");
});

test("partitions: by topic, then by number; deleted and stray ones are noted, not read", async () => {
  await makeDirectory(true);
  const aside = `x-0.${"0".repeat(32)}`;
  for (const name of ["b-0", "a-10", "a-2", `${aside}-delete`, `${aside}-stray`]) {
    mkdirSync(join(root, name));
    writeFileSync(
      join(root, name, "partition.metadata"),
      `version: 0\ntopic_id: ${"A".repeat(22)}\n`,
    );
  }
  const { names, problems, notes } = await look();
  expect(names).toEqual(["a-2", "a-10", "b-0"]);
  expect(problems).toEqual([]);
  expect(notes).toEqual([
    `/${aside}-delete: is deleted and to be removed`,
    `/${aside}-stray: belongs to no topic`,
  ]);
});

test("identity: another cluster in meta.properties and a newer version are problems", async () => {
  await makeDirectory(true);
  const other = "o".repeat(22);
  writeFileSync(join(root, "meta.properties"), `version=1\ncluster.id=${other}\n`);
  expect((await look()).problems.join()).toContain(`names cluster ${other}`);
  writeFileSync(join(root, "meta.properties"), "version=1\ncluster.id=oo");
  const { problems, notes } = await look();
  expect(problems).toEqual([]);
  expect(notes.join()).toContain("meta.properties: is damaged");
  writeFileSync(join(root, "format.json"), JSON.stringify({ format: "varve", version: 99 }));
  expect((await look()).problems.join()).toContain("made by a newer Varve");
});

test("what a path is: a data directory by its files, a partition not", async () => {
  mkdirSync(join(root, "t-0"));
  writeSegment(join(root, "t-0"), { base: 0, batches: 1, recordsInBatch: 2 });
  expect(await isDataDirectory(root)).toBe(true);
  expect(await isDataDirectory(join(root, "t-0"))).toBe(false);
  const seen: number[] = [];
  const onPartition = async ({ records }: { records: number }): Promise<void> => {
    seen.push(records);
  };
  await checkOne(join(root, "t-0"), {
    isDeep: true,
    mayHaveHoles: false,
    onPartition,
    onBytes: () => undefined,
  });
  expect(seen).toEqual([2]);
});

test("a checkpoint that names what is not here: damage, unless its topic was deleted", async () => {
  const engine = await openEngine({ path: root });
  for (const name of ["kept", "gone"]) {
    const topic = { name, partitionCount: 1, configs: {}, validateOnly: false };
    await engine.services.topics.create(topic);
  }
  await engine.close();
  copyFileSync(join(root, "checkpoint"), join(root, "earlier"));
  const again = await openEngine({ path: root });
  await again.services.topics.delete("gone");
  await again.close();
  // As after a kill: the topic is gone, and the checkpoint is the one of before.
  copyFileSync(join(root, "earlier"), join(root, "checkpoint"));
  const { problems, notes } = await look();
  expect(problems).toEqual([]);
  expect(notes).toContain("/gone-0: is in the checkpoint; its topic was deleted");
  rmSync(join(root, "kept-0"), { recursive: true });
  expect((await look()).problems).toEqual(["/kept-0: is in the checkpoint but not here"]);
});
