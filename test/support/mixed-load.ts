// All kinds of work at once on one engine, with a ledger of what was acknowledged, and the checks that hold an engine
// opened later to it: records, committed offsets, whole transactions, settled messages.

import { AbortedFilter } from "../../src/record/aborted-filter.ts";
import {
  attributesAt,
  batchBytesAt,
  isControl,
  nextOffsetAt,
} from "../../src/record/batch-header.ts";
import { viewOf } from "../../src/base/bytes.ts";
import { RecordCursor } from "../../src/record/record-cursor.ts";
import type { Engine } from "../../src/engine.ts";
import type { FetchPartitionResult, ReceivedRange } from "../../src/services.ts";
import { createTopic, produce, readAll, readValues } from "./engines.ts";
import { producerBatch } from "./producer-batches.ts";

/** What was acknowledged up to an instant. */
export interface LoadFacts {
  /** Value by `partition/offset` of `plain`. */
  readonly records: ReadonlyMap<string, string>;
  /** Committed offset of group `g` by partition of `plain`. */
  readonly committed: ReadonlyMap<number, number>;
  /** Names of transactions whose commit, or abort, was acknowledged. */
  readonly commits: ReadonlySet<string>;
  readonly aborts: ReadonlySet<string>;
  /** Values of messages whose sending, or ack, was acknowledged. */
  readonly sent: ReadonlySet<string>;
  readonly acked: ReadonlySet<string>;
}

const partitions = [0, 1, 2];
const receiving = { max: 3, maxBytes: 1 << 20, waitMs: 0, leaseMs: null, signal: null };
const small = { "segment.bytes": "4096", "retention.ms": "-1" };

/** Work that goes on until it is stopped. */
export class MixedLoad {
  readonly #engine: Engine;
  readonly #running: Promise<void>[] = [];
  #isStopped = false;
  readonly #facts = {
    records: new Map<string, string>(),
    committed: new Map<number, number>(),
    commits: new Set<string>(),
    aborts: new Set<string>(),
    sent: new Set<string>(),
    acked: new Set<string>(),
  };

  private constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Makes the topics and begins. */
  static async begin(engine: Engine): Promise<MixedLoad> {
    await createTopic(engine, "plain", { partitions: partitions.length, configs: small });
    await createTopic(engine, "left", { configs: small });
    await createTopic(engine, "right", { configs: small });
    await engine.services.queues.put("q", { leaseMs: 60_000 });
    const load = new MixedLoad(engine);
    for (const partition of partitions) load.#go(() => load.#produce(partition));
    load.#go(() => load.#transact());
    load.#go(() => load.#send());
    load.#go(() => load.#work());
    load.#go(() => load.#churn());
    return load;
  }

  /** What has been acknowledged so far. */
  facts(): LoadFacts {
    const { records, committed, commits, aborts, sent, acked } = this.#facts;
    return {
      records: new Map(records),
      committed: new Map(committed),
      commits: new Set(commits),
      aborts: new Set(aborts),
      sent: new Set(sent),
      acked: new Set(acked),
    };
  }

  /** Resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  #go(round: () => Promise<void>): void {
    const loop = async (): Promise<void> => {
      while (!this.#isStopped) {
        await round();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    this.#running.push(loop());
  }

  #count = 0;

  #next(kind: string): string {
    return `${kind}${this.#count++}`;
  }

  async #produce(partition: number): Promise<void> {
    const value = this.#next("p");
    const { error, baseOffset } = await produce(this.#engine, {
      topic: "plain",
      partition,
      values: [value],
    });
    if (error !== null) throw new Error(error);
    this.#facts.records.set(`${partition}/${baseOffset}`, value);
    const offset = baseOffset + 1;
    const place = { topic: "plain", partition, offset, metadata: "" };
    await this.#engine.services.groups.commitOffsets({
      group: "g",
      memberId: "",
      memberEpoch: -1,
      offsets: [place],
    });
    this.#facts.committed.set(partition, offset);
  }

  async #transact(): Promise<void> {
    const { transactions, data } = this.#engine.services;
    const identity = await producerOf(this.#engine);
    const producer = { ...identity, transactionalId: "tx" };
    for (let sequence = 0; sequence < 4; sequence++) {
      const name = this.#next("t");
      const places = ["left", "right"].map((topic) => ({ topic, partition: 0 }));
      await transactions.addPartitions(producer, places);
      const results = await data.produce({
        acks: -1,
        transactionalId: "tx",
        partitions: places.map((place) => ({
          ...place,
          batches: [
            producerBatch({
              id: identity.producerId,
              epoch: identity.producerEpoch,
              sequence,
              isTransactional: true,
              value: name,
            }),
          ],
          expectedEndOffset: null,
        })),
      });
      for (const { error } of results) if (error !== null) throw new Error(error);
      const outcome = sequence % 2 === 0 ? "commit" : "abort";
      await transactions.end(producer, outcome);
      this.#facts[outcome === "commit" ? "commits" : "aborts"].add(name);
      await completed(this.#engine);
    }
  }

  async #send(): Promise<void> {
    const value = this.#next("m");
    const { error } = await produce(this.#engine, { topic: "q", values: [value] });
    if (error !== null) throw new Error(error);
    this.#facts.sent.add(value);
  }

  // Acks two of three: the third stays leased.
  async #work(): Promise<void> {
    const { queues } = this.#engine.services;
    const messages = await receive(this.#engine);
    const some = messages.slice(0, 2);
    const answers = some.map(({ receipt }) => ({ kind: "ack" as const, receipt }));
    if (answers.length === 0) return;
    const results = await queues.settle("q", answers);
    for (const [index, each] of some.entries()) {
      if (results[index] === null) this.#facts.acked.add(each.value);
    }
  }

  async #churn(): Promise<void> {
    const name = this.#next("passing");
    await createTopic(this.#engine, name);
    await produce(this.#engine, { topic: name, values: ["x"] });
    await this.#engine.services.topics.delete(name);
  }
}

/** What an engine lacks, or has too much, of what was acknowledged before; empty when all is well. */
export async function missingOf(engine: Engine, facts: LoadFacts): Promise<readonly string[]> {
  const wrong: string[] = [];
  const { problems } = await engine.services.health();
  wrong.push(...problems);
  for (const partition of partitions) {
    const found = new Map(
      (await readAll(engine, "plain", partition)).map(({ offset, value }) => [offset, value]),
    );
    for (const [place, value] of facts.records) {
      const [at, offset] = place.split("/").map(Number);
      if (at === partition && found.get(offset ?? -1) !== value) wrong.push(`record ${place}`);
    }
    wrong.push(...(await wrongOffsets(engine, facts, { partition, end: found.size })));
  }
  wrong.push(...(await wrongTransactions(engine, facts)));
  wrong.push(...(await wrongMessages(engine, facts)));
  return wrong;
}

async function wrongOffsets(
  engine: Engine,
  facts: LoadFacts,
  { partition, end }: { readonly partition: number; readonly end: number },
): Promise<readonly string[]> {
  const place = { topic: "plain", partition };
  const [committed] = await engine.services.groups.committedOffsets("g", [place]);
  const offset = committed?.offset ?? -1;
  const least = facts.committed.get(partition) ?? -1;
  const isRight = offset >= least && offset <= end;
  return isRight ? [] : [`committed ${offset} of partition ${partition}: ${least} to ${end}`];
}

async function wrongTransactions(engine: Engine, facts: LoadFacts): Promise<readonly string[]> {
  // Whoever takes the name over ends what was left open.
  await producerOf(engine);
  await completed(engine);
  const [left, right] = await Promise.all(
    ["left", "right"].map((topic) => committedIn(engine, topic)),
  );
  const wrong: string[] = [];
  for (const name of facts.commits) {
    if (left?.has(name) !== true || right?.has(name) !== true) wrong.push(`committed ${name}`);
  }
  for (const name of facts.aborts) {
    if (left?.has(name) === true || right?.has(name) === true) wrong.push(`aborted ${name}`);
  }
  if (JSON.stringify([...(left ?? [])]) !== JSON.stringify([...(right ?? [])])) {
    wrong.push("a transaction is there in one topic and not in the other");
  }
  return wrong;
}

async function wrongMessages(engine: Engine, facts: LoadFacts): Promise<readonly string[]> {
  const stored = new Set(await readValues(engine, "q"));
  const wrong = [...facts.sent]
    .filter((value) => !stored.has(value))
    .map((value) => `sent ${value}`);
  const seen = new Set<string>();
  for (;;) {
    const messages = await receive(engine);
    if (messages.length === 0) break;
    for (const { value } of messages) {
      if (seen.has(value)) wrong.push(`${value} is leased twice at once`);
      if (facts.acked.has(value)) wrong.push(`${value} was acked and is delivered again`);
      seen.add(value);
    }
  }
  return wrong;
}

interface Message {
  readonly value: string;
  readonly receipt: {
    readonly partition: number;
    readonly offset: number;
    readonly deliveries: number;
    readonly epoch: number;
  };
}

async function receive(engine: Engine): Promise<readonly Message[]> {
  const { ranges, release } = await engine.services.queues.receive({ queue: "q", ...receiving });
  try {
    return ranges.flatMap(messagesOf);
  } finally {
    release();
  }
}

function messagesOf(range: ReceivedRange): readonly Message[] {
  const { partition, firstOffset, lastOffset, deliveries, epoch, batches } = range;
  const messages: Message[] = [];
  const cursor = new RecordCursor();
  for (let at = 0; at < batches.length; ) {
    const end = at + batchBytesAt(viewOf(batches), at);
    cursor.reset(batches.subarray(at, end));
    while (cursor.next()) {
      const { offset } = cursor;
      if (offset < firstOffset || offset > lastOffset) continue;
      const value = Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd));
      const receipt = { partition, offset, deliveries, epoch };
      messages.push({ value: value.toString(), receipt });
    }
    at = end;
  }
  return messages;
}

async function producerOf(engine: Engine) {
  const { transactions } = engine.services;
  for (;;) {
    try {
      return await transactions.initProducerId({
        transactionalId: "tx",
        transactionTimeoutMs: 60_000,
        producerId: -1,
        producerEpoch: -1,
      });
    } catch (error) {
      if ((error as { code?: string }).code !== "CONCURRENT_TRANSACTIONS") throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function completed(engine: Engine): Promise<void> {
  const { transactions } = engine.services;
  for (;;) {
    const { state } = await transactions.describe("tx");
    if (state !== "PrepareCommit" && state !== "PrepareAbort" && state !== "PrepareEpochFence")
      return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

// Names of transactions that a reader of committed records sees.
async function committedIn(engine: Engine, topic: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  let offset = 0;
  for (;;) {
    const result = await engine.services.data.fetch({
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 20,
      isolation: "read_committed",
      partitions: [{ topic, partition: 0, fetchOffset: offset, maxBytes: 1 << 20 }],
      signal: null,
    });
    try {
      const [part] = result.partitions;
      if (part === undefined || part.error !== null) throw new Error(part?.detail ?? "no answer");
      if (part.batches.length === 0) return names;
      offset = takeCommitted(part, names);
    } finally {
      result.release();
    }
  }
}

// Adds the names in one reply; answers where to go on.
function takeCommitted(part: FetchPartitionResult, names: Set<string>): number {
  const view = viewOf(part.batches);
  const filter = new AbortedFilter(part.abortedTransactions);
  const cursor = new RecordCursor();
  let next = 0;
  for (let at = 0; at < part.batches.length; ) {
    const end = at + batchBytesAt(view, at);
    const isHidden = filter.isAborted(view, at) || isControl(attributesAt(view, at));
    next = nextOffsetAt(view, at);
    if (!isHidden) {
      cursor.reset(part.batches.subarray(at, end));
      while (cursor.next()) {
        const value = Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd));
        names.add(value.toString().replace(/\+0$/, ""));
      }
    }
    at = end;
  }
  return next;
}
