// The torture of a queue: producers and workers over HTTP, workers that fail, refuse and die holding messages, and a
// server that is killed with SIGKILL again and again. A ledger in this process knows what everybody was told.

import { type Random, seededRandom } from "../../../src/base/random.ts";
import { freePort, ServerProcess } from "../../support/server-process.ts";
import { type HttpMessage, QueueHttp } from "./queue-http.ts";
import { QueueLedger, type SentMessage } from "./queue-ledger.ts";

/** What one run does. */
export interface QueueTortureOptions {
  readonly dataDir: string;
  readonly messages: number;
  readonly producers: number;
  readonly workers: number;
  readonly kills: number;
  readonly order: "none" | "key";
  readonly seed: number;
  readonly leaseMs: number;
  /** Told after each kill and when the work is done. */
  readonly onProgress?: (facts: QueueTortureFacts) => void;
}

/** What came of it; `problems` is empty when every promise held. */
export interface QueueTortureFacts {
  readonly kills: number;
  readonly answered: number;
  readonly acked: number;
  readonly deliveries: number;
  readonly dead: number;
  readonly restartMsMax: number;
  readonly problems: readonly string[];
}

const queue = "torture";
const batchMax = 20;
const waitMs = 400;
const keysPerProducer = 50;
const stallMs = 120_000;
const serverFlags = ["--log-level", "warn", "--checkpoint-interval-ms", "200"];

/** Runs the torture on one data directory. */
export async function tortureQueue(options: QueueTortureOptions): Promise<QueueTortureFacts> {
  const torture = new QueueTorture(options, await freePort());
  return torture.run();
}

class QueueTorture {
  readonly #options: QueueTortureOptions;
  readonly #random: Random;
  readonly #ledger: QueueLedger;
  readonly #http: QueueHttp;
  readonly #port: number;
  #kills = 0;
  #restartMsMax = 0;
  #dead = 0;
  #isKilling = false;
  #isOver = false;

  constructor(options: QueueTortureOptions, port: number) {
    this.#options = options;
    this.#port = port;
    this.#random = seededRandom(options.seed);
    this.#ledger = new QueueLedger(options.order === "key");
    this.#http = new QueueHttp(`http://127.0.0.1:${port}`, queue);
  }

  async run(): Promise<QueueTortureFacts> {
    const { producers, workers, leaseMs, order } = this.#options;
    let server = await this.#start();
    await this.#http.put({ leaseMs, order, maxDeliveries: 20 });
    const sending = Promise.all(
      Array.from({ length: producers }, (_, producer) => this.#produce(producer)),
    );
    const working = Promise.all(Array.from({ length: workers }, () => this.#work()));
    // A failure ends the run, whoever meets it.
    const ended = Promise.all([sending, working]).catch((error: unknown) => {
      this.#ledger.problems.push(String(error));
      this.#isOver = true;
    });
    try {
      while (this.#kills < this.#options.kills && (await this.#reach(this.#nextKillAt()))) {
        this.#isKilling = true;
        await server.stop("SIGKILL");
        server = await this.#start();
        this.#kills++;
        this.#isKilling = false;
        this.#options.onProgress?.(this.#facts());
      }
      await Promise.race([sending.catch(() => undefined), ended]);
      await this.#drain();
    } finally {
      this.#isOver = true;
      this.#isKilling = false;
      await ended;
      await server.stop();
    }
    this.#options.onProgress?.(this.#facts());
    return this.#facts();
  }

  async #start(): Promise<ServerProcess> {
    const { dataDir } = this.#options;
    const server = await ServerProcess.start({ dataDir, port: this.#port, flags: serverFlags });
    this.#restartMsMax = Math.max(this.#restartMsMax, server.readyMs);
    return server;
  }

  // Kills are spread over the work and not over time, so that a fast machine is killed as often as a slow one.
  #nextKillAt(): number {
    const { messages, kills } = this.#options;
    const share = (this.#kills + this.#random.below(1000) / 1000) / kills;
    return Math.floor(messages * share * 0.8);
  }

  // Resolves once so many are acknowledged; false when that will not be.
  async #reach(acked: number): Promise<boolean> {
    let progressAt = performance.now();
    for (let before = -1; this.#ledger.acked < acked; ) {
      if (this.#ledger.acked !== before) progressAt = performance.now();
      before = this.#ledger.acked;
      if (performance.now() - progressAt > stallMs) {
        this.#ledger.problems.push(`no progress: ${before} of ${acked} are acknowledged`);
        this.#isOver = true;
      }
      if (this.#isOver) return false;
      await sleep(20);
    }
    return true;
  }

  async #drain(): Promise<void> {
    const deadline = performance.now() + stallMs;
    while (!this.#isOver) {
      const depth = await this.#http.depth();
      const dead = depth > 0 ? [] : await this.#http.dead();
      const isDone = depth === 0 && this.#ledger.missing(new Set(dead)).length === 0;
      if (isDone || performance.now() > deadline) {
        this.#dead = dead.length;
        if (depth > 0) this.#ledger.problems.push(`${depth} messages are left in the queue`);
        else this.#ledger.buried(dead);
        return;
      }
      await sleep(100);
    }
  }

  // Its keys are its own, and one request follows the other, so that a key's numbers are sent in their order.
  async #produce(producer: number): Promise<void> {
    const { messages, producers } = this.#options;
    const share = Math.floor(messages / producers) + (producer < messages % producers ? 1 : 0);
    const next = new Map<string, number>();
    for (let sent = 0; sent < share && !this.#isOver; ) {
      await this.#untilUp();
      const count = Math.min(share - sent, 1 + this.#random.below(batchMax));
      const batch = Array.from({ length: count }, (): SentMessage => {
        const key = `k${producer}-${this.#random.below(keysPerProducer)}`;
        const sequence = next.get(key) ?? 0;
        next.set(key, sequence + 1);
        return { key, sequence, value: `${key} ${sequence}` };
      });
      for (const message of batch) this.#ledger.sending(message);
      const records = batch.map(({ key, value }) => ({ key, text: value }));
      const isSent = await this.#survives(this.#http.send(records));
      // What got no answer is not sent again: it would be another message of the same number.
      if (isSent !== null) for (const message of batch) this.#ledger.sent(message);
      sent += count;
    }
  }

  async #work(): Promise<void> {
    const { leaseMs } = this.#options;
    while (!this.#isOver) {
      await this.#untilUp();
      const askedAt = performance.now();
      const max = 1 + this.#random.below(batchMax);
      const messages = await this.#survives(this.#http.receive(max, waitMs));
      if (messages === null) continue;
      const isHeld = performance.now() - askedAt < leaseMs;
      for (const { text, deliveries } of messages) {
        this.#ledger.delivered({ value: text, deliveries, isHeld });
      }
      // A worker that dies; another takes its place.
      if (messages.length === 0 || this.#random.below(50) === 0) continue;
      await this.#settle(messages);
    }
  }

  async #settle(messages: readonly HttpMessage[]): Promise<void> {
    const acks = new Map<string, HttpMessage>();
    const nack: { receipt: string; delayMs: number }[] = [];
    const reject: { receipt: string; reason: string }[] = [];
    for (const message of messages) {
      const { receipt } = message;
      const dice = this.#random.below(100);
      if (dice < 8) nack.push({ receipt, delayMs: this.#random.below(3) * 50 });
      else if (dice < 9) reject.push({ receipt, reason: "torture" });
      else acks.set(receipt, message);
    }
    const told = await this.#survives(this.#http.settle({ ack: [...acks.keys()], nack, reject }));
    for (const [receipt, { text, deliveries }] of acks) {
      this.#ledger.ackEnded(text, deliveries, told === null ? null : (told.get(receipt) ?? false));
    }
  }

  // What is sent to a server that is not there tells nothing.
  async #untilUp(): Promise<void> {
    while (this.#isKilling) await sleep(10);
  }

  // Null when the connection broke: that is a kill, and nothing else may break it.
  async #survives<Answer>(call: Promise<Answer>): Promise<Answer | null> {
    const killsBefore = this.#kills;
    try {
      return await call;
    } catch (error) {
      const isKill = this.#isKilling || this.#kills > killsBefore;
      if (!isKill || !(error instanceof TypeError)) throw error;
      return null;
    }
  }

  #facts(): QueueTortureFacts {
    const { answered, acked, deliveries, problems } = this.#ledger;
    const restartMsMax = this.#restartMsMax;
    const numbers = { answered, acked, deliveries, dead: this.#dead, restartMsMax };
    return { kills: this.#kills, ...numbers, problems };
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
