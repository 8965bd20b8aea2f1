// `npm run bench:kafka`: Varve against Apache Kafka with Kafka's own perf tools and with librdkafka, in turns on one
// machine.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findKcat, kafkaTools, kafkaVersion } from "../../test/interop/toolchain.ts";
import { projectRoot } from "../../test/support/source-tree.ts";
import { median } from "../harness.ts";
import type { Cell } from "./cell.ts";
import { javaCells } from "./java-cells.ts";
import { librdkafkaCells } from "./librdkafka-cells.ts";
import { type Contestant, startKafka, startVarve } from "./servers.ts";

const help = `usage: npm run bench:kafka -- [--only TEXT] [--rounds 3] [--scale 1] [--save]

  --only    only the cells whose name matches TEXT, a regular expression; a fetch needs its produce
  --rounds  measured rounds; the servers take turns in each, and the one to begin changes
  --scale   factor on the number of records
  --save    keep the table in bench/results

example: npm run bench:kafka -- --only 'java.*1024B' --rounds 1`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
    scale: { type: "string", default: "1" },
    save: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly varve: number;
  readonly kafka: number;
  /** Above 1 where Varve is better. */
  readonly ratio: number;
}

// Pages of mapped segments count as resident while nobody needs the room; they are the page cache, seen twice.
const memory = (["all", "anonymous"] as const).map(
  (part): Cell => ({
    name: `resident memory after the load, ${part === "all" ? "file pages included" : "without file pages"}`,
    unit: "MiB",
    isCost: true,
    measure: (server) => Promise.resolve(server.residentBytes(part) / 2 ** 20),
  }),
);

async function measureCell(
  cell: Cell,
  servers: readonly [Contestant, Contestant],
  rounds: number,
): Promise<Row> {
  const figures = { varve: [] as number[], kafka: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? servers : servers.toReversed();
    for (const server of order) figures[server.name].push(await cell.measure(server));
  }
  const [varve, kafka] = [median(figures.varve), median(figures.kafka)];
  const ratio = cell.isCost ? kafka / varve : varve / kafka;
  return { name: cell.name, unit: cell.unit, varve, kafka, ratio };
}

function asLine({ name, unit, varve, kafka, ratio }: Row): string {
  const number = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));
  return `| ${name} | ${number(varve)} | ${number(kafka)} | ${unit} | ${(ratio * 100).toFixed(0)} % |`;
}

async function main(): Promise<void> {
  const tool = kafkaTools();
  const kcat = findKcat();
  for (const found of [tool, kcat]) if ("missing" in found) console.log(found.missing);
  if ("missing" in tool || "missing" in kcat) {
    process.exitCode = 2;
    return;
  }
  const { classpath } = tool.tool;
  const [rounds, scale] = [Number(values.rounds), Number(values.scale)];
  const librdkafka = librdkafkaCells(scale);
  const servers = [await startVarve(), await startKafka(classpath)] as const;
  const [varve, kafka] = servers;
  const lines = ["| | Varve | Kafka | | Varve is |", "|---|--:|--:|---|--:|"];
  const rows: Row[] = [];
  const show = (row: Row): void => {
    rows.push(row);
    lines.push(asLine(row));
    console.log(asLine(row));
  };
  try {
    console.log(lines.join("\n"));
    const ratio = kafka.firstRecordMs / varve.firstRecordMs;
    const start = { name: "start to first record", unit: "ms", ratio };
    show({ ...start, varve: varve.firstRecordMs, kafka: kafka.firstRecordMs });
    const cells = [...javaCells(classpath, scale), ...librdkafka.cells];
    // Memory that is touched for the first time is slow here, and code that runs for the first time everywhere: each
    // server is warmed before anything counts.
    for (const server of servers) {
      for (const cell of cells.filter(({ name }) => /1024B 16p/.test(name))) {
        await cell.measure(server);
      }
    }
    const only = new RegExp(values.only);
    for (const cell of [...cells, ...memory]) {
      if (only.test(cell.name)) show(await measureCell(cell, servers, rounds));
    }
  } finally {
    librdkafka.close();
    await Promise.all(servers.map((server) => server.stop()));
  }
  if (values.save) save({ lines, rows, rounds, kcat: kcat.tool });
}

function save(run: {
  readonly lines: readonly string[];
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly kcat: string;
}): void {
  const { lines, rows, rounds, kcat } = run;
  const day = new Date().toISOString().slice(0, 10);
  const folder = join(projectRoot, "bench/results");
  mkdirSync(folder, { recursive: true });
  const [cpu] = cpus();
  const text = [
    `# Varve against Apache Kafka ${kafkaVersion}, ${day}`,
    "",
    `\`npm run bench:kafka -- --rounds ${rounds} --scale ${values.scale} --save\`; medians of ${rounds} rounds, servers in turns.`,
    `Machine: ${cpus().length} x ${cpu?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}.`,
    "One Kafka broker (KRaft) with its default settings, which do not sync what they acknowledge; Varve with its own, which sync",
    "with acks=all. java: ProducerPerformance, ConsumerPerformance and EndToEndLatency with their defaults. librdkafka: kcat",
    `(${kcat}) with its defaults, whole runs of the program. Clients and server share the machine.`,
    "In the last column more than 100 % means that Varve is better, whatever the unit.",
    "",
    ...lines,
    "",
  ].join("\n");
  writeFileSync(join(folder, `kafka-${day}.md`), text);
  writeFileSync(join(folder, `kafka-${day}.json`), `${JSON.stringify({ day, rounds, rows })}\n`);
}

if (values.help) console.log(help);
else {
  await main().catch((error: unknown) => {
    console.log(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
