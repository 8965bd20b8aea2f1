// The faults that are planted fit the source as it is now; whether they are found is the work of `npm run plant`.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { projectRoot } from "../support/source-tree.ts";
import { plantedFaults, withFault } from "./faults.ts";

test("planted faults: names are unique, and each stands exactly once in its file", () => {
  expect(new Set(plantedFaults.map(({ name }) => name)).size).toBe(plantedFaults.length);
  for (const fault of plantedFaults) {
    const text = readFileSync(join(projectRoot, fault.file), "utf8");
    const after = withFault(text, fault);
    expect(after, fault.name).not.toBeNull();
    expect(after, fault.name).not.toBe(text);
  }
});

test("planted faults: the source compiles with all of them in it", async () => {
  const copy = mkdtempSync(join(tmpdir(), "varve-planted-types-"));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  for (const part of ["src", "package.json", "tsconfig.json"]) {
    cpSync(join(projectRoot, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(projectRoot, "node_modules"), join(copy, "node_modules"));
  for (const fault of plantedFaults) {
    const path = join(copy, fault.file);
    const after = withFault(readFileSync(path, "utf8"), fault);
    expect(after, `${fault.name} leaves room for the others`).not.toBeNull();
    writeFileSync(path, after ?? "");
  }
  // A fault may leave a name unused; nothing else may be wrong with it.
  const compilerOptions = { noEmit: true, noUnusedLocals: false, noUnusedParameters: false };
  const config = { extends: "./tsconfig.json", include: ["src"], compilerOptions };
  writeFileSync(join(copy, "planted.json"), JSON.stringify(config));
  const compiler = join(copy, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, "-p", "planted.json"], {
    cwd: copy,
  }).catch((error: { stdout: string }) => error);
  expect(stdout).toBe("");
}, 180_000);
