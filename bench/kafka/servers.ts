// The two servers of the comparison, each in a process of its own on an empty directory of the same disk.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { startKafkaBroker } from "../../test/interop/kafka-broker.ts";
import { freePort, ServerProcess } from "../../test/support/server-process.ts";

/** A server under load. */
export interface Contestant {
  readonly name: "varve" | "kafka";
  readonly bootstrap: string;
  /** From the start of the process to the acknowledgement of a first record, in milliseconds. */
  readonly firstRecordMs: number;
  /** Resident memory now, in bytes: all of it, or the part that is not pages of files. */
  residentBytes(part: "all" | "anonymous"): number;
  stop(): Promise<void>;
}

/** Starts Varve. */
export async function startVarve(): Promise<Contestant> {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-bench-kafka-"));
  const [port, kafkaPort] = [await freePort(), await freePort()];
  const bootstrap = `127.0.0.1:${kafkaPort}`;
  const startedAt = performance.now();
  const flags = ["--kafka-port", String(kafkaPort), "--log-level", "warn"];
  const server = await ServerProcess.start({ dataDir, port, flags });
  const stop = async (): Promise<void> => {
    await server.stop("SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
  };
  return contestant("varve", { bootstrap, startedAt, pid: server.child.pid, stop });
}

/** Starts Apache Kafka with its defaults, as one broker; formatting its directory does not count. */
export async function startKafka(classpath: string): Promise<Contestant> {
  const broker = await startKafkaBroker({ classpath });
  // Its process is some time older than this: what is measured is in its favour.
  const ageMs = processAgeMs(broker.child.pid);
  const startedAt = performance.now() - ageMs;
  const { bootstrap } = broker;
  return contestant("kafka", {
    bootstrap,
    startedAt,
    pid: broker.child.pid,
    stop: () => broker.stop(),
  });
}

async function contestant(
  name: Contestant["name"],
  facts: {
    readonly bootstrap: string;
    readonly startedAt: number;
    readonly pid: number | undefined;
    stop(): Promise<void>;
  },
): Promise<Contestant> {
  const { bootstrap, pid, stop } = facts;
  await createTopic(bootstrap, "first", 1);
  const retry = { initialRetryTime: 20, retries: 100 };
  const producer = new Kafka({
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry,
  }).producer();
  await producer.connect();
  await producer.send({ topic: "first", messages: [{ value: "first" }] });
  const firstRecordMs = performance.now() - facts.startedAt;
  await producer.disconnect();
  const residentBytes = (part: "all" | "anonymous"): number => {
    const status = readFileSync(`/proc/${String(pid)}/status`, "utf8");
    const field = part === "all" ? /VmRSS:\s+(\d+)/ : /RssAnon:\s+(\d+)/;
    return Number(field.exec(status)?.[1] ?? 0) * 1024;
  };
  return { name, bootstrap, firstRecordMs, residentBytes, stop };
}

/** Creates a topic; resolves when it can be written to. */
export async function createTopic(
  bootstrap: string,
  topic: string,
  numPartitions: number,
): Promise<void> {
  const retry = { initialRetryTime: 20, retries: 100 };
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  await admin.disconnect();
}

// Linux counts the start of a process in hundredths of a second since boot.
function processAgeMs(pid: number | undefined): number {
  const fields =
    readFileSync(`/proc/${String(pid)}/stat`, "utf8")
      .split(") ")[1]
      ?.split(" ") ?? [];
  const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  return uptimeMs - Number(fields[19]) * 10;
}
