import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IndexFile } from "../../src/cli/index-file.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-index-"));
  file = join(directory, "index");
});

afterEach(() => rmSync(directory, { recursive: true }));

const write = (hex: string) => writeFileSync(file, Buffer.from(hex.replaceAll(" ", ""), "hex"));

test("index file: offset entries: relative to the base, padding left out", async () => {
  write("00000005 00000100 00000009 00000200 00000000 00000000");
  const index = await IndexFile.openOffsets(file, 1_000);
  expect(index.count).toBe(2);
  expect(index.offsetEntry(1)).toEqual({ offset: 1_009, position: 512 });
  expect(index.oddBytes).toBe(0);
});

test("index file: time entries: a first entry of relative offset 0 is one", async () => {
  write("0000018bcfe56800 00000000 0000018bcfe56801 00000003 000000");
  const index = await IndexFile.openTimes(file, 7);
  expect(index.count).toBe(2);
  expect(index.timeEntry(0)).toEqual({ timestampMs: 1_700_000_000_000, offset: 7 });
  expect(index.oddBytes).toBe(3);
});

test("index file: empty or only padding: no entries", async () => {
  write("");
  expect((await IndexFile.openOffsets(file, 0)).count).toBe(0);
  write("00".repeat(24));
  expect((await IndexFile.openOffsets(file, 0)).count).toBe(0);
  expect((await IndexFile.openTimes(file, 0)).count).toBe(0);
});
