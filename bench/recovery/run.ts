// `npm run bench:recovery`: the time from the start of a process to ready after kill -9, and what it is spent on.

import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort, ServerProcess } from "../../test/support/server-process.ts";
import { projectRoot } from "../../test/support/source-tree.ts";
import { median } from "../harness.ts";
import { createTopic, metric, msgpackBody, temporaryDirectory } from "../workbench.ts";

const help = `usage: npm run bench:recovery -- [--only NAME] [--rounds 5] [--gigabytes 10] [--save]

  --only       only the cases whose name contains NAME
  --rounds     kills of each case; the cases take turns
  --gigabytes  size of the large case; as much room is needed below the temporary directory
  --save       keep the table in bench/results

example: npm run bench:recovery -- --only 'partitions' --rounds 3`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    gigabytes: { type: "string", default: "10" },
    save: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

interface Case {
  readonly name: string;
  readonly partitions: number;
  /** Written before the first kill. */
  readonly bytes: number;
  /** Time between checkpoints: what is behind the last one is scanned. */
  readonly checkpointMs: number;
  /** Bytes written to all partitions together right before each kill. */
  readonly freshBytes: number;
}

const MiB = 2 ** 20;
const large = Number(values.gigabytes) * 1e9;
const usual = { bytes: 0, checkpointMs: 1000, freshBytes: 0 };
const cases: readonly Case[] = [
  { ...usual, name: "empty directory", partitions: 0 },
  { ...usual, name: "1 partition", partitions: 1 },
  { ...usual, name: "100 partitions", partitions: 100 },
  { ...usual, name: "1,000 partitions", partitions: 1000 },
  {
    ...usual,
    name: "1 partition, 256 MiB behind the recovery point",
    partitions: 1,
    checkpointMs: 3_600_000,
    freshBytes: 256 * MiB,
  },
  { ...usual, name: `10 partitions, ${values.gigabytes} GB`, partitions: 10, bytes: large },
  {
    ...usual,
    name: `1,000 partitions, ${values.gigabytes} GB`,
    partitions: 1000,
    bytes: large,
  },
];

const steps = [
  "process",
  "compression",
  "lock",
  "catalog",
  "partitions",
  "groups",
  "transactions",
  "queues",
  "doors",
] as const;
type Step = (typeof steps)[number];

interface Round {
  readonly readyMs: number;
  readonly steps: Readonly<Record<Step, number>>;
  readonly recoveries: number;
  readonly scannedMiB: number;
}

class Bench {
  readonly about: Case;
  readonly rounds: Round[] = [];
  readonly #dataDir = temporaryDirectory();
  #port = 0;
  #server: ServerProcess | null = null;

  constructor(about: Case) {
    this.about = about;
  }

  async prepare(): Promise<void> {
    this.#port = await freePort();
    await this.#start();
    const { partitions, bytes } = this.about;
    if (partitions > 0) await createTopic(this.#url(), "wide", partitions);
    await this.#fill(bytes);
  }

  /** Writes to every partition, kills the server and starts it. */
  async round(): Promise<void> {
    if (this.#server === null) await this.#start();
    await this.#touch();
    await this.#fill(this.about.freshBytes);
    await this.#server?.stop("SIGKILL");
    this.rounds.push(await this.#start());
    await this.#server?.stop("SIGKILL");
    this.#server = null;
  }

  async close(): Promise<void> {
    await this.#server?.stop("SIGKILL");
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  async #start(): Promise<Round> {
    const { checkpointMs } = this.about;
    const flags = ["--log-level", "debug", "--checkpoint-interval-ms", String(checkpointMs)];
    const server = await ServerProcess.start({
      dataDir: this.#dataDir,
      port: this.#port,
      flags,
    });
    this.#server = server;
    const recoveries = (await metric(server.url, "varve_log_recoveries_total")) ?? 0;
    const scanned = (await metric(server.url, "varve_log_scanned_bytes_total")) ?? 0;
    return { ...roundOf(server), recoveries, scannedMiB: scanned / MiB };
  }

  #url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async #touch(): Promise<void> {
    const body = msgpackBody(1);
    await inTurns(this.about.partitions, (partition) => this.#post(partition, body));
  }

  async #fill(bytes: number): Promise<void> {
    if (bytes === 0) return;
    const body = msgpackBody(50_000);
    const requests = Math.ceil(bytes / body.length);
    await inTurns(requests, (request) => this.#post(request % this.about.partitions, body));
  }

  async #post(partition: number, body: Buffer): Promise<void> {
    const response = await fetch(`${this.#url()}/v1/topics/wide/records?partition=${partition}`, {
      method: "POST",
      headers: { "content-type": "application/msgpack", prefer: "return=minimal" },
      body,
    });
    if (!response.ok) throw new Error(`produce: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }
}

async function inTurns(count: number, call: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

function roundOf(server: ServerProcess): Pick<Round, "readyMs" | "steps"> {
  const found = new Map<string, number>();
  for (const match of server.output.matchAll(/"step":"(\w+)","stepMs":([\d.]+)/g)) {
    found.set(match[1] ?? "", Number(match[2]));
  }
  const known = [...found.values()].reduce((sum, ms) => sum + ms, 0);
  // What none of the steps is: the process begins, the code is loaded, and readiness is asked for.
  found.set("process", Math.max(0, server.readyMs - known));
  const each = steps.map((step) => [step, found.get(step) ?? 0]);
  const all = Object.fromEntries(each) as Record<Step, number>;
  return { readyMs: server.readyMs, steps: all };
}

function asLine({ about, rounds }: Bench): string {
  const middle = (pick: (round: Round) => number): string => {
    const value = median(rounds.map(pick));
    return value < 10 ? value.toFixed(1) : value.toFixed(0);
  };
  const ready = rounds.map(({ readyMs }) => readyMs);
  const range = `${Math.min(...ready).toFixed(0)}–${Math.max(...ready).toFixed(0)}`;
  const cells = steps.map((step) => middle((round) => round.steps[step]));
  const recoveries = middle((round) => round.recoveries);
  const scanned = middle((round) => round.scannedMiB);
  const all = [
    about.name,
    `**${middle((round) => round.readyMs)}**`,
    range,
    ...cells,
    recoveries,
    scanned,
  ];
  return `| ${all.join(" | ")} |`;
}

function pageOf(benches: readonly Bench[]): string {
  const heads = ["", "ready, ms", "range", ...steps, "logs scanned", "MiB scanned"];
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? "?"}`;
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `# Recovery after kill -9, ${new Date().toISOString().slice(0, 10)}

\`npm run bench:recovery -- --rounds ${values.rounds} --save\`; medians, the cases in turns.
Machine: ${machine}, ${memory}, Node ${process.version}, load average before ${loadBefore}.
Before each kill a record was written to every partition, and acknowledged. Milliseconds, by the steps of the start:

- process: the process begins, Node loads the code, and readiness is asked for;
- compression: the codecs' WebAssembly; lock: the data directory's lock and its own files;
- catalog: the log of topics is opened and replayed; partitions: every partition's directory is listed, its log scanned from
  the recovery point on, what was only in the page cache written and synced again;
- groups, transactions, queues: the logs of their coordinators are replayed; doors: both listen.

| ${heads.join(" | ")} |
|${heads.map((_, index) => (index === 0 ? "---" : "--:")).join("|")}|
${benches.map(asLine).join("\n")}
`;
}

const loadBefore = readFileSync("/proc/loadavg", "utf8").split(" ")[0] ?? "?";

async function main(): Promise<void> {
  const chosen = cases.filter(({ name }) => name.includes(values.only));
  const needed = chosen.reduce((sum, { bytes }) => sum + bytes, 0) * 1.2;
  const probe = temporaryDirectory();
  const { bavail, bsize } = statfsSync(probe);
  rmSync(probe, { recursive: true });
  if (bavail * bsize < needed) {
    console.log(`${(needed / 1e9).toFixed(0)} GB are needed below the temporary directory`);
    process.exitCode = 2;
    return;
  }
  const benches = chosen.map((each) => new Bench(each));
  try {
    for (const bench of benches) {
      console.log(`preparing: ${bench.about.name}`);
      await bench.prepare();
    }
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const bench of benches) await bench.round();
      console.log(`round ${round + 1} of ${values.rounds}`);
    }
  } finally {
    for (const bench of benches) await bench.close();
  }
  const page = pageOf(benches);
  console.log(page);
  if (!values.save) return;
  const folder = join(projectRoot, "bench/results");
  mkdirSync(folder, { recursive: true });
  const name = `recovery-${new Date().toISOString().slice(0, 10)}.md`;
  writeFileSync(join(folder, name), page);
  console.log(`kept in bench/results/${name}`);
}

if (values.help) console.log(help);
else await main();
