import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { slowClients } from "../crash/slow-world.ts";

test.skipIf(process.platform !== "linux")(
  "server: slow clients of every kind: bounded, others are served, all is given back",
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "varve-slow-"));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const facts = await slowClients({
      dataDir,
      consumers: 65,
      producers: 35,
      seconds: 5,
      budgetBytes: 16 << 20,
    });
    expect(facts.problems).toEqual([]);
    expect(facts.healthy).toBeGreaterThan(0);
    expect(facts.most.openFiles).toBeGreaterThan(facts.before.openFiles);
  },
  120_000,
);
