// The exactly-once loop under fire: a worker reads, doubles and writes in transactions while it and its server are
// killed with -9 in turn; what readers of committed records see in the end must be the input doubled, once, in order.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Random, seededRandom } from "../../../src/base/random.ts";
import { createClient } from "../../../src/client/client.ts";
import { freePort, ServerProcess } from "../../support/server-process.ts";

/** What is to be done. */
export interface ExactlyOnceOptions {
  /** An empty directory. */
  readonly dataDir: string;
  /** Command and first arguments of the worker; bootstrap, source and target follow. */
  readonly worker: readonly string[];
  readonly records: number;
  readonly kills: number;
  readonly seed: number;
  /** Told of each kill, and of how many results were committed then. */
  readonly onKill: (kill: number, victim: "server" | "worker", committed: number) => void;
}

/** What came of it. */
export interface ExactlyOnceFacts {
  readonly committed: number;
  readonly kills: number;
  /** Sentences; empty when the output is exact. */
  readonly problems: readonly string[];
}

const partitions = 3;
const waitMsMax = 120_000;

/** Runs the loop to its end. */
export async function exactlyOnce(options: ExactlyOnceOptions): Promise<ExactlyOnceFacts> {
  const { records, kills } = options;
  const random = seededRandom(options.seed);
  const bench = await Bench.start(options);
  let killed = 0;
  let committed = 0;
  try {
    await bench.prepare(records);
    bench.startWorker();
    for (const threshold of thresholdsOf(records, kills, random)) {
      // Something must have been done since the kill before.
      committed = await bench.untilCommitted(Math.min(records, Math.max(threshold, committed + 1)));
      const victim = random.below(2) === 0 ? "server" : "worker";
      await bench.kill(victim);
      options.onKill(++killed, victim, committed);
    }
    await bench.untilCommitted(records);
    committed = await bench.settle();
    return { committed, kills: killed, problems: await bench.problems(records) };
  } catch (error) {
    return { committed, kills: killed, problems: [String(error)] };
  } finally {
    await bench.stop();
  }
}

function thresholdsOf(records: number, kills: number, random: Random): readonly number[] {
  const part = Math.floor(records / (kills + 1));
  return Array.from({ length: kills }, (_, kill) => kill * part + 1 + random.below(part));
}

// The server, the worker, and the eyes of a reader of committed records.
class Bench {
  readonly #options: ExactlyOnceOptions;
  readonly #ports: readonly [number, number];
  #server: ServerProcess;
  #worker: ChildProcess | null = null;
  #isStopped = false;

  private constructor(
    options: ExactlyOnceOptions,
    ports: readonly [number, number],
    server: ServerProcess,
  ) {
    this.#options = options;
    this.#ports = ports;
    this.#server = server;
  }

  static async start(options: ExactlyOnceOptions): Promise<Bench> {
    const ports = [await freePort(), await freePort()] as const;
    return new Bench(options, ports, await serve(options.dataDir, ports));
  }

  async prepare(records: number): Promise<void> {
    const client = createClient({ url: this.#server.url });
    for (const topic of ["input", "output"]) await client.topics.create(topic, { partitions });
    const producer = client.producer({ topic: "input" });
    // In small batches: a fetch brings whole ones, and each is a transaction of the worker.
    for (let from = 0; from < records; from += 90) {
      const sends = Array.from({ length: Math.min(90, records - from) }, (_, at) =>
        producer.send({ partition: (from + at) % partitions, value: String(from + at) }),
      );
      await Promise.all(sends);
    }
    await client.close();
  }

  // A worker that ends by itself is started again, as whatever runs it would.
  startWorker(): void {
    const [command = "", ...first] = this.#options.worker;
    const args = [...first, `127.0.0.1:${this.#ports[1]}`, "input", "output"];
    const worker = spawn(command, args, { stdio: "ignore" });
    this.#worker = worker;
    worker.once("exit", () => {
      if (!this.#isStopped && this.#worker === worker) this.startWorker();
    });
  }

  async kill(victim: "server" | "worker"): Promise<void> {
    if (victim === "worker") {
      this.#worker?.kill("SIGKILL");
      return;
    }
    await this.#server.stop("SIGKILL");
    this.#server = await serve(this.#options.dataDir, this.#ports);
  }

  /** Resolves with how many results are committed, once there are that many. */
  async untilCommitted(count: number): Promise<number> {
    const deadline = performance.now() + waitMsMax;
    for (;;) {
      let committed = 0;
      for (let partition = 0; partition < partitions; partition++) {
        committed += (await this.#values(partition)).length;
      }
      if (committed >= count) return committed;
      if (performance.now() > deadline) throw new Error(`${committed} of ${count} in time`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Gives a worker that repeats itself the time to do so, then looks at what a new start of the server finds. */
  async settle(): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await this.#endWorker();
    await this.kill("server");
    return this.untilCommitted(0);
  }

  async problems(records: number): Promise<readonly string[]> {
    const problems: string[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      const found = await this.#values(partition);
      const length = Math.ceil((records - partition) / partitions);
      const expected = Array.from({ length }, (_, at) => 2 * (at * partitions + partition));
      const at = expected.findIndex((value, index) => found[index] !== value);
      if (at >= 0)
        problems.push(`partition ${partition}, ${at}: ${found[at]}, not ${expected[at]}`);
      if (found.length !== length) {
        problems.push(`partition ${partition}: ${found.length} results of ${length}`);
      }
    }
    return problems;
  }

  async stop(): Promise<void> {
    await this.#endWorker();
    await this.#server.stop("SIGTERM");
  }

  async #endWorker(): Promise<void> {
    this.#isStopped = true;
    const worker = this.#worker;
    if (worker !== null && worker.exitCode === null && worker.signalCode === null) {
      const ended = once(worker, "exit");
      worker.kill("SIGKILL");
      await ended;
    }
  }

  async #values(partition: number): Promise<readonly number[]> {
    const values: number[] = [];
    for (let from = 0; ; ) {
      const query = `from=${from}&maxRecords=10000&maxBytes=8000000&isolation=read_committed`;
      const path = `/v1/topics/output/partitions/${partition}/records?${query}`;
      const reply = await fetch(`${this.#server.url}${path}`);
      const page = (await reply.json()) as { records: { value: number }[]; nextOffset: number };
      for (const { value } of page.records) values.push(value);
      if (page.nextOffset === from) return values;
      from = page.nextOffset;
    }
  }
}

function serve(
  dataDir: string,
  [port, kafkaPort]: readonly [number, number],
): Promise<ServerProcess> {
  const flags = ["--kafka-port", String(kafkaPort), "--log-level", "warn"];
  return ServerProcess.start({ dataDir, port, flags });
}
