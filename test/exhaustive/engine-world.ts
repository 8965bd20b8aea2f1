// A whole engine on a disk in memory, its clients' calls, and all that those were told.

import { LogError } from "../../src/base/error.ts";
import { seededRandom } from "../../src/base/random.ts";
import { type Engine, openEngine } from "../../src/engine.ts";
import type { TopicPartition } from "../../src/services.ts";
import { batchOf } from "../support/batches.ts";
import { createTopic } from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import type { FaultyDisk } from "../support/faulty-disk.ts";
import { KeptLogger } from "../support/log-fixture.ts";
import { initOf } from "../support/transaction-world.ts";
import { deliveriesMax, type Message, QueuePromises } from "./queue-promises.ts";
import { readCommitted, RecordPromises } from "./record-promises.ts";
import type { Stop, Subject } from "./subject.ts";

/** What a workload does with a world that is open. */
export interface EngineWork {
  /** Before the first call at which the machine may stop. */
  prepare(world: EngineWorld): Promise<void>;
  run(world: EngineWorld): Promise<void>;
}

interface Transaction {
  readonly parts: readonly { readonly place: TopicPartition; readonly values: readonly string[] }[];
  /** What was asked for; null before that. */
  asked: "commit" | "abort" | null;
  isAnswered: boolean;
}

interface TopicPromise {
  readonly partitions: readonly RecordPromises[];
  state: "there" | "gone" | "unsure";
}

interface CommitPromise {
  answered: number;
  tried: number;
}

/** An engine that may be stopped at any call to its disk. */
export class EngineWorld implements Subject {
  engine: Engine | null = null;
  disk: FaultyDisk | null = null;
  clock = new FakeClock();
  readonly logger = new KeptLogger();
  readonly #work: EngineWork;
  readonly #topics = new Map<string, TopicPromise>();
  readonly #commits = new Map<string, CommitPromise>();
  readonly #transactions: Transaction[] = [];
  readonly #queue = new QueuePromises();
  readonly #findings: string[] = [];
  #hasQueue = false;
  #next = 0;

  constructor(work: EngineWork) {
    this.#work = work;
  }

  /** The engine, open. */
  get opened(): Engine {
    if (this.engine === null) throw new Error("the world is not open");
    return this.engine;
  }

  async open(disk: FaultyDisk): Promise<void> {
    this.disk = disk;
    // Timers of the dead must not fire.
    this.clock = new FakeClock(this.clock.nowMs());
    this.engine = null;
    const { clock, logger } = this;
    this.engine = await openEngine({ path: "/data", disk, clock, logger, random: seededRandom(1) });
  }

  async prepare(): Promise<void> {
    await this.#work.prepare(this);
  }

  async run(): Promise<void> {
    await this.#work.run(this);
  }

  stopped(how: Stop): void {
    for (const promises of this.#records()) promises.stopped(how);
    this.#queue.stopped();
  }

  async check(): Promise<readonly string[]> {
    const engine = this.opened;
    const problems = this.#findings.splice(0);
    const { problems: unwell } = await engine.services.health();
    problems.push(...unwell.map((each) => `after a start: ${each}`));
    problems.push(...(await this.#checkLock()));
    await this.pass(5000);
    for (const [name, promise] of this.#topics) problems.push(...this.#checkTopic(name, promise));
    for (const promises of this.#records()) problems.push(...(await promises.check(engine)));
    problems.push(...(await this.#checkCommits()), ...(await this.#checkTransactions()));
    if (this.#hasQueue) {
      problems.push(...(await this.#queue.check({ engine, clock: this.clock })));
    }
    return problems;
  }

  async goOn(): Promise<void> {
    if (this.#topics.get("t")?.state === "there") {
      await this.produce({ topic: "t", partition: 0 }, 2);
      await this.commit({ topic: "t", partition: 0 }, this.#next);
    }
    if (!this.#hasQueue) return;
    await this.send(2);
    await this.settle("ack", (await this.receive(1)).slice(0, 1));
  }

  /** Lets time pass, and all that is to happen by then. @throws when the machine stopped meanwhile */
  async pass(ms: number): Promise<void> {
    const { disk, clock } = this;
    await clock.run(ms);
    await settle(10);
    // Work that slept through the end of its machine must not go on with the next one.
    if (disk !== this.disk || disk?.isDead === true) throw new Error("the machine has stopped");
  }

  /** Stops in order and starts again. */
  async restart(): Promise<void> {
    const { disk } = this;
    await this.opened.close();
    if (disk !== null) await this.open(disk);
  }

  /** Creates a topic. */
  async create(name: string, partitions = 1, configs: Record<string, string> = {}): Promise<void> {
    const before = this.#topics.get(name);
    const promise: TopicPromise = {
      state: before?.state === "there" ? "there" : "unsure",
      partitions: Array.from(
        { length: partitions },
        (_, partition) => new RecordPromises({ topic: name, partition }, name !== "q"),
      ),
    };
    this.#topics.set(name, promise);
    if (configs["retention.bytes"] !== undefined) {
      for (const each of promise.partitions) each.startMax = Number.POSITIVE_INFINITY;
    }
    if (configs["cleanup.policy"] === "compact") {
      for (const each of promise.partitions) each.keyOf = keyOf;
    }
    await createTopic(this.opened, name, { partitions, configs });
    promise.state = "there";
  }

  /** Deletes a topic. */
  async remove(name: string): Promise<void> {
    const promise = this.#topics.get(name);
    if (promise === undefined) throw new Error(`no topic ${name} was made`);
    promise.state = "unsure";
    await this.opened.services.topics.delete(name);
    promise.state = "gone";
  }

  /** Produces one batch of so many records; `bytes` is the length of each value. */
  async produce(
    place: TopicPartition,
    count: number,
    { acks = -1, bytes = 10 }: { readonly acks?: 1 | -1; readonly bytes?: number } = {},
  ): Promise<readonly string[]> {
    const values = this.#values(count, bytes);
    const timestampMs = this.clock.nowMs();
    const promises = this.#promisesOf(place);
    for (const value of values) promises.sent.add(value);
    const key = promises.keyOf ?? ((): null => null);
    const batches = [batchOf(values.map((value) => ({ key: key(value), value, timestampMs })))];
    const partitions = [{ ...place, batches, expectedEndOffset: null }];
    const [result] = await this.opened.services.data.produce({ acks, partitions });
    if (result === undefined || result.error !== null) throw new Error(`refused: ${result?.error}`);
    if (acks === -1 && result.durability === "fsync") promises.keep(result.baseOffset, values);
    else promises.write(result.baseOffset, values);
    return values;
  }

  /** Moves a partition's start. */
  async trim(place: TopicPartition, offset: number): Promise<void> {
    const promises = this.#promisesOf(place);
    promises.startMax = Math.max(promises.startMax, offset);
    const before = [{ partition: place.partition, offset }];
    await this.opened.services.topics.deleteRecords(place.topic, before);
    promises.start = Math.max(promises.start, offset);
  }

  /** A round of retention; where it leaves the start, it stays. */
  async retain(place: TopicPartition): Promise<void> {
    await this.opened.applyRetention();
    const { topic, partition } = place;
    const { data } = this.opened.services;
    const [start] = await data.listOffsets([{ topic, partition, timestampMs: -2 }]);
    this.#promisesOf(place).start = start?.offset ?? 0;
  }

  /** A round of compaction. */
  async compact(): Promise<void> {
    const round = this.opened.compact();
    // Left alone when the machine stops.
    round.catch(() => undefined);
    await this.pass(1000);
    await round;
  }

  /** Commits an offset of group `g`. */
  async commit({ topic, partition }: TopicPartition, offset: number): Promise<void> {
    const key = `${topic}-${partition}`;
    const promise = this.#commits.get(key) ?? { answered: -1, tried: -1 };
    this.#commits.set(key, promise);
    promise.tried = offset;
    const offsets = [{ topic, partition, offset, metadata: "" }];
    const nobody = { group: "g", memberId: "", memberEpoch: -1 };
    const [result] = await this.opened.services.groups.commitOffsets({ ...nobody, offsets });
    if (result?.error !== null) throw new Error(`refused: ${result?.error}`);
    promise.answered = offset;
  }

  /** A transaction of one batch in each of some partitions, ended one way or not at all. */
  async transaction(
    places: readonly TopicPartition[],
    outcome: "commit" | "abort" | null,
  ): Promise<void> {
    const { transactions, data } = this.opened.services;
    // Larger than what a check fetches at once, so that fetches begin at every batch.
    const parts = places.map((place) => ({ place, values: this.#values(2, 200) }));
    const promise: Transaction = { parts, asked: null, isAnswered: false };
    this.#transactions.push(promise);
    const identity = await transactions.initProducerId(initOf("tx"));
    const producer = { transactionalId: "tx", ...identity };
    await transactions.addPartitions(producer, places);
    const timestampMs = this.clock.nowMs();
    const partitions = parts.map(({ place, values }) => {
      const promises = this.#promisesOf(place);
      for (const value of values) promises.sent.add(value);
      const batch = batchOf(
        values.map((value) => ({ value, timestampMs })),
        { producer: { ...identity, baseSequence: 0 }, isTransactional: true },
      );
      return { ...place, batches: [batch], expectedEndOffset: null };
    });
    const results = await data.produce({ acks: -1, transactionalId: "tx", partitions });
    results.forEach((result, index) => {
      if (result.error !== null) throw new Error(`refused: ${result.error}`);
      const part = parts[index];
      if (part !== undefined) this.#promisesOf(part.place).keep(result.baseOffset, part.values);
    });
    if (outcome === null) return;
    promise.asked = outcome;
    await transactions.end(producer, outcome);
    promise.isAnswered = true;
    await this.pass(0);
  }

  /** Makes the queue `q` on a topic of its name. */
  async makeQueue(): Promise<void> {
    await this.create("q");
    await this.opened.services.queues.put("q", {
      maxDeliveries: deliveriesMax,
      backoff: { type: "fixed", baseMs: 0, maxMs: 0, jitter: 0 },
    });
    this.#hasQueue = true;
  }

  /** Sends messages to the queue. */
  async send(count: number): Promise<void> {
    for (const value of await this.produce({ topic: "q", partition: 0 }, count)) {
      this.#queue.sent(value);
    }
  }

  /** Receives messages, each held to what was promised of it. */
  async receive(max: number): Promise<readonly Message[]> {
    const { opened: engine, clock } = this;
    const { messages, problems } = await this.#queue.receive({ engine, clock }, max);
    this.#findings.push(...problems);
    return messages;
  }

  /** Answers for messages. */
  async settle(kind: "ack" | "nack" | "reject", messages: readonly Message[]): Promise<void> {
    await this.#queue.settle(this.opened, kind, messages);
  }

  /** Puts all dead letters back. */
  async redrive(): Promise<void> {
    await this.#queue.redrive(this.opened);
  }

  #values(count: number, bytes: number): readonly string[] {
    return Array.from({ length: count }, () => `value ${this.#next++} `.padEnd(bytes, "."));
  }

  #promisesOf({ topic, partition }: TopicPartition): RecordPromises {
    const promises = this.#topics.get(topic)?.partitions[partition];
    if (promises === undefined) throw new Error(`no promises of ${topic}-${partition}`);
    return promises;
  }

  *#records(): Iterable<RecordPromises> {
    for (const { partitions, state } of this.#topics.values()) {
      if (state === "there") yield* partitions;
    }
  }

  async #checkLock(): Promise<readonly string[]> {
    const { disk, clock, logger } = this;
    if (disk === null) return [];
    try {
      await openEngine({ path: "/data", disk, clock, logger, random: seededRandom(2) });
    } catch (error) {
      if (error instanceof LogError && error.code === "KAFKA_STORAGE_ERROR") return [];
      throw error;
    }
    return ["a second process opens the same directory"];
  }

  #checkTopic(name: string, promise: TopicPromise): readonly string[] {
    const found = this.opened.services.topics.lookup(name);
    const before = promise.state;
    promise.state = found === null ? "gone" : "there";
    if (before !== "unsure" && before !== promise.state) {
      return [`topic ${name} is ${promise.state}, promised was that it is ${before}`];
    }
    const count = promise.partitions.length;
    if (found === null || found.partitionCount === count) return [];
    return [`topic ${name} has ${found.partitionCount} partitions, not ${count}`];
  }

  async #checkCommits(): Promise<readonly string[]> {
    const problems: string[] = [];
    const committed = await this.opened.services.groups.committedOffsets("g", null);
    for (const [key, promise] of this.#commits) {
      const topic = key.slice(0, key.lastIndexOf("-"));
      if (this.#topics.get(topic)?.state !== "there") continue;
      const found = committed.find((each) => `${each.topic}-${each.partition}` === key);
      const offset = found?.offset ?? -1;
      if (offset !== promise.answered && offset !== promise.tried) {
        problems.push(`${key} is committed to ${offset}, answered was ${promise.answered}`);
      }
      promise.answered = offset;
      promise.tried = offset;
    }
    return problems;
  }

  async #checkTransactions(): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const promise of this.#transactions) {
      const views = await Promise.all(
        promise.parts.map(async ({ place, values }) => {
          const view = await readCommitted(this.opened, place);
          return values.filter((value) => view.includes(value)).length / values.length;
        }),
      );
      const [share = 0] = views;
      const name = `the transaction of '${promise.parts[0]?.values[0]}'`;
      if (views.some((each) => each !== share) || (share !== 0 && share !== 1)) {
        problems.push(`${name} is seen in part: ${views.join()}`);
      }
      if (share === 1 && promise.asked !== "commit") problems.push(`${name} was never committed`);
      if (share === 0 && promise.asked === "commit" && promise.isAnswered) {
        problems.push(`${name} was committed and is not seen`);
      }
      // What was seen holds.
      if (share === 1) promise.isAnswered = true;
    }
    return problems;
  }
}

// Few keys, so that most of what is written is soon old.
function keyOf(value: string): string {
  return `key ${Number(value.split(" ")[1]) % 3}`;
}
