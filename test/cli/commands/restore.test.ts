import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openEngine } from "../../../src/engine.ts";
import { varve } from "../../support/cli-run.ts";
import { createTopic, produce, readValues } from "../../support/engines.ts";

let root: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "varve-restore-"));
  const engine = await openEngine({ path: join(root, "data") });
  await createTopic(engine, "t");
  await produce(engine, { topic: "t", values: ["a", "b"] });
  await engine.close();
  const made = await varve(["backup", join(root, "one"), "--data-dir", join(root, "data")]);
  expect([made.code, made.stderr]).toEqual([0, ""]);
});

afterEach(() => rmSync(root, { recursive: true }));

const place = (name: string): string => join(root, name);

test("a backup becomes a data directory", async () => {
  const got = await varve(["restore", place("one"), "--data-dir", place("new")]);
  expect([got.code, got.stderr]).toEqual([0, ""]);
  expect(got.stdout.toString()).toMatch(/one: whole, \d+ partitions, .*restored to .*new/);
  const engine = await openEngine({ path: place("new") });
  expect(await readValues(engine, "t")).toEqual(["a", "b"]);
  await engine.close();
});

test("verify: 0 when it is whole; 4 and the file's name when it is not", async () => {
  expect((await varve(["restore", place("one"), "--verify"])).code).toBe(0);
  const path = join(place("one"), `t-0/${"0".repeat(20)}.log`);
  const bytes = readFileSync(path);
  bytes[70] = (bytes[70] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  for (const words of [["--verify"], ["--data-dir", place("new")]]) {
    const got = await varve(["restore", place("one"), ...words]);
    expect(got.code).toBe(4);
    expect(got.stderr).toMatch(/t-0\/0{20}\.log of the backup is damaged: its checksum/);
  }
  expect(existsSync(join(place("new"), "format.json"))).toBe(false);
});

test("neither or both of --data-dir and --verify; no backup; a target that is not empty", async () => {
  expect((await varve(["restore", place("one")])).code).toBe(2);
  const both = ["restore", place("one"), "--verify", "--data-dir", place("new")];
  expect((await varve(both)).code).toBe(2);
  expect((await varve(["restore", place("data"), "--verify"])).code).toBe(4);
  const full = await varve(["restore", place("one"), "--data-dir", place("data")]);
  expect(full.code).toBe(1);
  expect(full.stderr).toMatch(/data is not empty/);
});
