// Share groups: Apache Kafka's share consumer in two versions, its tools, and a queue whose records go to a share
// consumer and to receivers over HTTP.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { describeProgram, runProgram } from "./outcomes.ts";
import { clientResults } from "./results.ts";
import { type ServerUnderTest, startServerUnderTest } from "./server-under-test.ts";
import { compiledJava, type Found, kafkaClients, kafkaTools, kafkaVersion } from "./toolchain.ts";

const javaOptions = ["-Xmx512m", "-XX:TieredStopAtLevel=1"];
/** The first client that renews locks is 4.2. */
const newerVersion = "4.3.0";

function shareConsumer(name: string, version: string, newer: () => Found<string>): void {
  describeProgram({
    name,
    version,
    scenarios: ["share-groups"],
    prepare: () => {
      const found = compiledJava("java");
      if ("missing" in found) return found;
      const first = newer();
      if ("missing" in first) return first;
      const classpath = `${first.tool}${found.tool}`;
      const java = [...javaOptions, "-cp", classpath, "Interop"];
      return {
        tool: (bootstrap) => ({ file: "java", args: [...java, bootstrap, "share-groups"] }),
      };
    },
  });
}

shareConsumer("Java client", kafkaVersion, () => ({ tool: "" }));
// The programs run unchanged on the jars of the newer client, which come first.
shareConsumer("Java share consumer", newerVersion, () => {
  const found = kafkaClients(newerVersion);
  return "missing" in found ? found : { tool: `${found.tool}:` };
});

const tools = kafkaTools();
const results = clientResults("Kafka's tools", kafkaVersion);
let server: ServerUnderTest | null = null;

beforeAll(async () => {
  if (!("missing" in tools)) server = await startServerUnderTest();
});
afterAll(async () => {
  await server?.stop();
});

test("kafka-share-groups: list, describe, delete offsets, delete", async (context) => {
  if ("missing" in tools || server === null) {
    const why = "missing" in tools ? tools.missing : "no server";
    results.leaveOut("share-groups", why);
    return context.skip(why);
  }
  const bootstrap = ["--bootstrap-server", server.bootstrap];
  const run = (name: string, ...args: readonly string[]): string =>
    tools.tool.run(name, [...bootstrap, ...args]);
  const groups = "org.apache.kafka.tools.consumer.group.ShareGroupCommand";
  await results.run("share-groups", async () => {
    const topic = ["--topic", "shared"];
    run("org.apache.kafka.tools.TopicCommand", "--create", ...topic, "--partitions", "2");
    const group = ["--entity-type", "groups", "--entity-name", "sharers"];
    const earliest = ["--add-config", "share.auto.offset.reset=earliest"];
    run("kafka.admin.ConfigCommand", "--alter", ...group, ...earliest);
    const configs = run("kafka.admin.ConfigCommand", "--describe", ...group);
    expect(configs).toContain("DYNAMIC_GROUP_CONFIG:share.auto.offset.reset=earliest");
    run("org.apache.kafka.tools.VerifiableProducer", ...topic, "--max-messages", "100");
    const upTo = ["--group-id", "sharers", "--max-messages", "100", "--verbose"];
    const read = run("org.apache.kafka.tools.VerifiableShareConsumer", ...topic, ...upTo);
    expect(read.match(/"record_data"/g)).toHaveLength(100);
    expect(run(groups, "--list", "--state")).toMatch(/^sharers\s+Empty/m);
    const offsets = run(groups, "--describe", "--group", "sharers");
    const ends = [...offsets.matchAll(/^sharers\s+shared\s+\d\s+(\d+)/gm)].map(([, end]) => end);
    expect(ends.reduce((sum, end) => sum + Number(end), 0)).toBe(100);
    const state = run(groups, "--describe", "--group", "sharers", "--state");
    expect(state).toMatch(/^sharers\s+\S+\s+\(1\)\s+Empty\s+0/m);
    const deleted = run(groups, "--delete-offsets", "--group", "sharers", ...topic);
    expect(deleted).toMatch(/shared\s+Successful/);
    expect(run(groups, "--delete", "--group", "sharers")).toContain("was successful");
    expect(run(groups, "--list")).not.toContain("sharers");
  });
});

// Queues are not Kafka's: this one is no part of the table.
test("a queue shared by a share consumer and a receiver over HTTP", async (context) => {
  const found = compiledJava("java");
  if ("missing" in found) return context.skip(found.missing);
  const dataDir = mkdtempSync(join(tmpdir(), "varve-queue-mix-"));
  const [port, kafkaPort] = [await freePort(), await freePort()];
  const flags = ["--kafka-port", String(kafkaPort), "--log-level", "warn"];
  const both = await ServerProcess.start({ dataDir, port, flags });
  try {
    const args = [
      ...javaOptions,
      "-cp",
      found.tool,
      "QueueMix",
      `127.0.0.1:${kafkaPort}`,
      both.url,
    ];
    const output = await runProgram({ file: "java", args }, 120_000);
    expect(output, both.output).toMatch(/^ok$/m);
  } finally {
    await both.stop("SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
  }
});
