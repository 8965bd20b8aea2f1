// A real server in this process (real engine, real files, real sockets), spoken to as a stranger would.

import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Unpackr } from "msgpackr";
import { systemClock } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { loadConfig } from "../../src/config.ts";
import type { HttpLimits } from "../../src/doors/http/http-context.ts";
import { createHttpDoor } from "../../src/doors/http/http-door.ts";
import { type EngineSettings, openEngine } from "../../src/engine.ts";
import { startServer } from "../../src/server.ts";

/** A body read from a reply; tests look into it by name and let the comparison judge the shape. */
export type Loose = ReturnType<typeof JSON.parse>;

/** One reply. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  /** Decoded by its content type; the text where it is neither JSON nor MessagePack. */
  readonly body: Loose;
}

/** What a request may say; `json` sets the content type and the body. */
export interface Ask {
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A server under test. */
export interface LiveServer {
  readonly url: string;
  readonly port: number;
  /** `host:port` of the Kafka door; null when there is none. */
  readonly kafka: string | null;
  readonly dataDir: string;
  /** What it logged as an error; empty when all is well. */
  readonly errors: readonly { readonly message: string; readonly facts: Loose }[];
  call(method: string, path: string, ask?: Ask): Promise<Answer>;
  /** The value of a metric without labels. */
  metric(name: string): Promise<number>;
  /** Connections that are open now; null for servers started from a configuration. */
  readonly connections: (() => Promise<number>) | null;
  /** Replies with a status of 500, of all routes. */
  failures(): Promise<number>;
  /** Stops the server and starts another on the same directory; the port is another one. */
  restart(): Promise<LiveServer>;
  /** Stops the server and removes its directory. */
  close(): Promise<void>;
}

/** Starts one with settings by the names of the configuration. */
export async function liveServer(
  settings: Readonly<Record<string, unknown>> = {},
  dataDir = mkdtempSync(join(tmpdir(), "varve-live-")),
): Promise<LiveServer> {
  const flags = { kafkaPort: 0, ...settings, dataDir, port: 0 };
  const config = loadConfig({ flags, environment: {}, file: null });
  const { logger, errors } = noting();
  const server = await startServer(config, logger);
  return liveOver({
    url: server.url,
    kafka: server.kafka,
    dataDir,
    errors,
    stop: () => server.close(),
    again: () => liveServer(settings, dataDir),
    connections: null,
  });
}

/** Starts one with limits of the door that no setting names. */
export async function limitedServer(
  limits: Partial<HttpLimits>,
  settings: Partial<EngineSettings> = {},
  dataDir = mkdtempSync(join(tmpdir(), "varve-live-")),
): Promise<LiveServer> {
  const { logger, errors } = noting();
  const engine = await openEngine({ path: dataDir, settings, logger });
  const door = await createHttpDoor({
    services: engine.services,
    clock: systemClock,
    random: systemRandom,
    logger,
    host: "127.0.0.1",
    port: 0,
    limits,
  });
  await door.listen();
  return liveOver({
    url: door.address() ?? "",
    kafka: null,
    dataDir,
    errors,
    stop: async () => {
      await door.close(1000);
      await engine.close();
    },
    again: () => limitedServer(limits, settings, dataDir),
    connections: () => {
      return new Promise((resolve, reject) => {
        door.app.server.getConnections((error, count) => {
          if (error === null) resolve(count);
          else reject(error);
        });
      });
    },
  });
}

function noting(): {
  readonly logger: Logger;
  readonly errors: { message: string; facts: Loose }[];
} {
  const errors: { message: string; facts: Loose }[] = [];
  const ignore = (): void => undefined;
  const error = (facts: object, message: string): void => {
    errors.push({ message, facts });
  };
  return { logger: { debug: ignore, info: ignore, warn: ignore, error }, errors };
}

function liveOver(parts: {
  readonly url: string;
  readonly kafka: string | null;
  readonly dataDir: string;
  readonly errors: LiveServer["errors"];
  readonly stop: () => Promise<void>;
  readonly again: () => Promise<LiveServer>;
  readonly connections: LiveServer["connections"];
}): LiveServer {
  const { url, kafka, dataDir, errors } = parts;
  const call: LiveServer["call"] = (method, path, ask = {}) => callUrl(method, url + path, ask);
  const metrics = async (): Promise<string> => (await call("GET", "/metrics")).text;
  return {
    url,
    port: Number(new URL(url).port),
    kafka,
    dataDir,
    errors,
    connections: parts.connections,
    call,
    metric: async (name) => {
      const line = (await metrics()).split("\n").find((text) => text.startsWith(`${name} `));
      if (line === undefined) throw new Error(`there is no metric ${name}`);
      return Number(line.split(" ")[1]);
    },
    failures: async () => {
      const lines = (await metrics()).split("\n");
      return lines
        .filter((line) => /^varve_http_requests_total\{.*status="500"/.test(line))
        .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    },
    restart: async () => {
      await parts.stop();
      return parts.again();
    },
    close: async () => {
      await parts.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });

// A connection for each call: what one call does to its connection cannot hurt the next.
async function callUrl(method: string, url: string, ask: Ask): Promise<Answer> {
  const body = ask.json === undefined ? ask.body : JSON.stringify(ask.json);
  const type = ask.type ?? (ask.json === undefined ? undefined : "application/json");
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = {
      ...ask.headers,
      ...(type === undefined ? {} : { "content-type": type }),
      ...(ask.accept === undefined ? {} : { accept: ask.accept }),
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
    };
    const signal = ask.signal === undefined ? {} : { signal: ask.signal };
    const call = request(url, { method, headers, agent: false, ...signal }, resolve);
    call.on("error", reject);
    call.end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of reply) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const headers = new Headers();
  for (const [name, values] of Object.entries(reply.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return { status: reply.statusCode ?? 0, headers, bytes, ...decoded(headers, bytes) };
}

function decoded(headers: Headers, bytes: Buffer): { readonly text: string; readonly body: Loose } {
  const type = headers.get("content-type") ?? "";
  const text = bytes.toString("utf8");
  if (/msgpack/.test(type)) return { text, body: unpackr.unpack(bytes) };
  const isJson = /^application\/(problem\+)?json\b/.test(type) && text !== "";
  return { text, body: isJson ? JSON.parse(text) : text };
}

/** A bare connection: writes what it is told, keeps what it hears. */
export class BareConnection {
  readonly socket: Socket;
  /** True once either side has ended it. */
  isClosed = false;
  #chunks: Buffer[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
    // A reset is one of the answers tests wait for; `isClosed` tells of it.
    socket.on("error", () => undefined);
  }

  /** Connects. */
  static async open(port: number): Promise<BareConnection> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const bare = new BareConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return bare;
  }

  /** Everything heard so far. */
  get heard(): string {
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]?.toString("latin1") ?? "";
  }

  /** Sends text (latin1) or bytes. */
  send(data: string | Uint8Array): void {
    this.socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
  }

  /** Status codes of the replies heard so far. */
  statuses(): readonly number[] {
    return [...this.heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
  }

  /** Resolves when what was heard matches, or the connection is closed. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.heard) && !this.isClosed) await turn();
    return this.heard;
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<string> {
    while (!this.isClosed && !this.socket.readableEnded) await turn();
    this.socket.destroy();
    return this.heard;
  }

  /** Goes away without a word. */
  drop(): void {
    this.socket.destroy();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
