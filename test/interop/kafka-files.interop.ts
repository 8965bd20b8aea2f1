// Apache Kafka's own DumpLogSegments reads what Varve wrote: every batch, every record, both indexes.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { kafkaTools } from "./toolchain.ts";

const dumpTool = "kafka.tools.DumpLogSegments";

async function filledDirectory(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-dump-"));
  const port = await freePort();
  const server = await ServerProcess.start({ dataDir, port, flags: ["--log-level", "warn"] });
  const headers = { "content-type": "application/json" };
  const send = async (method: string, path: string, body: unknown): Promise<void> => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers,
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  };
  const config = { "segment.bytes": "65536", "index.interval.bytes": "1024" };
  await send("PUT", "/v1/topics/dump", { partitions: 1, config });
  for (let round = 0; round < 120; round++) {
    const records = Array.from({ length: 1 + (round % 20) }, (_, index) => ({
      key: `k${index}`,
      text: "x".repeat(50 + ((round * 37 + index) % 200)),
      headers: { round: String(round) },
      timestampMs: Date.now() - 1000 + round * 3 - (index % 5),
    }));
    await send("POST", "/v1/topics/dump/records", { records });
  }
  await server.stop("SIGTERM");
  return dataDir;
}

test("Kafka's DumpLogSegments: accepts every segment and both indexes", async (context) => {
  const found = kafkaTools();
  if ("missing" in found) return context.skip(found.missing);
  const dataDir = await filledDirectory();
  const partition = join(dataDir, "dump-0");
  const files = readdirSync(partition).filter((name) => /\.(log|index|timeindex)$/.test(name));
  const logs = files.filter((name) => name.endsWith(".log"));
  expect(logs.length).toBeGreaterThan(1);
  const paths = files.map((name) => join(partition, name)).join(",");
  const output = found.tool.run(dumpTool, [
    "--deep-iteration",
    "--print-data-log",
    "--files",
    paths,
  ]);
  expect(output).not.toMatch(
    /Mismatches|Non-consecutive|Could not|trailing|isvalid: false|exception/i,
  );
  const sanity = found.tool.run(dumpTool, [
    "--index-sanity-check",
    "--files",
    files
      .filter((name) => name.endsWith("index"))
      .map((name) => join(partition, name))
      .join(","),
  ]);
  expect(sanity).not.toMatch(/Mismatches|exception/i);
  const dumped = [...output.matchAll(/\| offset: (\d+)/g)].map((match) => Number(match[1]));
  expect(dumped.length).toBeGreaterThan(1000);
  expect([...dumped].sort((a, b) => a - b)).toEqual(dumped.map((_, index) => index));
  rmSync(dataDir, { recursive: true, force: true });
});
