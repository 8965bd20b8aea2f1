// Apache Kafka's own DumpLogSegments reads what Varve wrote: every batch, every record, all indexes, and what is
// kept of producers.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openEngine } from "../../src/engine.ts";
import { producerBatch } from "../support/producer-batches.ts";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
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
  await addTransactions(dataDir);
  return dataDir;
}

/** Idempotent batches, and transactions of both outcomes, between them one that stays open. */
async function addTransactions(dataDir: string): Promise<void> {
  const engine = await openEngine({ path: dataDir });
  const { data, transactions } = engine.services;
  const place = { topic: "dump", partition: 0 };
  const send = async (batch: Uint8Array, transactionalId: string | null): Promise<void> => {
    const partitions = [{ ...place, batches: [batch], expectedEndOffset: null }];
    const [result] = await data.produce({ acks: -1, transactionalId, partitions });
    if (result?.error !== null) throw new Error(result?.detail ?? "no result");
  };
  const init = async (transactionalId: string | null) => {
    const fresh = { transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
    return transactions.initProducerId({ transactionalId, ...fresh });
  };
  const value = "y".repeat(2000);
  const timestampMs = Date.now();
  const idempotent = await init(null);
  for (let round = 0; round < 40; round++) {
    const { producerId: id, producerEpoch: epoch } = idempotent;
    const batch = { id, epoch, sequence: round * 2, count: 2, value, timestampMs };
    await send(producerBatch(batch), null);
    const transactionalId = round === 20 ? "open" : `tx-${round}`;
    const producer = { transactionalId, ...(await init(transactionalId)) };
    await transactions.addPartitions(producer, [place]);
    const { producerId, producerEpoch } = producer;
    const part = { id: producerId, epoch: producerEpoch, sequence: 0, value, timestampMs };
    await send(producerBatch({ ...part, isTransactional: true }), transactionalId);
    if (round === 20) continue;
    await transactions.end(producer, round % 2 === 0 ? "commit" : "abort");
  }
  // Markers are written after the answer.
  await until(async () => {
    const [found] = await transactions.describeProducers([place]);
    const starts = found?.producers.map((each) => each.currentTransactionStart) ?? [];
    return starts.filter((start) => start >= 0).length === 1;
  });
  await engine.close();
}

test("Kafka's DumpLogSegments: accepts every segment, every index and snapshot", async (context) => {
  const found = kafkaTools();
  if ("missing" in found) return context.skip(found.missing);
  const dataDir = await filledDirectory();
  const partition = join(dataDir, "dump-0");
  const files = readdirSync(partition).filter((name) =>
    /\.(log|index|timeindex|txnindex|snapshot)$/.test(name),
  );
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
      .filter((name) => /\.(index|timeindex)$/.test(name))
      .map((name) => join(partition, name))
      .join(","),
  ]);
  expect(sanity).not.toMatch(/Mismatches|exception/i);
  expect(output.match(/endTxnMarker: COMMIT/g)).toHaveLength(19);
  expect(output.match(/endTxnMarker: ABORT/g)).toHaveLength(20);
  const aborted = [...output.matchAll(/version: 0 producerId: (\d+) firstOffset: (\d+)/g)];
  expect(new Set(aborted.map((match) => match[1])).size).toBe(20);
  const snapshots = files.filter((name) => name.endsWith(".snapshot"));
  expect(snapshots.length).toBeGreaterThan(1);
  const producers = [...output.matchAll(/currentTxnFirstOffset: (?:Optional\w*\[)?(\d+)/g)];
  expect(producers.length).toBeGreaterThan(0);
  const dumped = [...output.matchAll(/\| offset: (\d+)/g)].map((match) => Number(match[1]));
  expect(dumped.length).toBeGreaterThan(1000);
  expect([...dumped].sort((a, b) => a - b)).toEqual(dumped.map((_, index) => index));
  rmSync(dataDir, { recursive: true, force: true });
});
