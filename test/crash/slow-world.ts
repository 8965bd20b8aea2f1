// Clients that are slow on purpose, by the hundred, against a real server: its memory must stay within its budgets,
// healthy clients must be served meanwhile, and all must be given back afterwards.

import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { requestFrame } from "../support/kafka-wire.ts";
import { freePort, ServerProcess } from "../support/server-process.ts";

const MiB = 1024 * 1024;
const topic = "slow";
const queue = "slow-jobs";

/** How hard, and for how long. */
export interface SlowClientsOptions {
  readonly dataDir: string;
  /** Clients that ask and do not read. */
  readonly consumers: number;
  /** Clients that begin to send and do not go on. */
  readonly producers: number;
  readonly seconds: number;
  /** Each budget of the server in bytes: bodies, replies, Kafka requests, appends. */
  readonly budgetBytes: number;
  readonly onSample?: (sample: ServerSample) => void;
}

/** The server as the system sees it. */
export interface ServerSample {
  /** Memory of its own, bytes; maps of files are not part of it. */
  readonly ownBytes: number;
  readonly openFiles: number;
}

/** What came of it. */
export interface SlowClientsFacts {
  readonly before: ServerSample;
  readonly most: ServerSample;
  readonly after: ServerSample;
  /** What `most.ownBytes` must stay below. */
  readonly boundBytes: number;
  /** Requests of healthy clients that were answered well, and how long they took. */
  readonly healthy: number;
  readonly healthyP50Ms: number;
  readonly healthyP99Ms: number;
  readonly refused: number;
  /** What must not be; empty when all is well. */
  readonly problems: readonly string[];
}

interface Ports {
  readonly http: number;
  readonly kafka: number;
}

interface SlowClient {
  readonly name: string;
  readonly port: keyof Ports;
  /** What is sent at once; null: nothing. */
  readonly opening: Buffer | null;
  /** What is sent bit by bit after it. */
  readonly drip: Buffer | null;
  /** Whether it reads a little now and then; else nothing. */
  readonly reads: boolean;
  /** Says its last word at once and stays. */
  readonly isHalfOpen?: boolean;
}

const http = (line: string, headers: readonly string[] = [], body = ""): Buffer =>
  Buffer.from([`${line} HTTP/1.1`, "host: slow", ...headers, "", body].join("\r\n"));

const read = `GET /v1/topics/${topic}/partitions/0/records?maxBytes=1048576`;
const largeRead = read.replace("1048576", "8388608");

function fetches(count: number, maxBytes = MiB): Buffer {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: maxBytes }];
  const body = {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes,
    isolationLevel: 0,
    topics: [{ topic, partitions }],
  };
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => {
      return requestFrame("fetch", { version: 4, correlationId: index }, body);
    }),
  );
}

function metadata(count: number): Buffer {
  const body = { topics: null, allowAutoTopicCreation: false };
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => {
      return requestFrame("metadata", { version: 4, correlationId: index }, body);
    }),
  );
}

/** Every way to be slow at reading. */
function slowConsumers(): readonly SlowClient[] {
  const json = ["content-type: application/json"];
  const wait = JSON.stringify({ max: 100, waitMs: 60_000 });
  const receive = [...json, `content-length: ${wait.length}`];
  const events = ["accept: text/event-stream"];
  const lines = ["accept: application/x-ndjson"];
  const never = { port: "http", drip: null, reads: false } as const;
  const kafka = { port: "kafka", drip: null, reads: false } as const;
  return [
    { ...never, name: "a large read, never taken", opening: http(largeRead) },
    { ...never, name: "a large read, taken bit by bit", opening: http(read), reads: true },
    { ...never, name: "fifty reads at once", opening: Buffer.concat(Array(50).fill(http(read))) },
    { ...never, name: "events, never taken", opening: http(`${read}&follow=true`, events) },
    {
      ...never,
      name: "lines, bit by bit",
      opening: http(`${read}&follow=true`, lines),
      reads: true,
    },
    {
      ...never,
      name: "stored batches, never taken",
      opening: http(read, ["accept: application/vnd.varve.batches"]),
    },
    {
      ...never,
      name: "a receive, never taken",
      opening: http(`POST /v1/queues/${queue}/receive`, receive, wait),
    },
    { ...never, name: "says nothing", opening: null },
    {
      ...never,
      name: "half open",
      opening: http(`${read}&waitMs=60000&from=latest`),
      isHalfOpen: true,
    },
    { ...kafka, name: "one fetch, never taken", opening: fetches(1, 8 * MiB) },
    { ...kafka, name: "two hundred fetches", opening: fetches(200) },
    { ...kafka, name: "fetches, bit by bit", opening: fetches(20), reads: true },
    { ...kafka, name: "half open in Kafka's protocol", opening: fetches(5), isHalfOpen: true },
  ];
}

/** Every way to be slow at sending. */
function slowProducers(): readonly SlowClient[] {
  const post = `POST /v1/topics/${topic}-in/records`;
  const json = ["content-type: application/json", "content-length: 8388608"];
  const lines = ["content-type: application/x-ndjson", "transfer-encoding: chunked"];
  const line = Buffer.from('{"text":"drip"}\n');
  const chunk = Buffer.concat([
    Buffer.from(`${line.length.toString(16)}\r\n`),
    line,
    Buffer.from("\r\n"),
  ]);
  const announced = Buffer.alloc(4);
  announced.writeInt32BE(8 * MiB);
  const dripping = { port: "http", reads: true } as const;
  const kafka = { port: "kafka", reads: false } as const;
  const space = Buffer.from(" ".repeat(64));
  return [
    { ...dripping, name: "a body bit by bit", opening: http(post, json), drip: space },
    {
      ...dripping,
      name: "half a body, then bit by bit",
      opening: Buffer.concat([http(post, json), Buffer.alloc(512 * 1024, " ")]),
      drip: space,
    },
    { ...dripping, name: "lines bit by bit", opening: http(post, lines), drip: chunk },
    {
      ...dripping,
      name: "headers bit by bit",
      opening: Buffer.from(`${post} HTTP/1.1\r\nhost: slow\r\n`),
      drip: Buffer.from("x-more: more\r\n"),
    },
    { ...kafka, name: "a large frame bit by bit", opening: announced, drip: Buffer.alloc(64) },
    { ...kafka, name: "thousands of questions", opening: metadata(5000), drip: null },
    { ...kafka, name: "half a size", opening: Buffer.alloc(2), drip: null },
  ];
}

/** One client, until it is dropped; what it is cut for is the server's right. */
class SlowSocket {
  readonly #socket: Socket;
  readonly #client: SlowClient;
  readonly #timer: NodeJS.Timeout;

  constructor(client: SlowClient, ports: Ports) {
    this.#client = client;
    this.#socket = connect({ port: ports[client.port], host: "127.0.0.1", allowHalfOpen: true });
    this.#socket.on("error", () => undefined);
    this.#socket.pause();
    if (client.opening !== null) this.#socket.write(client.opening);
    if (client.isHalfOpen === true) this.#socket.end();
    this.#timer = setInterval(() => this.#step(), 500);
  }

  get isClosed(): boolean {
    return this.#socket.destroyed || this.#socket.closed;
  }

  drop(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  #step(): void {
    const { drip, reads } = this.#client;
    if (drip !== null && this.#socket.writable) this.#socket.write(drip);
    if (reads) this.#socket.read(1024);
  }
}

/** Memory and descriptors of a process. */
function sampleOf(pid: number): ServerSample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0);
  return { ownBytes: kilobytes * 1024, openFiles: readdirSync(`/proc/${pid}/fd`).length };
}

interface Healthy {
  readonly url: string;
  readonly stop: AbortController;
  readonly latenciesMs: number[];
  refused: number;
}

// A client as it should be: produces a record, reads it back, polls as a member of a group.
async function beHealthy(number: number, healthy: Healthy): Promise<void> {
  const { url, stop } = healthy;
  const name = `healthy-${number % 4}`;
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const startedAt = performance.now();
    const json = { "content-type": "application/json" };
    const init = body === undefined ? {} : { body: JSON.stringify(body), headers: json };
    const response = await fetch(url + path, { method, ...init });
    const answer: unknown = await response.json();
    if (response.ok) healthy.latenciesMs.push(performance.now() - startedAt);
    else healthy.refused++;
    return answer;
  };
  while (!stop.signal.aborted) {
    await ask("POST", `/v1/topics/${name}/records`, { records: [{ text: "well" }] });
    await ask("GET", `/v1/topics/${name}/partitions/0/records?from=-1`);
    const poll = { member: `m${number}`, topics: [name], maxRecords: 10, waitMs: 0 };
    await ask("POST", `/v1/groups/${name}-${number}/poll`, poll);
    await pause(20);
  }
}

async function prepare(url: string): Promise<void> {
  const json = { "content-type": "application/json" };
  const send = async (method: string, path: string, body: object): Promise<void> => {
    const init = { method, headers: json, body: JSON.stringify(body) };
    const response = await fetch(url + path, init);
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}`);
  };
  const records = Array.from({ length: 8 }, () => ({ text: "x".repeat(900_000), partition: 0 }));
  for (let count = 0; count < 3; count++)
    await send("POST", `/v1/topics/${topic}/records`, { records });
  await send("PUT", `/v1/queues/${queue}`, { leaseMs: 5000 });
  const messages = Array.from({ length: 1000 }, (_, index) => ({ text: `${index} `.repeat(200) }));
  await send("POST", `/v1/queues/${queue}/messages`, { records: messages });
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Runs it. @throws when the server does not start or goes away. */
export async function slowClients(options: SlowClientsOptions): Promise<SlowClientsFacts> {
  const { dataDir, budgetBytes } = options;
  const ports = { http: await freePort(), kafka: await freePort() };
  // Long enough that they are all there at once, short enough that the server has to end them as well.
  const patience = String(Math.max(4000, Math.floor((options.seconds * 1000) / 2)));
  const settings = {
    "in-flight-bytes-max": String(budgetBytes),
    "reply-bytes-in-flight-max": String(budgetBytes),
    "lent-bytes-max": String(2 * budgetBytes),
    "request-timeout-ms": patience,
    "stream-stall-ms": patience,
    "kafka-port": String(ports.kafka),
    "log-level": "error",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = await ServerProcess.start({ dataDir, port: ports.http, flags });
  try {
    return await run(server, ports, options);
  } finally {
    await server.stop("SIGKILL");
  }
}

async function run(
  server: ServerProcess,
  ports: Ports,
  options: SlowClientsOptions,
): Promise<SlowClientsFacts> {
  const { url, child } = server;
  const pid = child.pid ?? 0;
  await prepare(url);
  const healthy: Healthy = { url, stop: new AbortController(), latenciesMs: [], refused: 0 };
  const well = [0, 1, 2, 3].map((number) => beHealthy(number, healthy));
  await pause(500);
  const before = sampleOf(pid);
  let most = before;
  const kinds = { consumers: slowConsumers(), producers: slowProducers() };
  const sockets = (["consumers", "producers"] as const).flatMap((side) =>
    Array.from({ length: options[side] }, (_, index) => {
      const client = kinds[side][index % kinds[side].length];
      if (client === undefined) throw new Error("there is a client of every kind");
      return client;
    }),
  );
  const open: SlowSocket[] = [];
  const endsAt = performance.now() + options.seconds * 1000;
  while (performance.now() < endsAt && child.exitCode === null && child.signalCode === null) {
    // Who was cut comes again, as such clients do.
    for (const [index, client] of sockets.entries()) {
      if (open[index]?.isClosed === false) continue;
      open[index]?.drop();
      open[index] = new SlowSocket(client, ports);
      if (index % 50 === 49) await pause(10);
    }
    await pause(250);
    if (child.exitCode !== null || child.signalCode !== null) break;
    const sample = sampleOf(pid);
    options.onSample?.(sample);
    const ownBytes = Math.max(most.ownBytes, sample.ownBytes);
    most = { ownBytes, openFiles: Math.max(most.openFiles, sample.openFiles) };
  }
  for (const socket of open) socket.drop();
  healthy.stop.abort();
  const failures = (await Promise.allSettled(well)).filter(({ status }) => status === "rejected");
  return judge({ server, before, most, healthy, options, failed: failures.length });
}

async function judge(facts: {
  readonly server: ServerProcess;
  readonly before: ServerSample;
  readonly most: ServerSample;
  readonly healthy: Healthy;
  readonly options: SlowClientsOptions;
  readonly failed: number;
}): Promise<SlowClientsFacts> {
  const { server, before, most, healthy, options } = facts;
  const { consumers, producers, budgetBytes } = options;
  const problems: string[] = [];
  const { child } = server;
  if (child.exitCode !== null || child.signalCode !== null) {
    throw new Error(`the server went away:\n${server.output}`);
  }
  // Four budgets (bodies, replies, Kafka requests, appends), each once more as garbage, and a connection's own part.
  const perConnection = 256 * 1024;
  const boundBytes = before.ownBytes + 8 * budgetBytes + (consumers + producers) * perConnection;
  if (healthy.latenciesMs.length === 0) problems.push("no healthy client was served");
  if (facts.failed > 0) problems.push(`${facts.failed} healthy clients lost their connection`);
  const pid = child.pid ?? 0;
  let after = sampleOf(pid);
  let ownBytesMax = Math.max(most.ownBytes, after.ownBytes);
  const gone = ["varve_http_reply_bytes", "varve_http_body_bytes", "varve_lent_bytes"];
  const deadline = performance.now() + 60_000;
  let left = await numbersOf(server.url, gone);
  const isOver = (): boolean =>
    left.every((each) => each === 0) && after.openFiles <= before.openFiles + 50;
  while (!isOver() && performance.now() < deadline) {
    await pause(200);
    left = await numbersOf(server.url, gone);
    after = sampleOf(pid);
    ownBytesMax = Math.max(ownBytesMax, after.ownBytes);
  }
  if (!isOver()) {
    problems.push(`not given back: ${gone.join(", ")} are ${left.join(", ")}`);
    problems.push(`${after.openFiles} files are open, ${before.openFiles} were`);
  }
  if (ownBytesMax > boundBytes) problems.push(`memory grew to ${ownBytesMax} bytes`);
  const sorted = healthy.latenciesMs.toSorted((one, other) => one - other);
  return {
    before,
    most: { ...most, ownBytes: ownBytesMax },
    after,
    boundBytes,
    healthy: sorted.length,
    healthyP50Ms: percentile(sorted, 0.5),
    healthyP99Ms: percentile(sorted, 0.99),
    refused: healthy.refused,
    problems,
  };
}

async function numbersOf(url: string, names: readonly string[]): Promise<readonly number[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return names.map((name) =>
    Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN),
  );
}
