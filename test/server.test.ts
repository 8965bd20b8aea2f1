import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../src/base/logger.ts";
import { type Config, loadConfig } from "../src/config.ts";
import { createLogger, startServer } from "../src/server.ts";
import { KafkaWire } from "./support/kafka-wire.ts";

let dataDir = "";

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "varve-server-"));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

function configWith(flags: Readonly<Record<string, unknown>>): Config {
  return loadConfig({
    flags: { dataDir, port: 0, kafkaPort: 0, ...flags },
    environment: {},
    file: null,
  });
}

test("server: started and stopped: serves in between and leaves the directory marked clean", async () => {
  const server = await startServer(configWith({}), silentLogger);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  await server.close();
  await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
  expect(readdirSync(dataDir)).toContain("clean-shutdown");
});

test("server: a second one on the same directory: is refused and harms nothing", async () => {
  const first = await startServer(configWith({}), silentLogger);
  await expect(startServer(configWith({}), silentLogger)).rejects.toMatchObject({
    code: "KAFKA_STORAGE_ERROR",
  });
  expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  await first.close();
});

test("server: the port is taken: the start fails and the directory can be opened again", async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  const address = blocker.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(startServer(configWith({ port }), silentLogger)).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
  await new Promise((resolve) => blocker.close(resolve));
  const server = await startServer(configWith({}), silentLogger);
  await server.close();
});

test("server: the port of Kafka's protocol is taken: the start fails and says which flags help", async () => {
  const first = await startServer(configWith({}), silentLogger);
  const kafkaPort = Number(first.kafka?.split(":").at(-1));
  const other = configWith({ dataDir: join(dataDir, "other"), kafkaPort });
  await expect(startServer(other, silentLogger)).rejects.toMatchObject({
    code: "EADDRINUSE",
    message: `port ${kafkaPort} of Kafka's protocol is in use; choose another with --kafka-port, or --no-kafka`,
  });
  await first.close();
  await (await startServer(other, silentLogger)).close();
});

test("server: without Kafka's protocol: only HTTP is served", async () => {
  const server = await startServer(configWith({ kafkaEnabled: "false" }), silentLogger);
  expect(server.kafka).toBeNull();
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  await server.close();
});

test("server: both protocols: one metrics page, and both are gone after the stop", async () => {
  const server = await startServer(configWith({}), silentLogger);
  const wire = await KafkaWire.open(server.kafka ?? "");
  expect((await wire.call("apiVersions", 0, {})).errorCode).toBe(0);
  const page = await (await fetch(`${server.url}/metrics`)).text();
  expect(page).toContain('varve_kafka_requests_total{api="apiVersions"} 1');
  await server.close();
  await wire.closed();
});

test("server: an advertised address that is none: is refused, and the directory is let go", async () => {
  const config = configWith({ kafkaAdvertised: "nowhere" });
  await expect(startServer(config, silentLogger)).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  await (await startServer(configWith({}), silentLogger)).close();
});

test("server: a settings value that topics cannot have: is refused, and the directory is let go", async () => {
  const config = configWith({ topicDefaults: ["retention.ms=soon"] });
  await expect(startServer(config, silentLogger)).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  await (await startServer(configWith({}), silentLogger)).close();
});

test("server: restarted: topics, records and committed offsets are there", async () => {
  const first = await startServer(configWith({}), silentLogger);
  const headers = { "content-type": "application/json" };
  const offsets = [{ topic: "kept", partition: 0, offset: 1 }];
  await fetch(`${first.url}/v1/topics/kept/records`, { method: "POST", body: "one" });
  const body = JSON.stringify({ offsets });
  await fetch(`${first.url}/v1/groups/readers/commit`, { method: "POST", headers, body });
  await first.close();
  const second = await startServer(configWith({ readMode: "pread" }), silentLogger);
  const read = await fetch(`${second.url}/v1/topics/kept/partitions/0/records`);
  expect(await read.json()).toMatchObject({ records: [{ offset: 0, text: "one" }], nextOffset: 1 });
  const group = await fetch(`${second.url}/v1/groups/readers/offsets`);
  expect(await group.json()).toMatchObject({ offsets: [{ topic: "kept", committedOffset: 1 }] });
  await second.close();
});

test("logger: made for a level: has every method the house calls", () => {
  const logger = createLogger("silent");
  for (const level of ["debug", "info", "warn", "error"] as const) {
    expect(logger[level]({}, "said")).toBeUndefined();
  }
});
