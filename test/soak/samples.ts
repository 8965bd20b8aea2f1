// What a running server uses, as the system and its own metrics tell it.

import { readdirSync, readFileSync, statSync } from "node:fs";

/** Values of one moment. */
export interface Sample {
  readonly atMs: number;
  readonly life: number;
  /** Memory of the process without pages of files, MiB. */
  readonly anonymousMiB: number;
  readonly heapMiB: number;
  /** Buffers outside the heap, MiB. */
  readonly externalMiB: number;
  readonly openFiles: number;
  /** Maps of files of the data directory. */
  readonly maps: number;
  /** Event-loop delay since the sample before, milliseconds: 99 of 100 were shorter, and the longest. */
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** What the data directory takes on the disk, MiB. */
  readonly diskMiB: number;
  /** Records appended since the process began. */
  readonly appended: number;
}

/** Where to look. */
export interface Observed {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly life: number;
  readonly startedMs: number;
}

const mib = 2 ** 20;

/** One look at a server. @throws when it does not answer */
export async function sampleOf({ url, pid, dataDir, life, startedMs }: Observed): Promise<Sample> {
  const response = await fetch(`${url}/metrics`);
  const metrics = await response.text();
  const metric = (name: string): number => {
    const found = new RegExp(`^${name}(?:\\{[^}]*\\})? ([-0-9.e+]+)$`, "m").exec(metrics);
    return found?.[1] === undefined ? 0 : Number(found[1]);
  };
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const anonymousKiB = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  return {
    atMs: performance.now() - startedMs,
    life,
    anonymousMiB: anonymousKiB / 1024,
    heapMiB: metric("nodejs_heap_size_used_bytes") / mib,
    externalMiB: metric("nodejs_external_memory_bytes") / mib,
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
    maps: maps.filter((line) => line.includes(dataDir)).length,
    delayP99Ms: metric("nodejs_eventloop_lag_p99_seconds") * 1000,
    delayMaxMs: metric("nodejs_eventloop_lag_max_seconds") * 1000,
    diskMiB: bytesUnder(dataDir) / mib,
    appended: metric("varve_appended_records_total"),
  };
}

// Blocks and not sizes: space that is reserved counts.
function bytesUnder(directory: string): number {
  let total = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) total += bytesUnder(path);
    else total += sizeOf(path);
  }
  return total;
}

function sizeOf(path: string): number {
  // Retention may have removed it since it was listed.
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}
