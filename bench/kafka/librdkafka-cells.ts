// What kcat measures, which is librdkafka with nothing around it: lines of a file in, records out. The figures are
// records over the whole run of the program, so they hold its start as well, on either server.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cell, type Load, loads, nameOf } from "./cell.ts";
import { type Contestant, createTopic } from "./servers.ts";

/** Cells, and the files they read. */
export interface LibrdkafkaCells {
  readonly cells: readonly Cell[];
  /** Removes the files. */
  close(): void;
}

/** All cells that need kcat. */
export function librdkafkaCells(scale: number): LibrdkafkaCells {
  const folder = mkdtempSync(join(tmpdir(), "varve-bench-kcat-"));
  const topics = new Map<string, string>();
  const produce = async (server: Contestant, load: Load, acks: string): Promise<number> => {
    const topic = `kcat-${load.sizeBytes}-${load.partitions}-${acks}-${Date.now()}`;
    await createTopic(server.bootstrap, topic, load.partitions);
    topics.set(`${server.name} ${nameOf(load)}`, topic);
    const file = linesFile(folder, load);
    const args = ["-P", "-t", topic, "-X", `acks=${acks}`, "-l", file];
    return load.records / (await kcatSeconds(server, args));
  };
  const fetch = async (server: Contestant, load: Load): Promise<number> => {
    const topic = topics.get(`${server.name} ${nameOf(load)}`) ?? "";
    const count = ["-c", String(load.records)];
    const args = ["-C", "-t", topic, "-o", "beginning", "-q", "-u", ...count];
    return load.records / (await kcatSeconds(server, args));
  };
  const each = { unit: "records/s", isCost: false };
  const cells = loads(scale).flatMap((load) => [
    ...["1", "all"].map((acks) => ({
      ...each,
      name: `librdkafka produce ${nameOf(load)} acks=${acks}`,
      measure: (server: Contestant) => produce(server, load, acks),
    })),
    {
      ...each,
      name: `librdkafka fetch ${nameOf(load)}`,
      measure: (server: Contestant) => fetch(server, load),
    },
  ]);
  return { cells, close: () => rmSync(folder, { recursive: true, force: true }) };
}

async function kcatSeconds(server: Contestant, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const kcat = spawn("kcat", ["-b", server.bootstrap, ...args], { stdio: "ignore" });
  const [status] = (await once(kcat, "exit")) as [number | null];
  if (status !== 0) throw new Error(`kcat ${args.join(" ")} ended with ${String(status)}`);
  return (performance.now() - startedMs) / 1000;
}

// Numbered, so that no two records are alike; made once for each size.
function linesFile(folder: string, { sizeBytes, records }: Load): string {
  const path = join(folder, `${sizeBytes}-${records}`);
  try {
    closeSync(openSync(path, "wx"));
  } catch {
    return path;
  }
  const rest = "abcdefghijklmnopqrstuvwxyz"
    .repeat(Math.ceil(sizeBytes / 26))
    .slice(0, sizeBytes - 10);
  const file = openSync(path, "a");
  for (let from = 0; from < records; from += 1000) {
    const numbers = Array.from({ length: Math.min(1000, records - from) }, (_, at) => from + at);
    writeSync(file, numbers.map((n) => `${String(n).padStart(10, "0")}${rest}\n`).join(""));
  }
  closeSync(file);
  return path;
}
