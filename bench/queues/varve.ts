// Varve's work queues over HTTP: JSON on kept connections, one for each worker.

import { rmSync } from "node:fs";
import { Pool } from "undici";
import { freePort, ServerProcess } from "../../test/support/server-process.ts";
import { value100 } from "../workbench.ts";
import type { Contestant, Work } from "./contestant.ts";
import { endWithProcess, freshDirectory } from "./programs.ts";

const messagesPerRequest = 1000;
const waitMs = 1000;

interface Received {
  readonly messages: readonly { readonly receipt: unknown }[];
  readonly results?: readonly { readonly ok: boolean; readonly code?: string }[];
}

/** Starts Varve with its own settings. */
export async function startVarve(): Promise<Contestant> {
  const dataDir = freshDirectory("varve");
  const flags = ["--log-level", "warn"];
  const server = await ServerProcess.start({ dataDir, port: await freePort(), flags });
  const end = endWithProcess(dataDir, () => server.child.kill("SIGKILL"));
  const filler = new Pool(server.url, { connections: 1 });
  return {
    name: "Varve",
    about:
      "Varve with its defaults over HTTP: JSON, a kept connection for each worker, `receive` with `max` and the acks of the batch before as its `settle`; leases and acks are synced (fdatasync) before they are answered.",
    fill: (queue, messages) => fill(filler, queue, messages),
    drain: (queue, work) => drain(server.url, queue, work),
    drop: async (queue) => {
      await call(filler, { method: "DELETE", path: `/v1/queues/${queue}` });
      await call(filler, { method: "DELETE", path: `/v1/topics/${queue}` });
      await call(filler, { method: "DELETE", path: `/v1/topics/${queue}.dead` });
    },
    stop: async () => {
      await filler.destroy();
      await server.stop("SIGTERM");
      end();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function fill(pool: Pool, queue: string, messages: number): Promise<void> {
  await call(pool, { method: "PUT", path: `/v1/queues/${queue}`, json: {} });
  for (let sent = 0; sent < messages; sent += messagesPerRequest) {
    const length = Math.min(messagesPerRequest, messages - sent);
    const records = Array.from({ length }, () => ({ text: value100 }));
    await call(pool, { method: "POST", path: `/v1/queues/${queue}/messages`, json: { records } });
  }
}

async function drain(url: string, queue: string, work: Work): Promise<void> {
  const { signal } = work;
  const pool = new Pool(url, { connections: work.workers });
  const path = `/v1/queues/${queue}/receive`;
  const worker = async (): Promise<void> => {
    let ack: readonly unknown[] = [];
    while (!signal.aborted) {
      const asked = ack.length === 0 ? { waitMs } : { settle: { ack } };
      const json = { max: work.batch, ...asked };
      const received = (await call(pool, { method: "POST", path, json, signal })) as Received;
      const { messages, results = [] } = received;
      const refused = results.find(({ ok }) => !ok);
      if (refused !== undefined) throw new Error(`an ack was refused: ${refused.code ?? "?"}`);
      work.settled(results.length);
      ack = messages.map(({ receipt }) => receipt);
    }
  };
  try {
    const quiet = async (): Promise<void> => {
      await worker().catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    };
    await Promise.all(Array.from({ length: work.workers }, quiet));
  } finally {
    await pool.destroy();
  }
}

interface Call {
  readonly method: "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  readonly signal?: AbortSignal;
}

async function call(pool: Pool, { method, path, json, signal }: Call): Promise<unknown> {
  const reply = await pool.request({
    method,
    path,
    ...(json === undefined
      ? {}
      : { body: JSON.stringify(json), headers: { "content-type": "application/json" } }),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await reply.body.text();
  if (reply.statusCode >= 300) {
    throw new Error(`${method} ${path}: ${reply.statusCode} ${text.slice(0, 300)}`);
  }
  return text === "" ? null : JSON.parse(text);
}
