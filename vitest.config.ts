import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    env: { LOG_VERIFY: "1" },
    reporters:
      process.env["CI"] === "true"
        ? ["default", ["json", { outputFile: "dist/test-results.json" }]]
        : ["default"],
  },
});
