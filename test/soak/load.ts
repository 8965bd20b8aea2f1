// Mixed load at the limit: producers that never pause, group members that come and go, a reader that is far too slow, a
// queue with failing handlers and delays, a compacted topic, and transactions over Kafka's protocol.

import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import type { Random } from "../../src/base/random.ts";
import { type VarveClient, createClient, RetryLater } from "../../src/client/client.ts";
import { KeyLedger, type LoadCounts, noCounts, OffsetOrder } from "./ledger.ts";

/** Where the load goes. */
export interface LoadTarget {
  readonly url: string;
  readonly kafkaPort: number;
  readonly random: Random;
}

const recordsPerSend = 500;
const valueBytes = 200;
const keys = 2_000;
const membersMax = 4;
const memberLifeMs = 15_000;
const queueDepthMax = 20_000;
const settings = {
  events: { "segment.bytes": 4 << 20, "retention.bytes": 24 << 20 },
  state: {
    "cleanup.policy": "compact",
    "segment.bytes": 1 << 20,
    "min.cleanable.dirty.ratio": 0.3,
    "segment.ms": 20_000,
    "delete.retention.ms": 10_000,
  },
};

/** All of the load. It goes on while the server is away, and ends by `stop`. */
export class Load {
  readonly counts: LoadCounts = noCounts();
  readonly #client: VarveClient;
  readonly #kafka: Kafka;
  readonly #random: Random;
  readonly #ended = new AbortController();
  readonly #ledger = new KeyLedger();
  #work: Promise<unknown> | null = null;

  constructor({ url, kafkaPort, random }: LoadTarget) {
    this.#client = createClient({ url, retriesMax: 0, timeoutMs: 20_000 });
    this.#random = random;
    this.#kafka = new Kafka({
      brokers: [`127.0.0.1:${kafkaPort}`],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 60 },
    });
  }

  /** Makes the topics and begins. */
  async start(): Promise<void> {
    const { topics, queues } = this.#client;
    await topics.create("events", { partitions: 4, config: settings.events });
    await topics.create("state", { partitions: 1, config: settings.state });
    await topics.create("paid", { partitions: 2, config: settings.events });
    // A queue's records stay as long as its topic says, acknowledged or not.
    await topics.create("jobs", { partitions: 1, config: settings.events });
    await queues.put("jobs", { leaseMs: 10_000, maxDeliveries: 4, maxDepth: queueDepthMax });
    this.#work = Promise.all([
      this.#loop(() => this.#produce()),
      this.#loop(() => this.#produce()),
      this.#readSlowly(),
      ...Array.from({ length: membersMax }, (_, index) => this.#loop(() => this.#member(index))),
      this.#loop(() => this.#enqueue()),
      this.#handleJobs(),
      this.#loop(() => this.#writeKeys()),
      this.#transact(),
    ]);
  }

  /** Ends all work; what was acknowledged is known then. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#work;
  }

  /** Complaints about what has to hold in the end: the compacted topic has the last value of each key. */
  async check(): Promise<readonly string[]> {
    const found = new Map<string, number>();
    const client = this.#client;
    const [{ offset: end } = { offset: 0 }] = await client.topics.offsets("state");
    const order = new OffsetOrder();
    for (let from: number | "earliest" = "earliest"; from === "earliest" || from < end; ) {
      const reply = await client.read({ topic: "state", partition: 0, from, maxRecords: 5_000 });
      for (const { offset, key, value } of reply.records) {
        order.saw(0, offset);
        const name = Buffer.from(key ?? "").toString();
        found.set(
          name,
          Number(
            Buffer.from(value ?? "")
              .toString()
              .split(" ", 1)[0],
          ),
        );
      }
      if (reply.nextOffset === from) break;
      from = reply.nextOffset;
    }
    await client.close();
    return [...order.faults, ...this.#ledger.faultsOf(found)];
  }

  // A server that is stopped refuses what is under way; it is back soon.
  async #loop(step: () => Promise<void>): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await step();
      } catch {
        if (signal.aborted) return;
        this.counts.retried++;
        await sleep(200);
      }
    }
  }

  async #produce(): Promise<void> {
    const records = Array.from({ length: recordsPerSend }, (_, index) => ({
      key: `k${this.#random.below(keys)}`,
      value: Buffer.alloc(valueBytes, index),
    }));
    await this.#client.produce({ topic: "events", records });
    this.counts.produced += records.length;
  }

  async #member(index: number): Promise<void> {
    const { signal } = this.#ended;
    const endsMs = performance.now() + memberLifeMs * (index + 1);
    this.counts.rebalances++;
    const member = this.#client.consumer({ group: "soak", topics: ["events"], signal });
    for await (const _ of member) {
      this.counts.consumed++;
      // It leaves, and another takes its place.
      if (performance.now() > endsMs) break;
    }
  }

  async #readSlowly(): Promise<void> {
    let from: number | "earliest" = "earliest";
    await this.#loop(async () => {
      try {
        const asked = { topic: "events", partition: 0, from, maxRecords: 50 };
        const { records, nextOffset } = await this.#client.read(asked);
        this.counts.slowlyRead += records.length;
        from = nextOffset;
      } catch {
        // Retention was quicker.
        from = "earliest";
      }
      await sleep(50, undefined, { signal: this.#ended.signal });
    });
  }

  async #enqueue(): Promise<void> {
    const messages = Array.from({ length: 100 }, () => ({
      value: Buffer.alloc(valueBytes, 1),
      ...(this.#random.below(10) === 0 ? { delayMs: this.#random.below(5_000) } : {}),
      ...(this.#random.below(50) === 0 ? { ttlMs: 1_000 } : {}),
    }));
    await this.#client.queues.send("jobs", messages);
    this.counts.queued += messages.length;
    const { depth } = await this.#client.queues.describe("jobs");
    if (depth > queueDepthMax / 2) await sleep(500, undefined, { signal: this.#ended.signal });
  }

  async #handleJobs(): Promise<void> {
    const worker = this.#client.worker({
      queue: "jobs",
      concurrency: 50,
      signal: this.#ended.signal,
      handler: () => {
        const dice = this.#random.below(100);
        if (dice === 0) throw new Error("one in a hundred fails");
        if (dice === 1) throw new RetryLater(500, "later");
        this.counts.handled++;
      },
    });
    await worker.run();
  }

  async #writeKeys(): Promise<void> {
    const chosen = new Set(Array.from({ length: 100 }, () => `k${this.#random.below(keys)}`));
    const written = [...chosen].map((key) => ({ key, number: this.#ledger.next(key) }));
    const padding = "x".repeat(valueBytes);
    const records = written.map(({ key, number }) => ({ key, value: `${number} ${padding}` }));
    await this.#client.produce({ topic: "state", records });
    for (const { key, number } of written) this.#ledger.acknowledged(key, number);
    this.counts.keyed += records.length;
  }

  async #transact(): Promise<void> {
    await this.#loop(async () => {
      const producer = this.#kafka.producer({
        transactionalId: "soak",
        maxInFlightRequests: 1,
        idempotent: true,
        retry: { retries: 5 },
      });
      await producer.connect();
      try {
        while (!this.#ended.signal.aborted) {
          const transaction = await producer.transaction();
          const messages = Array.from({ length: 20 }, (_, index) => ({ value: `${index}` }));
          await transaction.send({ topic: "paid", messages });
          if (this.#random.below(5) === 0) await transaction.abort();
          else await transaction.commit();
          this.counts.transactions++;
          await sleep(50);
        }
      } finally {
        await producer.disconnect().catch(() => undefined);
      }
    });
  }
}
