import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isInCatalog, readCatalog, type StoredCatalog } from "../../src/cli/catalog-reader.ts";
import { openEngine } from "../../src/engine.ts";

let path: string;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "varve-catalog-"));
});

afterEach(() => rmSync(path, { recursive: true }));

const topic = (name: string, partitionCount: number) => {
  return { name, partitionCount, configs: {}, validateOnly: false };
};

async function withTopics(): Promise<void> {
  const engine = await openEngine({ path });
  for (const name of ["kept", "gone"]) await engine.services.topics.create(topic(name, 2));
  await engine.services.topics.delete("gone");
  await engine.close();
}

function catalogLog(): string {
  const directory = join(path, "__cluster_metadata-0");
  const name = readdirSync(directory).find((each) => each.endsWith(".log"));
  return join(directory, name ?? "");
}

test("the catalog of a directory: topics that are there, and no deleted one", async () => {
  await withTopics();
  const catalog = (await readCatalog(path)) as StoredCatalog;
  expect(catalog.topics.get("kept")).toMatchObject({ partitionCount: 2, state: "live" });
  const names = ["kept-0", "kept-1", "kept-2", "gone-0", "__cluster_metadata-0", "-"];
  const found = names.filter((name) => isInCatalog(catalog, name));
  expect(found).toEqual(["kept-0", "kept-1", "__cluster_metadata-0"]);
});

test("an unfinished end is left out; a log whose batch is damaged is none", async () => {
  await withTopics();
  appendFileSync(catalogLog(), Buffer.alloc(100, 1));
  expect((await readCatalog(path))?.topics.has("kept")).toBe(true);
  const later = join(path, "__cluster_metadata-0", `${"9".repeat(20)}.log`);
  writeFileSync(later, "");
  expect(await readCatalog(path)).toBeNull();
});

test("no catalog: nothing is known", async () => {
  expect(await readCatalog(path)).toBeNull();
});
