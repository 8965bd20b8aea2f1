// BullMQ on a Redis that syncs its log of commands before it answers.

import { execFileSync } from "node:child_process";
import { freePort } from "../../test/support/server-process.ts";
import type { Found } from "../../test/interop/toolchain.ts";
import { value100 } from "../workbench.ts";
import type { Contestant, Work } from "./contestant.ts";
import { clientVersion, findClients, findProgram, freshDirectory, startChild } from "./programs.ts";

interface Connection {
  readonly host: string;
  readonly port: number;
  readonly maxRetriesPerRequest: null;
}

interface Queue {
  addBulk(jobs: readonly object[]): Promise<unknown>;
  obliterate(options: { readonly force: true }): Promise<void>;
  close(): Promise<void>;
}

interface Worker {
  on(event: "completed", listener: () => void): void;
  on(event: "failed" | "error", listener: (...facts: unknown[]) => void): void;
  close(force?: boolean): Promise<void>;
}

interface BullMq {
  readonly Queue: new (name: string, options: { readonly connection: Connection }) => Queue;
  readonly Worker: new (
    name: string,
    processor: () => Promise<null>,
    options: {
      readonly connection: Connection;
      readonly concurrency: number;
      readonly removeOnComplete: { readonly count: 0 };
    },
  ) => Worker;
}

const jobsPerCall = 1000;

/** Starts Redis for BullMQ, or says what is missing. */
export async function startBullMq(): Promise<Found<Contestant>> {
  const redis = findProgram("/usr/bin/redis-server", "redis-server");
  if ("missing" in redis) return redis;
  const clients = findClients();
  if ("missing" in clients) return clients;
  const bullmq = clients.tool("bullmq") as BullMq;
  const version = /v=(\S+)/.exec(execFileSync(redis.tool, ["--version"], { encoding: "utf8" }));
  const [directory, port] = [freshDirectory("redis"), await freePort()];
  const network = ["--bind", "127.0.0.1", "--port", String(port)];
  const safety = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
  const args = [...network, ...safety, "--dir", directory];
  const child = await startChild({ file: redis.tool, args, port, directory });
  const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null } as const;
  const queues = new Map<string, Queue>();
  const tool: Contestant = {
    name: "BullMQ",
    about: `BullMQ ${clientVersion(clients.tool, "bullmq")} on Redis ${version?.[1] ?? "?"} with \`appendonly yes\` and \`appendfsync always\`: synced before it is answered; a Worker for each worker with the batch as its \`concurrency\`, done jobs removed.`,
    fill: async (queue, messages) => {
      const made = new bullmq.Queue(queue, { connection });
      queues.set(queue, made);
      const job = { name: "job", data: { text: value100 } };
      for (let sent = 0; sent < messages; sent += jobsPerCall) {
        const length = Math.min(jobsPerCall, messages - sent);
        await made.addBulk(Array.from({ length }, () => job));
      }
    },
    drain: (queue, work) => drain({ bullmq, connection, queue }, work),
    drop: async (queue) => {
      await queues.get(queue)?.obliterate({ force: true });
      await queues.get(queue)?.close();
      queues.delete(queue);
    },
    stop: () => child.stop(),
  };
  return { tool };
}

async function drain(
  at: { readonly bullmq: BullMq; readonly connection: Connection; readonly queue: string },
  work: Work,
): Promise<void> {
  const { bullmq, connection, queue } = at;
  const options = { connection, concurrency: work.batch, removeOnComplete: { count: 0 } } as const;
  const workers: Worker[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      work.signal.addEventListener("abort", () => {
        resolve();
      });
      const fail = (...facts: unknown[]): void => {
        const error = facts.find((fact) => fact instanceof Error);
        reject(error ?? new Error("a job failed"));
      };
      for (let started = 0; started < work.workers; started++) {
        const worker = new bullmq.Worker(queue, () => Promise.resolve(null), options);
        worker.on("completed", () => {
          work.settled(1);
        });
        worker.on("failed", fail);
        worker.on("error", fail);
        workers.push(worker);
      }
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.close(true)));
  }
}
