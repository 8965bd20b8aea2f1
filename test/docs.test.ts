// The documents that must agree with the code. `npm run docs` (UPDATE_DOCS=1) writes the generated parts anew.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withHouseMap } from "./support/house-map.ts";
import { referencePage } from "./support/reference-page.ts";
import { projectRoot } from "./support/source-tree.ts";

const read = (path: string): string => readFileSync(join(projectRoot, path), "utf8");

test("docs/reference.md: is what the tables in the code say", () => {
  const page = referencePage();
  if (process.env["UPDATE_DOCS"] === "1") {
    writeFileSync(join(projectRoot, "docs/reference.md"), page);
  }
  expect(read("docs/reference.md")).toBe(page);
});

test("ARCHITECTURE.md: its map shows every file by the sentence it opens with", () => {
  const page = read("ARCHITECTURE.md");
  const drawn = withHouseMap(page);
  if (process.env["UPDATE_DOCS"] === "1") {
    writeFileSync(join(projectRoot, "ARCHITECTURE.md"), drawn);
  }
  expect(read("ARCHITECTURE.md")).toBe(drawn);
});

test("README.md: names only scripts that exist", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const named = [...read("README.md").matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]);
  expect(named.filter((name) => !((name ?? "") in scripts))).toEqual([]);
  expect(named.length).toBeGreaterThan(2);
});

test("README.md: links only to files that exist", () => {
  const links = [...read("README.md").matchAll(/\]\((?!http)([^)#]+)\)/g)].map((match) => match[1]);
  expect(links.length).toBeGreaterThan(2);
  expect(links.filter((link) => !existsSync(join(projectRoot, link ?? "")))).toEqual([]);
});

test("CHANGELOG.md: begins with the version of the package", () => {
  const { version } = JSON.parse(read("package.json")) as { version: string };
  expect(/^## (\S+)/m.exec(read("CHANGELOG.md"))?.[1]).toBe(version);
});
