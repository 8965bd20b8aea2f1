// A small data directory with a file of every kind, and the judgement on what a server makes of it when it is damaged.

import { viewOf } from "../../src/base/bytes.ts";
import { LogError } from "../../src/base/error.ts";
import { seededRandom } from "../../src/base/random.ts";
import { type Engine, openEngine } from "../../src/engine.ts";
import { attributesAt, isTransactional } from "../../src/record/batch-header.ts";
import type { ProducerIdentity } from "../../src/services.ts";
import { batchOf, recordsOf } from "../support/batches.ts";
import { createTopic } from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { KeptLogger } from "../support/log-fixture.ts";
import { producerBatch } from "../support/producer-batches.ts";
import { initOf } from "../support/transaction-world.ts";
import { readCommitted, readRecords } from "./record-promises.ts";

const place = { topic: "t", partition: 0 };
const nobody = { group: "g", memberId: "", memberEpoch: -1 };
const small = { "segment.bytes": "1024", "index.interval.bytes": "150" };

/** The directory and all that was promised of it. */
export interface SmallDirectory {
  readonly disk: FaultyDisk;
  readonly nowMs: number;
  /** Of partition 0 of topic `t`, by offset. */
  readonly records: ReadonlyMap<number, string>;
  /** What readers of committed records get of it. */
  readonly committed: readonly string[];
  /** Of group `g`. */
  readonly groupOffset: number;
  /** Of the messages of queue `q`: done with, and still to be delivered. */
  readonly settled: readonly string[];
  readonly waiting: readonly string[];
  /** Of the transactional id `tx`. */
  readonly transactional: ProducerIdentity;
  /** The last producer of its own; its batch is the last of the log but one, with sequence 0. */
  readonly idempotent: ProducerIdentity;
}

/** How the directory was left: in order, or by a process that died with records behind its last checkpoint. */
export type Leaving = "stop" | "kill";

/** Makes the directory: three segments of a topic, with producers and transactions, a group, a queue. */
export async function makeSmallDirectory(leaving: Leaving): Promise<SmallDirectory> {
  const disk = new FaultyDisk();
  const clock = new FakeClock();
  const engine = await openEngine({ path: "/data", disk, clock, random: seededRandom(1) });
  await createTopic(engine, "t", { configs: small });
  await createTopic(engine, "q");
  const { groups, queues } = engine.services;
  await queues.put("q", {});
  const transactional = await appendSegments(engine, clock);
  await append(engine, "q", batchOf(valuesOf("job", 3, clock.nowMs())));
  const request = { queue: "q", max: 2, maxBytes: 1 << 20, waitMs: 0, leaseMs: 1000, signal: null };
  const received = await queues.receive(request);
  const [range] = received.ranges;
  received.release();
  if (range === undefined) throw new Error("nothing was received");
  const { partition, deliveries, epoch } = range;
  const receipt = { partition, offset: 0, deliveries, epoch };
  await queues.settle("q", [{ kind: "ack", receipt }]);
  await groups.commitOffsets({ ...nobody, offsets: [{ ...place, offset: 3, metadata: "" }] });
  await clock.run(1500);
  await settle(10);
  // Behind the checkpoint of a process that dies: one more of everything.
  const idempotent = await engine.services.transactions.initProducerId(initOf(null));
  await append(engine, "t", idempotentBatch(idempotent, clock.nowMs()));
  await append(engine, "t", batchOf(valuesOf("last", 1, clock.nowMs())));
  await groups.commitOffsets({ ...nobody, offsets: [{ ...place, offset: 5, metadata: "" }] });
  const records = await readRecords(engine, place);
  if (typeof records === "string") throw new Error(`the log cannot be read: ${records}`);
  // By what was done, not by what the engine says of it.
  const committed = [...records.values()].filter((value) => !value.startsWith("abort"));
  if (leaving === "stop") await engine.close();
  return {
    disk: disk.kill(),
    nowMs: clock.nowMs(),
    records,
    committed,
    groupOffset: 5,
    settled: ["job 0"],
    waiting: ["job 1", "job 2"],
    transactional,
    idempotent,
  };
}

function valuesOf(name: string, count: number, timestampMs: number) {
  return Array.from({ length: count }, (_, index) => ({ value: `${name} ${index}`, timestampMs }));
}

function idempotentBatch({ producerId, producerEpoch }: ProducerIdentity, timestampMs: number) {
  const producer = { id: producerId, epoch: producerEpoch, sequence: 0 };
  return producerBatch({ ...producer, value: "known", timestampMs });
}

async function append(engine: Engine, topic: string, batch: Uint8Array): Promise<boolean> {
  const transactionalId = isTransactional(attributesAt(viewOf(batch), 0)) ? "tx" : null;
  const partitions = [{ topic, partition: 0, batches: [batch], expectedEndOffset: null }];
  const [result] = await engine.services.data.produce({ acks: -1, transactionalId, partitions });
  if (result === undefined || result.error !== null) {
    throw new LogError(result?.error ?? "KAFKA_STORAGE_ERROR", result?.detail ?? "no answer");
  }
  return result.isDuplicate;
}

async function appendSegments(engine: Engine, clock: FakeClock): Promise<ProducerIdentity> {
  const { transactions } = engine.services;
  const identity = await transactions.initProducerId(initOf("tx"));
  const producer = { transactionalId: "tx", ...identity };
  let sequence = 0;
  for (const outcome of ["abort", "commit", "abort", "commit"] as const) {
    const name = `before ${outcome} ${sequence}`.padEnd(100, ".");
    await append(engine, "t", batchOf(valuesOf(name, 2, clock.nowMs())));
    await transactions.addPartitions(producer, [place]);
    const { producerId: id, producerEpoch: epoch } = identity;
    const part = { id, epoch, sequence, value: `${outcome} ${sequence}` };
    const timestampMs = clock.nowMs();
    const batch = producerBatch({ ...part, isTransactional: true, count: 2, timestampMs });
    await append(engine, "t", batch);
    sequence += 2;
    await transactions.end(producer, outcome);
    await clock.run(10);
    await settle(10);
  }
  return identity;
}

/** What came of opening a damaged directory. */
export interface Judgement {
  /** `whole`: nothing is missing; `partial`: something is, and it is said; `refused`: not opened, it is said why. */
  readonly outcome: "whole" | "partial" | "refused";
  /** Wrong answers, and losses that nothing tells of. */
  readonly problems: readonly string[];
}

/**
 * Opens a damaged copy of the directory, asks for everything in it, and judges the answers.
 *
 * @param mustTell Whether a loss that nothing tells of is a problem.
 */
export async function judge(
  small: SmallDirectory,
  disk: FaultyDisk,
  mustTell = true,
): Promise<Judgement> {
  const logger = new KeptLogger();
  const clock = new FakeClock(small.nowMs);
  const problems: string[] = [];
  let engine: Engine;
  try {
    engine = await openEngine({ path: "/data", disk, clock, logger, random: seededRandom(2) });
  } catch (error) {
    if (!(error instanceof LogError))
      return { outcome: "refused", problems: [`it throws ${String(error)}`] };
    return { outcome: "refused", problems: [] };
  }
  const losses: string[] = [];
  const errors: string[] = [];
  const ask = async (what: () => Promise<void>): Promise<void> => {
    try {
      await what();
    } catch (error) {
      if (error instanceof LogError) errors.push(error.message);
      else problems.push(`it throws ${String(error)}`);
    }
  };
  const finds = { small, engine, clock, problems, losses, errors };
  await ask(() => judgeRecords(finds));
  await ask(() => judgeGroup(finds));
  await ask(() => judgeQueue(finds));
  await ask(() => judgeProducers(finds));
  const { problems: unwell } = await engine.services.health();
  const isSaid = errors.length + unwell.length + logger.errors.length + logger.warnings.length > 0;
  if (mustTell && !isSaid) problems.push(...losses.map((loss) => `nothing tells that ${loss}`));
  const isWhole = losses.length + errors.length === 0;
  return { outcome: isWhole ? "whole" : "partial", problems };
}

interface Finds {
  readonly small: SmallDirectory;
  readonly engine: Engine;
  readonly clock: FakeClock;
  readonly problems: string[];
  readonly losses: string[];
  readonly errors: string[];
}

async function judgeRecords({ small, engine, problems, losses, errors }: Finds): Promise<void> {
  const topic = engine.services.topics.lookup("t");
  if (topic === null) {
    losses.push("the topic is gone");
    return;
  }
  const committed = await readCommitted(engine, place);
  if (typeof committed === "string") errors.push(committed);
  else {
    const due = small.committed.filter((value) => committed.includes(value));
    if (committed.join() !== due.join()) {
      problems.push(`readers of committed records get ${committed.join()}`);
    }
    if (committed.length < small.committed.length) losses.push("committed records are missing");
  }
  for (const [offset, value] of small.records) {
    const found = await readOne(engine, offset);
    if ("error" in found) errors.push(found.error);
    else if (found.value === null) losses.push(`record ${offset} is missing`);
    else if (found.value !== value) problems.push(`record ${offset} reads '${found.value}'`);
  }
}

async function readOne(
  engine: Engine,
  offset: number,
): Promise<{ readonly error: string } | { readonly value: string | null }> {
  const result = await engine.services.data.fetch({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1,
    isolation: "read_uncommitted",
    partitions: [{ ...place, fetchOffset: offset, maxBytes: 1 }],
    signal: null,
  });
  const [part] = result.partitions;
  if (part === undefined || part.error !== null) {
    result.release();
    return { error: `${part?.error}` };
  }
  const value = recordsOf(part.batches).find((record) => record.offset === offset)?.value;
  result.release();
  return { value: value ?? null };
}

async function judgeGroup({ small, engine, problems, losses }: Finds): Promise<void> {
  const [found] = await engine.services.groups.committedOffsets("g", [place]);
  const offset = found?.offset ?? -1;
  if (offset === small.groupOffset) return;
  if (offset === -1 || offset === 3) losses.push(`the group's offset is ${offset}`);
  else problems.push(`the group's offset is ${offset}, never committed`);
}

async function judgeQueue({ small, engine, clock, problems, losses }: Finds): Promise<void> {
  const { queues } = engine.services;
  if (queues.lookup("q") === null) {
    losses.push("the queue is gone");
    return;
  }
  const seen: string[] = [];
  for (let lap = 0; lap < 2; lap++) {
    const request = {
      queue: "q",
      max: 9,
      maxBytes: 1 << 20,
      waitMs: 0,
      leaseMs: 9000,
      signal: null,
    };
    const result = await queues.receive(request);
    for (const range of result.ranges) {
      const records = recordsOf(range.batches).filter(
        ({ offset }) => offset >= range.firstOffset && offset <= range.lastOffset,
      );
      seen.push(...records.map(({ value }) => value ?? ""));
    }
    result.release();
    await clock.run(2000);
    await settle(5);
  }
  for (const value of small.waiting)
    if (!seen.includes(value)) losses.push(`'${value}' is missing`);
  for (const value of seen) {
    if (small.settled.includes(value)) losses.push(`'${value}' was settled and comes back`);
    else if (!small.waiting.includes(value)) problems.push(`'${value}' was never sent`);
  }
}

async function judgeProducers({ small, engine, clock, problems, losses }: Finds): Promise<void> {
  const { transactions } = engine.services;
  if (!(await append(engine, "t", idempotentBatch(small.idempotent, clock.nowMs())))) {
    losses.push("a batch that was there is appended again");
  }
  const next = await transactions.initProducerId(initOf("tx"));
  const { producerId, producerEpoch } = small.transactional;
  if (next.producerId !== producerId || next.producerEpoch <= producerEpoch) {
    losses.push("a transactional producer is not fenced");
  }
  const fresh = await transactions.initProducerId(initOf(null));
  const known = [small.transactional.producerId, small.idempotent.producerId];
  if (known.includes(fresh.producerId)) {
    problems.push(`producer id ${fresh.producerId} is given a second time`);
  }
}
