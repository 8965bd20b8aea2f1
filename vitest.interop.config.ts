import { defineConfig } from "vitest/config";

// Tests against other toolchains: each installs what it needs below .interop and skips with a reason where it cannot.
export default defineConfig({
  test: {
    include: ["test/interop/**/*.interop.ts"],
    globalSetup: ["test/interop/compatibility.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 900_000,
    reporters:
      process.env["CI"] === "true"
        ? ["verbose", ["json", { outputFile: "dist/interop-results.json" }]]
        : ["verbose"],
  },
});
