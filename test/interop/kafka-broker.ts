// A real Apache Kafka of one process (KRaft, broker and controller in one), the yardstick for scenarios and figures.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/server-process.ts";

/** How a broker is started. */
export interface KafkaBrokerOptions {
  /** Kafka's jars, as `kafkaTools()` finds them. */
  readonly classpath: string;
  /** The port clients connect to; a free one by default. */
  readonly port?: number;
  /** Further lines of server.properties; Kafka's defaults hold for the rest. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Options for the JVM; Kafka's own script gives it 1 GiB of heap. */
  readonly javaOptions?: readonly string[];
}

/** A running broker. */
export interface KafkaBroker {
  /** `127.0.0.1:<port>`. */
  readonly bootstrap: string;
  /** The directory with the broker's log directory `logs` and its settings. */
  readonly directory: string;
  readonly child: ChildProcess;
  /** Stops it and removes its directory. */
  stop(): Promise<void>;
}

/**
 * Formats a new directory below the system's temporary one and starts a broker on it; resolves when it accepts
 * connections.
 */
export async function startKafkaBroker(options: KafkaBrokerOptions): Promise<KafkaBroker> {
  const { classpath, properties = {}, javaOptions = ["-Xmx1G", "-Xms256m"] } = options;
  const port = options.port ?? (await freePort());
  const controllerPort = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "kafka-broker-"));
  const settings = { ...singleNode(port, controllerPort, join(directory, "logs")), ...properties };
  const file = join(directory, "server.properties");
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  const java = ["-cp", classpath, ...javaOptions];
  const format = ["kafka.tools.StorageTool", "format", "-t", "dmFydmUtaW50ZXJvcC1pZA", "-c", file];
  execFileSync("java", [...java, ...format], { stdio: "pipe" });
  const child = spawn("java", [...java, "kafka.Kafka", file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  }
  await acceptsConnections(port, child, output);
  return {
    bootstrap: `127.0.0.1:${port}`,
    directory,
    child,
    stop: async () => {
      const ended = once(child, "exit");
      // An orderly stop may wait for clients that have gone; nobody needs this directory again.
      if (child.exitCode === null && child.kill("SIGKILL")) await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

// What a single broker cannot do without: where it is, and that no topic has more replicas than there are brokers.
function singleNode(port: number, controllerPort: number, logs: string): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": logs,
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
  };
}

async function acceptsConnections(
  port: number,
  child: ChildProcess,
  output: readonly string[],
): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => {
        resolve(false);
      });
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill("SIGKILL");
  throw new Error(`Kafka did not start:\n${output.join("").slice(-4000)}`);
}
