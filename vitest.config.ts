import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Files share a worker's modules: loading fastify and the compilers of schemas once a file would take longer than
    // the tests. No test may lean on module state.
    isolate: false,
    // Against a hang only: a busy machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 30_000,
    env: { LOG_VERIFY: "1" },
    reporters:
      process.env["CI"] === "true"
        ? ["default", ["json", { outputFile: "dist/test-results.json" }]]
        : ["default"],
  },
});
