// The short form of `npm run torture:transactions`, with kafkajs and with the Java client.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exactlyOnce } from "../crash/kafka/exactly-once.ts";
import { workers } from "../crash/kafka/exactly-once-workers.ts";

test.for(Object.keys(workers))("%s: each result once over four kills", async (name, context) => {
  const found = workers[name]?.() ?? { missing: "no such worker" };
  if ("missing" in found) return context.skip(found.missing);
  const dataDir = mkdtempSync(join(tmpdir(), "varve-transactions-"));
  const onKill = (): void => undefined;
  const options = { dataDir, worker: found.tool, records: 3000, kills: 4, seed: 3, onKill };
  expect(await exactlyOnce(options)).toEqual({ committed: 3000, kills: 4, problems: [] });
  rmSync(dataDir, { recursive: true });
});
