// One log, two doors: what goes in over HTTP comes out of every client byte for byte, and back; keys land where each
// client would put them; one group has members of both doors, at once and one after the other.

import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type EachMessagePayload, Kafka, logLevel, Partitioners } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, type VarveClient } from "../../src/client/client.ts";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { confluentClient } from "./clients/confluent-client.ts";
import { platformaticClient } from "./clients/platformatic-client.ts";
import { soon } from "./clients/soon.ts";
import { compiledGo, compiledJava, type Found } from "./toolchain.ts";

const run = promisify(execFile);
let server: ServerProcess;
let bootstrap: string;
let dataDir: string;
let http: VarveClient;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "varve-cross-door-"));
  const [port, kafkaPort] = [await freePort(), await freePort()];
  bootstrap = `127.0.0.1:${kafkaPort}`;
  const flags = ["--kafka-port", String(kafkaPort), "--log-level", "warn"];
  server = await ServerProcess.start({ dataDir, port, flags });
  http = createClient({ url: server.url });
});

afterAll(async () => {
  await http.close();
  await server.stop("SIGTERM");
  rmSync(dataDir, { recursive: true, force: true });
});

type Command = (args: readonly string[]) => Promise<void>;

function program(file: string, first: readonly string[], env = {}): Found<Command> {
  return {
    tool: async (args) => {
      const options = { env: { ...process.env, ...env }, timeout: 120_000 };
      await run(file, [...first, bootstrap, ...args], options);
    },
  };
}

function scripted(found: ReturnType<typeof confluentClient>): Found<Command> {
  if ("missing" in found) return found;
  const [file = "", ...first] = found.tool.command;
  return program(file, first, found.tool.env);
}

function java(): Found<Command> {
  const found = compiledJava("java");
  return "missing" in found ? found : program("java", ["-Xmx512m", "-cp", found.tool, "CrossDoor"]);
}

function franzGo(): Found<Command> {
  const found = compiledGo("go");
  return "missing" in found ? found : program(found.tool, []);
}

const clients: readonly (readonly [string, () => Found<Command>])[] = [
  ["kafkajs", () => ({ tool: kafkajs })],
  ["confluent-kafka", () => scripted(confluentClient())],
  ["@platformatic/kafka", () => scripted(platformaticClient())],
  ["the Java client", java],
  ["franz-go", franzGo],
];

// kafkajs runs in this process.
async function kafkajs(args: readonly string[]): Promise<void> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const createPartitioner = Partitioners.DefaultPartitioner;
  const producer = kafka.producer({ createPartitioner });
  await producer.connect();
  const [command, topic = "", second = "", third] = args;
  if (command === "keys") {
    const messages = keysOf(Number(second)).map((key) => ({ key, value: "" }));
    await producer.send({ topic, messages });
  } else {
    const taken: EachMessagePayload[] = [];
    const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 200 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async (payload) => {
        taken.push(payload);
      },
    });
    await soon(() => taken.length === Number(third));
    await consumer.disconnect();
    for (const { partition, message } of taken) {
      const { key, value, timestamp, headers = {} } = message;
      const messages = [{ partition, key, value, timestamp, headers }];
      await producer.send({ topic: second, messages });
    }
  }
  await producer.disconnect();
}

function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, number) => `key-${number}`);
}

// Records as HTTP shows them in base64, without what differs between two topics.
async function shown(topic: string, partition: number): Promise<readonly object[]> {
  const records: object[] = [];
  for (let from = 0; ; ) {
    const query = `from=${from}&as=b64&maxRecords=5000&maxBytes=16000000`;
    const path = `/v1/topics/${topic}/partitions/${partition}/records?${query}`;
    const reply = await fetch(`${server.url}${path}`);
    const page = (await reply.json()) as { records: object[]; nextOffset: number };
    if (page.records.length === 0) return records;
    for (const { offset: _, ...record } of page.records as { offset: number }[]) {
      records.push(record);
    }
    from = page.nextOffset;
  }
}

async function post(topic: string, body: unknown): Promise<void> {
  const reply = await fetch(`${server.url}/v1/topics/${topic}/records`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(reply.status, await reply.text()).toBe(200);
}

const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("base64");

const awkward = [
  { partition: 0, key: "k", value: { a: [1, 2.5, null], b: "é" } },
  { partition: 0, value: null },
  { partition: 0, key: "tombstone", text: null },
  { partition: 1, text: "" },
  { partition: 1, keyB64: "", b64: "" },
  { partition: 1, keyB64: allBytes, b64: allBytes, timestampMs: 1_700_000_000_123 },
  { partition: 2, text: "ü".repeat(1000), headers: { one: "1", bytes: { b64: "/wA=" } } },
  { partition: 2, text: "x".repeat(900_000) },
  ...Array.from({ length: 200 }, (_, number) => ({ partition: 2, value: number })),
];

test.for(clients)(
  "%s: reads what came over HTTP, and what it writes comes out again",
  async ([name, find], context) => {
    const found = find();
    if ("missing" in found) return context.skip(found.missing);
    const [source, target] = [`from-${randomUUID()}`, `to-${randomUUID()}`];
    for (const topic of [source, target]) await http.topics.create(topic, { partitions: 3 });
    await post(source, { records: awkward });
    await found.tool(["copy", source, target, String(awkward.length)]);
    for (const partition of [0, 1, 2]) {
      expect(await shown(target, partition), name).toEqual(await shown(source, partition));
    }
  },
);

test.for(clients)("%s: puts keys where HTTP puts them", async ([name, find], context) => {
  const found = find();
  if ("missing" in found) return context.skip(found.missing);
  const count = 3000;
  const [ours, theirs] = [`ours-${randomUUID()}`, `theirs-${randomUUID()}`];
  for (const topic of [ours, theirs]) await http.topics.create(topic, { partitions: 12 });
  await post(ours, { records: keysOf(count).map((key) => ({ key, text: "" })) });
  await found.tool(["keys", theirs, String(count)]);
  const keysIn = async (topic: string, partition: number): Promise<readonly unknown[]> =>
    (await shown(topic, partition)).map((record) => (record as { key: string }).key).sort();
  for (let partition = 0; partition < 12; partition++) {
    const expected = await keysIn(ours, partition);
    expect(expected.length).toBeGreaterThan(100);
    expect(expected[0]).toMatch(/^key-/);
    expect(await keysIn(theirs, partition), name).toEqual(expected);
  }
});

interface Poll {
  readonly member: string;
  readonly assignment: readonly { readonly partitions: readonly number[] }[];
  readonly records: readonly { readonly partition: number; readonly offset: number }[];
}

async function poll(group: string, body: object): Promise<Poll> {
  const reply = await fetch(`${server.url}/v1/groups/${group}/poll`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  expect(reply.status, text).toBe(200);
  return JSON.parse(text) as Poll;
}

test("one group: an HTTP member and a Kafka member of the new protocol share it", async (context) => {
  const found = confluentClient();
  if ("missing" in found) return context.skip(found.missing);
  const [topic, group] = [`shared-${randomUUID()}`, randomUUID()];
  await http.topics.create(topic, { partitions: 4 });
  const [file = "", ...first] = found.tool.command;
  const args = [...first, bootstrap, "share", topic, group, "200"];
  const child = spawn(file, args, { env: { ...process.env, ...found.tool.env } });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const body = { member: "http-member", topics: [topic], waitMs: 200 };
  const owned = async (): Promise<number> => {
    const { assignment } = await poll(group, body);
    return assignment.flatMap(({ partitions }) => partitions).length;
  };
  try {
    await poll(group, body);
    const membersOf = async (): Promise<number> =>
      ((await (await fetch(`${server.url}/v1/groups/${group}`)).json()) as { members: unknown[] })
        .members.length;
    await soon(async () => (await owned()) === 2 && (await membersOf()) === 2);
    const records = Array.from({ length: 400 }, (_, number) => ({
      partition: number % 4,
      value: number,
    }));
    await post(topic, { records });
    const seen = new Set<string>();
    await soon(async () => {
      const { records: given } = await poll(group, body);
      for (const { partition, offset } of given) seen.add(`${partition} ${offset}`);
      return seen.size === 200 && (output.match(/^record /gm)?.length ?? 0) === 200;
    });
    for (const [, place = ""] of output.matchAll(/^record (\d+ \d+)$/gm)) {
      expect(seen.has(place)).toBe(false);
      seen.add(place);
    }
    expect(seen.size).toBe(400);
  } finally {
    child.kill("SIGKILL");
  }
});

test("one group: moved from HTTP to Kafka and back with its offsets", async () => {
  const [topic, group] = [`moved-${randomUUID()}`, randomUUID()];
  await http.topics.create(topic, { partitions: 1 });
  const records = Array.from({ length: 30 }, (_, value) => ({ value }));
  await post(topic, { records });
  const leave = async (): Promise<void> => {
    const init = { method: "POST", headers: { "content-type": "application/json" } };
    const body = JSON.stringify({ member: "m" });
    await fetch(`${server.url}/v1/groups/${group}/leave`, { ...init, body });
  };
  const offsetsOf = ({ records: given }: Poll): readonly number[] =>
    given.map(({ offset }) => offset);
  const body = { member: "m", topics: [topic], maxRecords: 10, waitMs: 1000 };
  expect(offsetsOf(await poll(group, body)).at(-1)).toBe(9);
  await poll(group, { ...body, maxRecords: 1 });
  await leave();
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const taken: string[] = [];
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message }) => {
      taken.push(message.offset);
      if (message.offset !== "19") return;
      await consumer.commitOffsets([{ topic, partition: 0, offset: "20" }]);
      consumer.pause([{ topic }]);
    },
  });
  await soon(() => taken.includes("19"));
  expect(taken[0]).toBe("10");
  await consumer.disconnect();
  expect(offsetsOf(await poll(group, body))[0]).toBe(20);
  await leave();
});
