import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";

test("silent logger: every level: takes facts and a sentence and returns nothing", () => {
  for (const level of ["debug", "info", "warn", "error"] as const) {
    expect(silentLogger[level]({ topic: "t" }, "said")).toBeUndefined();
  }
});
