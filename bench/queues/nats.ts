// NATS JetStream with a stream of files and pull consumers.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import type { Found } from "../../test/interop/toolchain.ts";
import { freePort } from "../../test/support/server-process.ts";
import { value100 } from "../workbench.ts";
import type { Contestant, Work } from "./contestant.ts";
import { clientVersion, findClients, findProgram, freshDirectory, startChild } from "./programs.ts";

interface Message {
  ackAck(): Promise<boolean>;
}

interface Consumer {
  fetch(options: {
    readonly max_messages: number;
    readonly expires: number;
  }): Promise<AsyncIterable<Message>>;
}

interface JetStream {
  publish(subject: string, content: Uint8Array): Promise<unknown>;
  readonly consumers: { get(stream: string, durable: string): Promise<Consumer> };
}

interface Manager {
  readonly streams: {
    add(options: object): Promise<unknown>;
    delete(stream: string): Promise<unknown>;
  };
  readonly consumers: { add(stream: string, options: object): Promise<unknown> };
}

interface Connection {
  jetstream(): JetStream;
  jetstreamManager(): Promise<Manager>;
  close(): Promise<void>;
}

interface Nats {
  connect(options: { readonly servers: string }): Promise<Connection>;
}

const publishesAtOnce = 1000;
const expiresMs = 1000;

/** Starts NATS with JetStream, or says what is missing. */
export async function startNats(): Promise<Found<Contestant>> {
  const program = findProgram("/usr/sbin/nats-server", "nats-server");
  if ("missing" in program) return program;
  const clients = findClients();
  if ("missing" in clients) return clients;
  const nats = clients.tool("nats") as Nats;
  const version = execFileSync(program.tool, ["--version"], { encoding: "utf8" });
  const [, major = "0", minor = "0"] = /v(\d+)\.(\d+)/.exec(version) ?? [];
  const canSync = Number(major) > 2 || Number(minor) >= 10;
  const [directory, port] = [freshDirectory("nats"), await freePort()];
  const sync = canSync ? "sync_interval: always" : "";
  const file = join(directory, "nats.conf");
  writeFileSync(
    file,
    `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${JSON.stringify(directory)}\n${sync}\n}\n`,
  );
  const child = await startChild({ file: program.tool, args: ["-c", file], port, directory });
  const servers = `127.0.0.1:${port}`;
  const connection = await nats.connect({ servers });
  const [stream, manager] = [connection.jetstream(), await connection.jetstreamManager()];
  const safety = canSync
    ? "with `sync_interval: always`: synced before it is answered"
    : "NOT durable when it answers: this version syncs its files every two minutes and has no setting for it";
  const tool: Contestant = {
    name: "NATS",
    about: `NATS JetStream ${version.trim().replace("nats-server: v", "")} with file storage (nats ${clientVersion(clients.tool, "nats")}), ${safety}; a pull loop for each worker, the batch as \`max_messages\`, every ack answered.`,
    fill: async (queue, messages) => {
      await manager.streams.add({ name: queue, subjects: [queue], retention: "workqueue" });
      const consumer = { durable_name: "workers", ack_policy: "explicit", max_ack_pending: 10_000 };
      await manager.consumers.add(queue, consumer);
      const content = Buffer.from(value100);
      for (let sent = 0; sent < messages; sent += publishesAtOnce) {
        const length = Math.min(publishesAtOnce, messages - sent);
        await Promise.all(Array.from({ length }, () => stream.publish(queue, content)));
      }
    },
    drain: (queue, work) => drain(() => nats.connect({ servers }), queue, work),
    drop: async (queue) => {
      await manager.streams.delete(queue);
    },
    stop: async () => {
      await connection.close();
      await child.stop();
    },
  };
  return { tool };
}

async function drain(
  connect: () => Promise<Connection>,
  queue: string,
  { workers, batch, settled, signal }: Work,
): Promise<void> {
  const worker = async (): Promise<void> => {
    const connection = await connect();
    try {
      const consumer = await connection.jetstream().consumers.get(queue, "workers");
      while (!signal.aborted) {
        const round: Message[] = [];
        for await (const message of await consumer.fetch({
          max_messages: batch,
          expires: expiresMs,
        })) {
          round.push(message);
        }
        const answers = await Promise.all(round.map((message) => message.ackAck()));
        if (answers.includes(false)) throw new Error("an ack was not answered");
        settled(round.length);
      }
    } finally {
      await connection.close();
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
}
