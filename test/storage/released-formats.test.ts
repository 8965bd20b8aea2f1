// Data directories as released versions left them, stopped in order and killed, opened by this version. Each holds
// topic `orders` of two partitions with small segments, six records in each, partition 1 trimmed to 1, offsets of
// group `billing`, and the traces of a topic that was deleted; from 0.2.0 on also queue `jobs` of three messages, of
// which the first is acked, and a batch of an idempotent producer.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEngine } from "../../src/engine.ts";
import { varve } from "../support/cli-run.ts";
import { produce, readAll, readValues } from "../support/engines.ts";
import { projectRoot } from "../support/source-tree.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-released-"));
});

afterEach(() => rmSync(root, { recursive: true }));

function unpack(name: string): void {
  const path = join(projectRoot, "test/fixtures", `data-directory-${name}.json`);
  const files = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  for (const [file, base64] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), Buffer.from(base64, "base64"));
  }
}

// Every file with its bytes and the times of its last change.
function snapshot(): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(root, name);
    const { mtimeMs, ctimeMs } = statSync(path);
    const bytes = statSync(path).isFile() ? readFileSync(path).toString("base64") : "";
    found[name] = `${mtimeMs} ${ctimeMs} ${bytes}`;
  }
  return found;
}

describe.each([["0.1.0"], ["0.2.0"]])("a data directory of version %s", (version) => {
  test.each([["clean"], ["killed"]])("%s: everything is there, and it goes on", async (how) => {
    unpack(`${version}-${how}`);
    expect((await varve(["check", root, "--deep"])).code).toBe(0);
    const engine = await openEngine({ path: root });
    const { services } = engine;
    expect(await services.health()).toEqual({ ready: true, problems: [], warnings: [] });
    const topics = (await services.topics.list()).filter(({ internal }) => !internal);
    const names = version === "0.1.0" ? ["orders"] : ["jobs", "jobs.dead", "orders"];
    expect(topics.map(({ name }) => name).toSorted()).toEqual(names);
    const keys = async (partition: number) =>
      (await readAll(engine, "orders", partition)).map(({ offset, key }) => `${offset} ${key}`);
    const idempotent = version === "0.1.0" ? [] : ["6 null"];
    const even = ["0 k0", "1 k2", "2 k4", "3 k6", "4 k8", "5 k10", ...idempotent];
    expect(await keys(0)).toEqual(even);
    expect(await keys(1)).toEqual(["1 k3", "2 k5", "3 k7", "4 k9", "5 k11"]);
    expect(await services.groups.committedOffsets("billing", null)).toMatchObject([
      { partition: 0, offset: 4, metadata: "note" },
      { partition: 1, offset: 2 },
    ]);
    if (version !== "0.1.0") await checkQueue(engine);
    const { baseOffset } = await produce(engine, { topic: "orders", values: ["more"] });
    expect(baseOffset).toBe(even.length);
    await engine.close();
    const again = await openEngine({ path: root });
    expect((await readValues(again, "orders")).at(-1)).toBe("more");
    await again.close();
  });
});

async function checkQueue({ services }: Awaited<ReturnType<typeof openEngine>>): Promise<void> {
  const request = { queue: "jobs", max: 9, maxBytes: 1 << 20, waitMs: 0, leaseMs: null };
  const { ranges, release } = await services.queues.receive({ ...request, signal: null });
  const offsets = ranges.flatMap(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]);
  expect([Math.min(...offsets), Math.max(...offsets)]).toEqual([1, 2]);
  release();
  const [orders] = await services.transactions.describeProducers([
    { topic: "orders", partition: 0 },
  ]);
  expect(orders?.producers).toMatchObject([{ lastSequence: 0 }]);
}

test("a newer layout: refused in one sentence, and not a byte is written", async () => {
  unpack("0.2.0-clean");
  const path = join(root, "format.json");
  writeFileSync(path, readFileSync(path, "utf8").replace('"version": 1', '"version": 2'));
  const before = snapshot();
  await expect(openEngine({ path: root })).rejects.toMatchObject({
    code: "KAFKA_STORAGE_ERROR",
    message: "the data directory was made by a newer version: its layout is 2, this one reads 1",
  });
  expect(snapshot()).toEqual(before);
  const backup = await varve(["backup", `${root}-backup`, "--data-dir", root]);
  expect(backup.code).toBe(1);
  expect(backup.stderr).toMatch(/newer format\.json/);
  expect(snapshot()).toEqual(before);
});
