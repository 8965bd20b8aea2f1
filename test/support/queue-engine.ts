// A whole engine on a disk in memory with one queue, `q`: messages in, messages out, and stops of every kind between.

import type {
  QueueCounts,
  QueueServices,
  QueueSettings,
  ReceiveRequest,
  SettleAnswer,
  ShareServices,
} from "../../src/services.ts";
import type { Engine } from "../../src/engine.ts";
import { seededRandom } from "../../src/base/random.ts";
import { batchOf, type ReadRecord, recordsOf, type TestRecord } from "./batches.ts";
import { createTopic, openTestEngine, readAll } from "./engines.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import type { FaultyDisk } from "./faulty-disk.ts";

/** A message as a receiver got it. */
export interface Message {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
  readonly epoch: number;
  readonly value: string | null;
}

/** What differs from a queue of one partition with nothing set. */
export interface QueueEngineOptions {
  readonly partitions?: number;
  readonly settings?: Partial<QueueSettings>;
  /** Of the queue's topic. */
  readonly configs?: Readonly<Record<string, string>>;
}

/** An engine with a queue that outlives it. */
export class QueueEngine {
  engine: Engine;
  disk: FaultyDisk;
  clock: FakeClock;

  private constructor(opened: { engine: Engine; disk: FaultyDisk; clock: FakeClock }) {
    this.engine = opened.engine;
    this.disk = opened.disk;
    this.clock = opened.clock;
  }

  /** Opens an engine and makes the queue. */
  static async open(options: QueueEngineOptions = {}): Promise<QueueEngine> {
    const { partitions = 1, settings = {}, configs = {} } = options;
    const opened = new QueueEngine(await openTestEngine());
    await createTopic(opened.engine, "q", { partitions, configs });
    await opened.queues.put("q", settings);
    return opened;
  }

  /** Queues of the engine that is open now. */
  get queues(): QueueServices {
    return this.engine.services.queues;
  }

  /** Share groups of the engine that is open now. */
  get shares(): ShareServices {
    return this.engine.services.shares;
  }

  /** An orderly stop, the death of the process or of the machine; and a start. */
  async reopen(how: "stop" | "kill" | "crash" = "stop"): Promise<void> {
    if (how === "stop") await this.engine.close();
    else {
      this.disk = how === "kill" ? this.disk.kill() : this.disk.crash(seededRandom(7), "none");
      // Timers of the dead must not fire.
      this.clock = new FakeClock(this.clock.nowMs());
    }
    const { disk, clock } = this;
    this.engine = (await openTestEngine({ disk, clock })).engine;
  }

  /** Lets time pass, and everything that is to happen by then happen. */
  async pass(ms: number): Promise<void> {
    await this.clock.run(ms);
    await settle(20);
  }

  /** Appends records to the queue's topic, each stamped with the time now; answers the offset of the first. */
  async send(records: readonly (string | TestRecord)[], partition = 0): Promise<number> {
    return this.sendTo({ topic: "q", partition }, records);
  }

  /** The same to any topic. */
  async sendTo(
    place: { readonly topic: string; readonly partition: number },
    records: readonly (string | TestRecord)[],
  ): Promise<number> {
    const timestampMs = this.clock.nowMs();
    const batch = batchOf(
      records.map((each) => ({
        timestampMs,
        ...(typeof each === "string" ? { value: each } : each),
      })),
    );
    const partitions = [{ ...place, batches: [batch], expectedEndOffset: null }];
    const [result] = await this.engine.services.data.produce({ acks: -1, partitions });
    if (result === undefined || result.error !== null) throw new Error(result?.error ?? "none");
    return result.baseOffset;
  }

  /** Receives what is there, or waits. */
  async receive(differing: Partial<ReceiveRequest> = {}): Promise<readonly Message[]> {
    const result = await this.queues.receive({
      queue: "q",
      max: 1000,
      maxBytes: 1 << 20,
      waitMs: 0,
      leaseMs: null,
      signal: null,
      ...differing,
    });
    const messages = result.ranges.flatMap((range) =>
      recordsOf(range.batches)
        .filter(({ offset }) => offset >= range.firstOffset && offset <= range.lastOffset)
        .map(({ offset, value }) => {
          const { partition, deliveries, epoch } = range;
          return { partition, offset, deliveries, epoch, value };
        }),
    );
    result.release();
    return messages;
  }

  /** The values of what is received; none is empty text. */
  async values(differing: Partial<ReceiveRequest> = {}): Promise<readonly string[]> {
    return (await this.receive(differing)).map(({ value }) => value ?? "");
  }

  /** Acknowledges all. */
  async ack(messages: readonly Message[]): Promise<void> {
    await this.#answer(messages.map((receipt) => ({ kind: "ack", receipt })));
  }

  /** Gives all back. */
  async nack(messages: readonly Message[], delayMs: number | null = 0): Promise<void> {
    await this.#answer(
      messages.map((receipt) => ({ kind: "nack", receipt, delayMs, reason: "again" })),
    );
  }

  /** Gives all up. */
  async reject(messages: readonly Message[], reason = "bad"): Promise<void> {
    await this.#answer(messages.map((receipt) => ({ kind: "reject", receipt, reason })));
  }

  /** What is counted. */
  async counts(): Promise<QueueCounts> {
    return (await this.queues.describe("q")).counts;
  }

  /** All records of the dead-letter topic in one partition. */
  async letters(partition = 0): Promise<readonly ReadRecord[]> {
    await settle(20);
    return readAll(this.engine, "q.dead", partition);
  }

  async #answer(answers: readonly SettleAnswer[]): Promise<void> {
    const results = await this.queues.settle("q", answers);
    const refused = results.filter((error) => error !== null);
    if (refused.length > 0) throw new Error(refused.join());
  }
}
