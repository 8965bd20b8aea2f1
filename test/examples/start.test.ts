import { expect, test } from "vitest";
import { startExample } from "../../examples/start.ts";

test("examples: imported: nothing runs", async () => {
  let runs = 0;
  await startExample(import.meta.filename, async () => runs++);
  expect(runs).toBe(0);
});
