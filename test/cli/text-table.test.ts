import { expect, test } from "vitest";
import { textTable } from "../../src/cli/text-table.ts";

test("text table: columns as wide as their widest cell, numbers to the right, null as a dash", () => {
  const rows = [
    ["a", 5, null],
    ["longer", 1_000, "x"],
  ];
  expect(textTable(["NAME", "N", "LAST"], rows)).toBe(
    "NAME       N  LAST\na          5  -\nlonger  1000  x\n",
  );
});

test("text table: no rows: the headings stand alone", () => {
  expect(textTable(["A", "B"], [])).toBe("A  B\n");
});
