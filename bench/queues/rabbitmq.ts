// RabbitMQ with quorum queues, one node.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Found } from "../../test/interop/toolchain.ts";
import { freePort } from "../../test/support/server-process.ts";
import { value100 } from "../workbench.ts";
import type { Contestant, Work } from "./contestant.ts";
import {
  type Child,
  clientVersion,
  findClients,
  findProgram,
  freshDirectory,
  startChild,
} from "./programs.ts";

interface Channel {
  assertQueue(queue: string, options: object): Promise<unknown>;
  deleteQueue(queue: string): Promise<unknown>;
  sendToQueue(queue: string, content: Buffer, options: object): boolean;
  waitForConfirms(): Promise<void>;
  prefetch(count: number): Promise<unknown>;
  consume(queue: string, listener: (message: object | null) => void): Promise<unknown>;
  ack(message: object, allUpTo: boolean): void;
  on(event: "error", listener: (error: Error) => void): void;
  close(): Promise<void>;
}

interface Connection {
  createChannel(): Promise<Channel>;
  createConfirmChannel(): Promise<Channel>;
  on(event: "error", listener: (error: Error) => void): void;
  close(): Promise<void>;
}

interface Amqp {
  connect(url: string): Promise<Connection>;
}

const messagesPerConfirm = 1000;

/** Starts RabbitMQ, or says what is missing. */
export async function startRabbitMq(): Promise<Found<Contestant>> {
  const program = findProgram("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server");
  if ("missing" in program) return program;
  const epmd = findProgram("/usr/bin/epmd", "erlang-base");
  if ("missing" in epmd) return epmd;
  const clients = findClients();
  if ("missing" in clients) return clients;
  const amqp = clients.tool("amqplib") as Amqp;
  const port = await freePort();
  const servers = await startServers({ program: program.tool, epmd: epmd.tool, port });
  const stopServers = async (): Promise<void> => {
    for (const server of servers) await server.stop();
  };
  const connection = await amqp.connect(`amqp://guest:guest@127.0.0.1:${port}`);
  // What goes wrong shows in the call under way.
  connection.on("error", () => undefined);
  const filler = await connection.createConfirmChannel();
  const tool: Contestant = {
    name: "RabbitMQ",
    about: `RabbitMQ ${versionOf(program.tool)} with quorum queues (amqplib ${clientVersion(clients.tool, "amqplib")}): one node, whose log is synced before a message or an ack counts; a channel for each worker with the batch as its prefetch, one \`ack\` for all of a batch. Acks have no answer: the next batch comes when they are applied.`,
    fill: async (queue, messages) => {
      const options = { durable: true, arguments: { "x-queue-type": "quorum" } };
      await filler.assertQueue(queue, options);
      const content = Buffer.from(value100);
      for (let sent = 0; sent < messages; sent++) {
        filler.sendToQueue(queue, content, { persistent: true });
        if (sent % messagesPerConfirm === 0) await filler.waitForConfirms();
      }
      await filler.waitForConfirms();
    },
    drain: (queue, work) => drain(connection, queue, work),
    drop: async (queue) => {
      await filler.deleteQueue(queue);
    },
    stop: async () => {
      await connection.close().catch(() => undefined);
      await stopServers();
    },
  };
  return { tool };
}

// Erlang's name server as well: on a port of its own, so that it ends with the run.
async function startServers(at: {
  readonly program: string;
  readonly epmd: string;
  readonly port: number;
}): Promise<readonly Child[]> {
  const namesPort = await freePort();
  const names = await startChild({
    file: at.epmd,
    args: ["-address", "127.0.0.1", "-port", String(namesPort)],
    port: namesPort,
    directory: freshDirectory("epmd"),
  });
  const directory = freshDirectory("rabbitmq");
  const plugins = join(directory, "enabled_plugins");
  writeFileSync(plugins, "[].\n");
  const env = {
    HOME: directory,
    RABBITMQ_CONF_ENV_FILE: join(directory, "none.conf"),
    RABBITMQ_CONFIG_FILE: join(directory, "rabbitmq"),
    RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_MNESIA_BASE: join(directory, "data"),
    RABBITMQ_LOG_BASE: join(directory, "log"),
    RABBITMQ_NODENAME: `varve-bench-${at.port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(at.port),
    RABBITMQ_DIST_PORT: String(await freePort()),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(namesPort),
  };
  try {
    const { program: file, port } = at;
    return [await startChild({ file, args: [], env, port, directory }), names];
  } catch (error) {
    await names.stop();
    throw error;
  }
}

function versionOf(program: string): string {
  const real = execFileSync("readlink", ["-f", program], { encoding: "utf8" });
  return /rabbitmq_server-([\d.]+)/.exec(real)?.[1] ?? "?";
}

async function drain(connection: Connection, queue: string, work: Work): Promise<void> {
  const { signal, batch } = work;
  const channels: Channel[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => {
        resolve();
      });
      const start = async (): Promise<void> => {
        const channel = await connection.createChannel();
        channels.push(channel);
        channel.on("error", reject);
        await channel.prefetch(batch);
        let count = 0;
        await channel.consume(queue, (message) => {
          count++;
          if (message === null || count < batch || signal.aborted) return;
          channel.ack(message, true);
          count = 0;
          work.settled(batch);
        });
      };
      for (let started = 0; started < work.workers; started++) start().catch(reject);
    });
  } finally {
    await Promise.all(channels.map((channel) => channel.close()));
  }
}
