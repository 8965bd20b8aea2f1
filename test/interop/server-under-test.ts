// The server that clients are run against: Varve on free ports, or Apache Kafka as the yardstick.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { startKafkaBroker } from "./kafka-broker.ts";
import { serverUnderTest } from "./results.ts";
import { kafkaTools } from "./toolchain.ts";

/** A server with a Kafka door. */
export interface ServerUnderTest {
  /** Host and port of the Kafka door. */
  readonly bootstrap: string;
  /** What the server wrote last, for failure messages. */
  output(): string;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** Starts the server that `INTEROP_SERVER` names on an empty directory. */
export async function startServerUnderTest(): Promise<ServerUnderTest> {
  return serverUnderTest === "kafka" ? startKafka() : startVarve();
}

async function startVarve(): Promise<ServerUnderTest> {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-interop-"));
  const [port, kafkaPort] = [await freePort(), await freePort()];
  const flags = ["--kafka-port", String(kafkaPort), "--log-level", "warn"];
  const server = await ServerProcess.start({ dataDir, port, flags });
  return {
    bootstrap: `127.0.0.1:${kafkaPort}`,
    output: () => server.output,
    stop: async () => {
      await server.stop("SIGTERM");
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function startKafka(): Promise<ServerUnderTest> {
  const found = kafkaTools();
  if ("missing" in found) throw new Error(found.missing);
  const broker = await startKafkaBroker({ classpath: found.tool.classpath });
  return { bootstrap: broker.bootstrap, output: () => "", stop: () => broker.stop() };
}
