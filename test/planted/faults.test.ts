// The faults that are planted fit the source as it is now; whether they are found is the work of `npm run plant`.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../support/source-tree.ts";
import { plantedFaults } from "./faults.ts";

test("planted faults: names are unique, and each stands exactly once in its file", () => {
  expect(new Set(plantedFaults.map(({ name }) => name)).size).toBe(plantedFaults.length);
  for (const { name, file, search, replace } of plantedFaults) {
    const text = readFileSync(join(projectRoot, file), "utf8");
    expect(text.split(search).length - 1, name).toBe(1);
    expect(replace, name).not.toBe(search);
  }
});
