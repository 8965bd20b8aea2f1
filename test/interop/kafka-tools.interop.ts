// Apache Kafka's own tools (kafka-topics, kafka-configs, kafka-console-producer and so on) against the server.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { projectRoot } from "../support/source-tree.ts";
import { clientResults, type Scenario } from "./results.ts";
import { type ServerUnderTest, startServerUnderTest } from "./server-under-test.ts";
import { kafkaTools, kafkaVersion } from "./toolchain.ts";

const found = kafkaTools();
const results = clientResults("Kafka's tools", kafkaVersion);
const folder = mkdtempSync(join(tmpdir(), "kafka-tools-"));
const archive = join(projectRoot, ".interop/kafka/tools.jsa");
let server: ServerUnderTest;
let bootstrap = "";

beforeAll(async () => {
  if ("missing" in found) return;
  server = await startServerUnderTest();
  bootstrap = server.bootstrap;
  // The JVM loads most classes of a tool from an archive then, in half the time.
  if (existsSync(archive)) return;
  const list = ["--bootstrap-server", bootstrap, "--describe"];
  const options = [`-XX:ArchiveClassesAtExit=${archive}`];
  await start("org.apache.kafka.tools.TopicCommand", list, { options }).ended;
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  if (!("missing" in found)) await server.stop();
});

/** A tool under way. */
interface Tool {
  readonly child: ChildProcess;
  /** Both outputs so far. */
  output(): string;
  /** What it wrote, when it has ended. */
  readonly ended: Promise<string>;
}

function start(
  mainClass: string,
  args: readonly string[],
  {
    input = null,
    options = [`-XX:SharedArchiveFile=${archive}`],
  }: { readonly input?: string | null; readonly options?: readonly string[] } = {},
): Tool {
  if ("missing" in found) throw new Error(found.missing);
  const java = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", ...options];
  const all = [...java, "-cp", found.tool.classpath, mainClass, ...args];
  const child = spawn("java", all, { stdio: [input === null ? "ignore" : "pipe", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  }
  child.stdin?.end(input ?? "");
  const limit = setTimeout(() => child.kill("SIGKILL"), 90_000);
  const output = (): string => Buffer.concat(chunks).toString();
  const ended = once(child, "close").then(() => {
    clearTimeout(limit);
    return output();
  });
  return { child, output, ended };
}

/** A tool of org.apache.kafka.tools that takes `--bootstrap-server`, to its end. */
function tool(name: string, ...args: readonly string[]): Promise<string> {
  const all = ["--bootstrap-server", bootstrap, ...args];
  return start(`org.apache.kafka.tools.${name}`, all).ended;
}

function configs(...args: readonly string[]): Promise<string> {
  return start("kafka.admin.ConfigCommand", ["--bootstrap-server", bootstrap, ...args]).ended;
}

function consoleProduce(args: readonly string[], input: string): Promise<string> {
  const all = ["--bootstrap-server", bootstrap, ...args];
  return start("org.apache.kafka.tools.ConsoleProducer", all, { input }).ended;
}

async function consoleConsume(topic: string, count: number, ...args: string[]): Promise<string> {
  const upTo = ["--max-messages", String(count), "--timeout-ms", "20000"];
  return tool("consumer.ConsoleConsumer", "--topic", topic, ...upTo, ...args);
}

async function makeTopic(name: string, partitions: number, ...args: string[]): Promise<void> {
  const count = ["--partitions", String(partitions)];
  const output = await tool("TopicCommand", "--create", "--topic", name, ...count, ...args);
  expect(output).toContain(`Created topic ${name}.`);
}

/** A test of one scenario, skipped where there is no Java. */
function scenario(name: Scenario, what: string, work: () => Promise<void>): void {
  test(`${name}: ${what}`, async (context) => {
    if ("missing" in found) {
      results.leaveOut(name, found.missing);
      return context.skip(found.missing);
    }
    await results.run(name, work);
  });
}

const numbers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => String(index));
const lines = (values: readonly string[]): string => values.map((value) => `${value}\n`).join("");

scenario("produce", "console producer with keys, headers and nulls", async () => {
  await makeTopic("shapes", 1);
  const reads = ["parse.key=true", "parse.headers=true", "null.marker=NULL"];
  const properties = reads.flatMap((property) => ["--property", property]);
  const input = "a:1,b:2\tk1\tone\nNULL\tNULL\ttwo\nc:ž\tk3\tNULL\n";
  expect(await consoleProduce(["--topic", "shapes", ...properties], input)).not.toMatch(/ERROR/);
  const shows = ["print.key=true", "print.headers=true", "print.offset=true"];
  const output = await consoleConsume(
    "shapes",
    3,
    "--from-beginning",
    ...shows.flatMap((property) => ["--property", property]),
  );
  expect(output).toContain("Offset:0\ta:1,b:2\tk1\tone\n");
  expect(output).toContain("Offset:1\tNO_HEADERS\tnull\ttwo\n");
  expect(output).toContain("Offset:2\tc:ž\tk3\tnull\n");
});

scenario("produce", "producer performance with each acks", async () => {
  for (const acks of ["0", "1", "all"]) {
    const size = ["--num-records", "5000", "--record-size", "200", "--throughput", "-1"];
    const properties = ["--producer-props", `bootstrap.servers=${bootstrap}`, `acks=${acks}`];
    const args = ["--topic", `perf-${acks}`, ...size, ...properties];
    const output = await start("org.apache.kafka.tools.ProducerPerformance", args).ended;
    expect(output).toMatch(/^5000 records sent/m);
  }
  const offsets = await tool("GetOffsetShell", "--topic-partitions", "perf-.*:0");
  expect(offsets.match(/perf-\w+:0:5000/g)).toHaveLength(3);
});

scenario("consume", "console consumer from an offset, and consumer performance", async () => {
  await makeTopic("consumed", 1);
  await consoleProduce(["--topic", "consumed"], lines(numbers(3000)));
  const from = await consoleConsume("consumed", 5, "--partition", "0", "--offset", "2990");
  expect(from).toContain("2990\n2991\n2992\n2993\n2994\n");
  const timed = await tool("ConsumerPerformance", "--topic", "consumed", "--messages", "3000");
  expect(timed).toMatch(/, 3000, /);
});

scenario("consume", "end-to-end latency", async () => {
  const main = "org.apache.kafka.tools.EndToEndLatency";
  const output = await start(main, [bootstrap, "latency", "50", "all", "100"]).ended;
  expect(output).toMatch(/Avg latency: /);
});

for (const protocol of ["classic", "consumer"] as const) {
  const name = protocol === "classic" ? "group-rebalance" : "group-rebalance-848";
  scenario(name, "two verifiable consumers", async () => {
    const topic = `shared-${protocol}`;
    await makeTopic(topic, 4);
    const args = ["--topic", topic, "--group-id", topic, "--group-protocol", protocol];
    const reset = ["--reset-policy", "earliest", "--verbose"];
    const join = ["--bootstrap-server", bootstrap, ...args, ...reset];
    const main = "org.apache.kafka.tools.VerifiableConsumer";
    const members = [start(main, join), start(main, join)];
    try {
      await within(() => members.every((member) => owned(member).size === 2), 60_000);
      expect(new Set(members.flatMap((member) => [...owned(member)])).size).toBe(4);
      await verifiableProduce(topic, 1000);
      await within(() => members.reduce((sum, one) => sum + values(one).length, 0) >= 1000, 30_000);
      const question = ["--describe", "--group", topic, "--members", "--verbose"];
      const described = await tool("consumer.group.ConsumerGroupCommand", ...question);
      expect(described.match(new RegExp(`^${topic}\\s`, "gm"))).toHaveLength(2);
      members[1]?.child.kill("SIGTERM");
      await within(() => owned(members[0]).size === 4, 60_000);
      await verifiableProduce(topic, 1000);
      await within(() => members.reduce((sum, one) => sum + values(one).length, 0) >= 2000, 30_000);
      const all = members.flatMap((member) => values(member)).sort();
      expect(all).toEqual([...numbers(1000), ...numbers(1000)].sort());
    } finally {
      for (const member of members) member.child.kill("SIGTERM");
      await Promise.all(members.map((member) => member.ended));
    }
  });
}

async function within(isTrue: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface VerifiableEvent {
  readonly name: string;
  readonly value?: string;
  readonly partitions?: readonly { readonly partition: number }[];
}

function events(member: Tool | undefined): readonly VerifiableEvent[] {
  const whole = (member?.output() ?? "").split("\n").filter((line) => /^\{.*\}$/.test(line));
  return whole.map((line) => JSON.parse(line) as VerifiableEvent);
}

/** The partitions a verifiable consumer has now, by what it said. */
function owned(member: Tool | undefined): ReadonlySet<number> {
  const partitions = new Set<number>();
  for (const event of events(member)) {
    for (const { partition } of event.partitions ?? []) {
      if (event.name === "partitions_assigned") partitions.add(partition);
      if (event.name === "partitions_revoked") partitions.delete(partition);
    }
  }
  return partitions;
}

function values(member: Tool | undefined): readonly string[] {
  const read = events(member).filter((event) => event.name === "record_data");
  return read.map((event) => event.value ?? "");
}

async function verifiableProduce(topic: string, count: number): Promise<void> {
  const args = ["--topic", topic, "--max-messages", String(count), "--acks", "-1"];
  const output = await tool("VerifiableProducer", ...args, "--repeating-keys", "40");
  expect(output.match(/producer_send_success/g)).toHaveLength(count);
}

scenario("offsets", "consumer groups: describe, reset, delete; get-offsets", async () => {
  await makeTopic("positions", 2);
  await consoleProduce(["--topic", "positions", "--batch-size", "1"], lines(numbers(50)));
  const group = ["--group", "positions-group"];
  await consoleConsume("positions", 50, "--from-beginning", ...group);
  const command = "consumer.group.ConsumerGroupCommand";
  expect(await tool(command, "--list")).toContain("positions-group");
  const described = await tool(command, "--describe", ...group);
  expect(sums(described, "positions-group")).toEqual({ current: 50, end: 50, lag: 0 });
  const topic = ["--topic", "positions"];
  const reset = [...group, ...topic, "--execute", "--reset-offsets"];
  await tool(command, ...reset, "--to-earliest");
  expect(sums(await tool(command, "--describe", ...group), "positions-group").lag).toBe(50);
  await tool(command, ...reset, "--shift-by", "3");
  await tool(command, ...reset, "--to-datetime", "2020-01-01T00:00:00.000");
  await tool(command, ...reset, "--to-latest");
  expect(sums(await tool(command, "--describe", ...group), "positions-group").lag).toBe(0);
  const dropped = await tool(command, "--delete-offsets", ...group, "--topic", "positions");
  expect(dropped).toContain("Successful");
  expect(await tool(command, "--delete", ...group)).toContain("was successful");
  const unknown = await tool(command, "--describe", "--group", "no-such-group");
  expect(unknown).toContain("GroupIdNotFoundException");
  for (const [time, sum] of [
    ["earliest", 0],
    ["latest", 50],
  ] as const) {
    const listed = await tool("GetOffsetShell", ...topic, "--time", time);
    const offsets = [...listed.matchAll(/^positions:\d:(\d+)$/gm)].map((one) => Number(one[1]));
    expect(offsets.reduce((total, one) => total + one, 0)).toBe(sum);
  }
});

/** Sums of the numeric columns that `--describe` shows of a group. */
function sums(output: string, group: string): { current: number; end: number; lag: number } {
  const total = { current: 0, end: 0, lag: 0 };
  for (const line of output.split("\n").filter((text) => text.startsWith(group))) {
    const cells = line.trim().split(/\s+/);
    total.current += Number(cells[3]);
    total.end += Number(cells[4]);
    total.lag += Number(cells[5]);
  }
  return total;
}

scenario("admin", "topics and configs", async () => {
  await makeTopic("managed", 3, "--config", "retention.ms=3600000");
  const topic = ["--topic", "managed"];
  const described = await tool("TopicCommand", "--describe", ...topic);
  expect(described).toMatch(/PartitionCount: 3\s+ReplicationFactor: 1\s+.*retention.ms=3600000/);
  expect(described.match(/Partition: \d+\s+Leader: 1\s+Replicas: 1\s+Isr: 1/g)).toHaveLength(3);
  await tool("TopicCommand", "--alter", ...topic, "--partitions", "5");
  expect(await tool("TopicCommand", "--describe", ...topic)).toContain("PartitionCount: 5");
  const twice = await tool("TopicCommand", "--create", ...topic);
  expect(twice).toMatch(/managed. (already )?exists/);
  const entity = ["--entity-type", "topics", "--entity-name", "managed"];
  const change = ["--add-config", "retention.bytes=1000000", "--delete-config", "retention.ms"];
  expect(await configs(...entity, "--alter", ...change)).toContain("Completed updating config");
  const shown = await configs(...entity, "--describe");
  expect(shown).toContain("retention.bytes=1000000");
  expect(shown).not.toContain("retention.ms=3600000");
  const all = await configs(...entity, "--describe", "--all");
  expect(all).toContain("cleanup.policy=delete");
  const refused = await configs(...entity, "--alter", "--add-config", "no.such.key=1");
  expect(refused).toMatch(/InvalidConfigurationException|Unknown topic config/);
  const broker = ["--entity-type", "brokers", "--entity-name", "1", "--describe", "--all"];
  expect(await configs(...broker)).toContain("num.partitions=");
  await tool("TopicCommand", "--delete", ...topic);
  expect(await tool("TopicCommand", "--list")).not.toMatch(/^managed$/m);
});

scenario("admin", "log directories, deletion of records, groups, the cluster", async () => {
  await makeTopic("stored", 1);
  await consoleProduce(["--topic", "stored"], lines(numbers(100)));
  const directories = await tool("LogDirsCommand", "--describe", "--topic-list", "stored");
  expect(directories).toMatch(/"partition":"stored-0","size":[1-9]/);
  const file = join(folder, "delete.json");
  const partitions = [{ topic: "stored", partition: 0, offset: 40 }];
  writeFileSync(file, JSON.stringify({ partitions, version: 1 }));
  const deleted = await tool("DeleteRecordsCommand", "--offset-json-file", file);
  expect(deleted).toMatch(/stored-0\s+low_watermark: 40/);
  await consoleConsume("stored", 60, "--from-beginning", "--group", "stored-group");
  expect(await tool("GroupsCommand", "--list")).toMatch(/stored-group\s+Classic\s+consumer/);
  const cluster = ["cluster-id", "--bootstrap-server", bootstrap];
  const id = await start("org.apache.kafka.tools.ClusterTool", cluster).ended;
  expect(id).toMatch(/Cluster ID: \S{22}/);
  expect(await tool("BrokerApiVersionsCommand")).toMatch(/Produce\(0\): 0 to \d+ \[usable: \d+\]/);
  const moving = await tool("reassign.ReassignPartitionsCommand", "--list");
  expect(moving).toContain("No partition reassignments found");
});

for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
  scenario(`compression-${codec}`, "console producer and consumer", async () => {
    const topic = `packed-${codec}`;
    await makeTopic(topic, 1);
    const sent = lines(numbers(1000));
    await consoleProduce(["--topic", topic, "--compression-codec", codec], sent);
    expect(await consoleConsume(topic, 1000, "--from-beginning")).toContain(sent);
  });
}

scenario("idempotence", "a producer as the partition remembers it", async () => {
  await makeTopic("idempotent", 1);
  const size = ["--num-records", "5000", "--record-size", "100", "--throughput", "-1"];
  const properties = ["--producer-props", `bootstrap.servers=${bootstrap}`];
  const args = ["--topic", "idempotent", ...size, ...properties];
  await start("org.apache.kafka.tools.ProducerPerformance", args).ended;
  const partition = ["--topic", "idempotent", "--partition", "0"];
  const producers = await tool("TransactionsCommand", "describe-producers", ...partition);
  // Producer id, epoch, coordinator epoch, and the sequence number of the last record.
  expect(producers).toMatch(/^\d+\s+0\s+-1\s+4999\s/m);
});

scenario("transactions", "producer performance, message copier, list and describe", async () => {
  await makeTopic("atomic", 1);
  const size = ["--num-records", "2000", "--record-size", "100", "--throughput", "4000"];
  const transactions = ["--transactional-id", "atomic-perf", "--transaction-duration-ms", "50"];
  const properties = ["--producer-props", `bootstrap.servers=${bootstrap}`];
  const args = ["--topic", "atomic", ...size, ...transactions, ...properties];
  const produced = await start("org.apache.kafka.tools.ProducerPerformance", args).ended;
  expect(produced).toMatch(/^2000 records sent/m);
  const input = [
    "--consumer-group",
    "copiers",
    "--input-topic",
    "atomic",
    "--input-partition",
    "0",
  ];
  const output = ["--output-topic", "copies", "--transactional-id", "copier"];
  const bounds = ["--max-messages", "2000", "--transaction-size", "300", "--use-group-metadata"];
  const copier = ["--broker-list", bootstrap, ...input, ...output, ...bounds];
  const copied = await start("org.apache.kafka.tools.TransactionalMessageCopier", copier).ended;
  expect(copied).toMatch(/"ShutdownComplete".*"totalProcessed":2000/);
  const isolated = ["--from-beginning", "--isolation-level", "read_committed"];
  expect(await consoleConsume("copies", 2000, ...isolated)).toContain("Processed a total of 2000");
  const listed = await tool("TransactionsCommand", "list");
  expect(listed).toMatch(/atomic-perf\s+1\s+\d+\s+CompleteCommit/);
  const described = await tool("TransactionsCommand", "describe", "--transactional-id", "copier");
  expect(described).toMatch(/copier\s+\d+\s+\d+\s+CompleteCommit/);
  const hanging = await tool("TransactionsCommand", "find-hanging", "--broker-id", "1");
  expect(hanging).not.toMatch(/atomic|copies|Exception/);
});
