// The short form of `npm run torture:kafka`: an idempotent librdkafka producer whose server is killed three times.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tortureProducer } from "../crash/kafka/producer-torture.ts";
import { confluentClient } from "./clients/confluent-client.ts";

test("an idempotent producer: every record once and in order over three kills", async (context) => {
  const found = confluentClient();
  if ("missing" in found) return context.skip(found.missing);
  const dataDir = mkdtempSync(join(tmpdir(), "varve-torture-kafka-"));
  const facts = await tortureProducer({
    dataDir,
    pythonPath: found.tool.env?.["PYTHONPATH"] ?? "",
    records: 60_000,
    kills: 3,
    partitions: 3,
    valueBytes: 512,
    seed: 1,
    onKill: () => undefined,
  });
  expect(facts).toEqual({ acknowledged: 60_000, verified: 60_000, kills: 3, problems: [] });
  rmSync(dataDir, { recursive: true });
});
