// `npm run bench:kafka`: Varve against Apache Kafka with Kafka's own perf tools, in turns on one machine.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runProgram } from "../../test/interop/outcomes.ts";
import { kafkaTools, kafkaVersion } from "../../test/interop/toolchain.ts";
import { projectRoot } from "../../test/support/source-tree.ts";
import { type Contestant, createTopic, startKafka, startVarve } from "./servers.ts";

const help = `usage: npm run bench:kafka -- [--only TEXT] [--rounds 2] [--scale 1] [--save]

  --only    only the cells whose name contains TEXT
  --rounds  measured rounds; the servers take turns in each, and the one to begin changes
  --scale   factor on the number of records
  --save    keep the table in bench/results

example: npm run bench:kafka -- --only 1024B --rounds 1`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "2" },
    scale: { type: "string", default: "1" },
    save: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

interface Cell {
  readonly name: string;
  readonly unit: string;
  /** True where less is better. */
  readonly isCost: boolean;
  measure(server: Contestant): Promise<number>;
}

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly varve: number;
  readonly kafka: number;
  /** Above 1 where Varve is better. */
  readonly ratio: number;
}

const recordsOf = { 100: 400_000, 1024: 100_000, 10240: 12_000 } as const;
type Size = keyof typeof recordsOf;
const tools = "org.apache.kafka.tools";
let topics = 0;

function cellsOf(classpath: string, scale: number): readonly Cell[] {
  const java = async (main: string, args: readonly string[]): Promise<string> => {
    const all = ["-Xmx512m", "-cp", classpath, `${tools}.${main}`, ...args];
    return runProgram({ file: "java", args: all }, 120_000);
  };
  const filled = new Map<string, string>();
  const produce = async (
    server: Contestant,
    load: { readonly size: Size; readonly partitions: number; readonly acks: string },
  ): Promise<string> => {
    const topic = `perf-${topics++}`;
    await createTopic(server.bootstrap, topic, load.partitions);
    const records = String(Math.round(recordsOf[load.size] * scale));
    const what = ["--topic", topic, "--num-records", records, "--record-size", String(load.size)];
    const how = ["--throughput", "-1", "--producer-props"];
    const props = [`bootstrap.servers=${server.bootstrap}`, `acks=${load.acks}`];
    filled.set(`${server.name} ${load.size} ${load.partitions}`, topic);
    return java("ProducerPerformance", [...what, ...how, ...props]);
  };
  const sizes = [100, 1024, 10240] as const;
  const counts = [1, 16] as const;
  const producing = sizes.flatMap((size) =>
    counts.flatMap((partitions) =>
      ["1", "all"].map((acks): Cell => {
        const measure = async (server: Contestant): Promise<number> =>
          found(
            /([\d.]+) records\/sec[^\n]*99\.9th/,
            await produce(server, { size, partitions, acks }),
          );
        const name = `produce ${size}B ${partitions}p acks=${acks}`;
        return { name, unit: "records/s", isCost: false, measure };
      }),
    ),
  );
  const fetching = sizes.flatMap((size) =>
    counts.map((partitions): Cell => {
      const measure = async (server: Contestant): Promise<number> => {
        const topic = filled.get(`${server.name} ${size} ${partitions}`) ?? "";
        const records = String(Math.round(recordsOf[size] * scale));
        const args = ["--bootstrap-server", server.bootstrap, "--topic", topic, "--messages"];
        const text = await java("ConsumerPerformance", [...args, records]);
        // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
        const line = text.split("\n").find((each) => /^\d{4}-/.test(each)) ?? text;
        return found(/([\d.]+)$/, line.trim());
      };
      return { name: `fetch ${size}B ${partitions}p`, unit: "records/s", isCost: false, measure };
    }),
  );
  const endToEnd = new Map<string, string>();
  const latency = [".50", ".99", ".999"].map(
    (percentile): Cell => ({
      name: `end to end 100B acks=all p${percentile.slice(1)}`,
      unit: "ms",
      isCost: true,
      measure: async (server) => {
        if (percentile === ".50") {
          const args = [
            "-b",
            server.bootstrap,
            "-t",
            "latency",
            "-n",
            "2000",
            "-a",
            "all",
            "-s",
            "100",
          ];
          await createTopic(server.bootstrap, "latency", 1);
          endToEnd.set(server.name, await java("EndToEndLatency", args));
        }
        const names = { ".50": "50th", ".99": "99th", ".999": "99.9th" } as Record<string, string>;
        const at = `${names[percentile]} = `;
        const text = endToEnd.get(server.name) ?? "";
        return found(new RegExp(`${at.replace(".", "\\.")}(\\d+)`), text);
      },
    }),
  );
  const memory: Cell = {
    name: "resident memory after the load",
    unit: "MiB",
    isCost: true,
    measure: (server) => Promise.resolve(server.residentBytes() / 2 ** 20),
  };
  return [...producing, ...fetching, ...latency, memory];
}

function found(pattern: RegExp, text: string): number {
  const match = pattern.exec(text.trim());
  if (match === null) throw new Error(`no figure in:\n${text.slice(-1500)}`);
  return Number(match[1]);
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[(sorted.length - 1) >> 1], sorted[middle]];
  return (low + high) / 2;
}

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
  if ("missing" in tool) {
    console.log(tool.missing);
    process.exitCode = 2;
    return;
  }
  const { classpath } = tool.tool;
  const [rounds, scale] = [Number(values.rounds), Number(values.scale)];
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
    const cells = cellsOf(classpath, scale);
    // Memory that is touched for the first time is slow here: each server is warmed before anything counts.
    for (const server of servers) {
      for (const cell of cells.filter(({ name }) => name === "produce 1024B 16p acks=all")) {
        await cell.measure(server);
      }
    }
    for (const cell of cells) {
      const isWanted = cell.name.includes(values.only) || cell.name.startsWith("produce");
      if (values.only !== "" && !isWanted) continue;
      show(await measureCell(cell, servers, rounds));
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  if (values.save) save(lines, rows, rounds);
}

function save(lines: readonly string[], rows: readonly Row[], rounds: number): void {
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
    "with acks=all. Produce and fetch with ProducerPerformance and ConsumerPerformance, latency with EndToEndLatency.",
    "In the last column more than 100 % means that Varve is better, whatever the unit.",
    "",
    ...lines,
    "",
  ].join("\n");
  writeFileSync(join(folder, `kafka-${day}.md`), text);
  writeFileSync(join(folder, `kafka-${day}.json`), `${JSON.stringify({ day, rounds, rows })}\n`);
}

if (values.help) console.log(help);
else await main();
