// `npm run bench:queues`: receiving and settling from Varve's work queues beside other queue servers, in turns on one
// machine.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Found } from "../../test/interop/toolchain.ts";
import { projectRoot } from "../../test/support/source-tree.ts";
import { median } from "../harness.ts";
import { startBullMq } from "./bullmq.ts";
import { type Load, loads, nameOf, settledPerSecond } from "./cell.ts";
import type { Contestant } from "./contestant.ts";
import { startNats } from "./nats.ts";
import { startRabbitMq } from "./rabbitmq.ts";
import { startVarve } from "./varve.ts";

const help = `usage: npm run bench:queues -- [--rounds 3] [--messages 20000] [--only TEXT] [--save]

  --rounds    measured rounds; the servers take turns in each, and the one to begin changes
  --messages  messages in a queue; as many as a worker settles in 500 rounds at most, in 5 at least
  --only      only the cells whose name matches TEXT, a regular expression
  --save      keep the table in bench/results

example: npm run bench:queues -- --only '20 workers' --rounds 1`;

/** What was asked for. */
interface Options {
  readonly rounds: number;
  readonly messages: number;
  readonly only: RegExp;
  readonly isSaved: boolean;
}

interface Row {
  readonly name: string;
  readonly messages: number;
  /** Messages a second, by server. */
  readonly rates: Readonly<Record<string, number>>;
  /** Varve's rate by that of each other server: above 1 where Varve is faster. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** @throws Error with what is wrong of the command line */
function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      messages: { type: "string", default: "20000" },
      only: { type: "string", default: "" },
      save: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  return {
    rounds: count("rounds", values.rounds, 100),
    messages: count("messages", values.messages, 1_000_000),
    only: new RegExp(values.only),
    isSaved: values.save,
  };
}

function count(name: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new Error(`--${name} takes a number from 1 to ${max}, not '${text}'`);
}

async function startAll(): Promise<{
  readonly servers: readonly Contestant[];
  readonly missing: readonly string[];
}> {
  const servers: Contestant[] = [];
  const missing: string[] = [];
  try {
    servers.push(await startVarve());
    const others: Readonly<Record<string, () => Promise<Found<Contestant>>>> = {
      BullMQ: startBullMq,
      RabbitMQ: startRabbitMq,
      NATS: startNats,
    };
    for (const [name, start] of Object.entries(others)) {
      const found = await start().catch((error: unknown) => ({ missing: messageOf(error) }));
      if ("tool" in found) servers.push(found.tool);
      else missing.push(`${name} is not there: ${found.missing}`);
    }
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
  return { servers, missing };
}

async function stopAll(servers: readonly Contestant[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

async function measureCell(
  load: Load,
  servers: readonly Contestant[],
  rounds: number,
): Promise<Row> {
  const figures = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % servers.length;
    for (const server of [...servers.slice(first), ...servers.slice(0, first)]) {
      figures.get(server.name)?.push(await settledPerSecond(server, load));
    }
  }
  const rates = Object.fromEntries([...figures].map(([name, values]) => [name, median(values)]));
  const { Varve: own = Number.NaN, ...others } = rates;
  const ratios = Object.fromEntries(
    Object.entries(others).map(([name, rate]) => [name, own / rate]),
  );
  return { name: nameOf(load), messages: load.messages, rates, ratios };
}

function head(servers: readonly Contestant[]): readonly string[] {
  const others = servers.slice(1).map(({ name }) => `${name} | Varve is |`);
  const columns = servers.slice(1).map(() => "--:|--:|");
  return [`| | Varve | ${others.join(" ")}`.trim(), `|---|--:|${columns.join("")}`];
}

function asLine({ name, rates, ratios }: Row): string {
  const number = (value = Number.NaN): string => value.toFixed(value < 100 ? 1 : 0);
  const others = Object.entries(ratios).map(([other, ratio]) => {
    return ` ${number(rates[other])} | ${(ratio * 100).toFixed(0)} % |`;
  });
  return `| ${name} | ${number(rates["Varve"])} |${others.join("")}`;
}

async function main(options: Options): Promise<void> {
  const { rounds, messages, only } = options;
  const chosen = loads(messages).filter((load) => only.test(nameOf(load)));
  if (chosen.length === 0) throw new Error(`no cell matches '${only.source}'`);
  const { servers, missing } = await startAll();
  const notes = [
    ...servers.map(({ about }) => `- ${about}`),
    ...missing.map((what) => `- ${what}`),
  ];
  const lines = [...head(servers)];
  const rows: Row[] = [];
  try {
    console.log(["Messages received and settled a second.", ...notes, "", ...lines].join("\n"));
    // Memory that is touched for the first time is slow here, and code that runs for the first time everywhere: each
    // server is warmed before anything counts.
    const warming = loads(messages).filter(({ batch }) => batch === 10);
    for (const server of servers) {
      for (const load of warming) await settledPerSecond(server, load);
    }
    for (const load of chosen) {
      const row = await measureCell(load, servers, rounds);
      rows.push(row);
      lines.push(asLine(row));
      console.log(asLine(row));
    }
  } finally {
    await stopAll(servers);
  }
  if (options.isSaved) save({ options, notes, lines, rows });
}

function save(run: {
  readonly options: Options;
  readonly notes: readonly string[];
  readonly lines: readonly string[];
  readonly rows: readonly Row[];
}): void {
  const { options, notes, lines, rows } = run;
  const { rounds, messages, only } = options;
  const day = new Date().toISOString().slice(0, 10);
  const folder = join(projectRoot, "bench/results");
  mkdirSync(folder, { recursive: true });
  const [cpu] = cpus();
  const chosen = only.source === "(?:)" ? "" : ` --only '${only.source}'`;
  const text = [
    `# Varve's work queues beside other servers, ${day}`,
    "",
    `\`npm run bench:queues -- --rounds ${rounds} --messages ${messages}${chosen} --save\`; medians of ${rounds} rounds, servers in turns.`,
    `Machine: ${cpus().length} x ${cpu?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}.`,
    "Messages of 100 bytes, received and settled a second, from a queue that was filled before. Clients of all servers run in one",
    "Node process on the machine of the servers. More than 100 % means that Varve is faster. What each server does:",
    "",
    ...notes,
    "",
    ...lines,
    "",
  ].join("\n");
  writeFileSync(join(folder, `queues-${day}.md`), text);
  const json = { day, rounds, messages, notes, rows };
  writeFileSync(join(folder, `queues-${day}.json`), `${JSON.stringify(json)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// A run that is broken off ends its servers as well.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
try {
  const options = readOptions();
  if (options === null) console.log(help);
  else await main(options);
} catch (error) {
  console.log(messageOf(error));
  process.exitCode = 1;
}
