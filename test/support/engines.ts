// Engines on a disk in memory, and the few calls that tests of topics make over and over.

import { seededRandom } from "../../src/base/random.ts";
import { type Engine, type EngineSettings, openEngine } from "../../src/engine.ts";
import type {
  FetchPartitionResult,
  FetchRequest,
  ProducePartitionResult,
  RequiredAcks,
} from "../../src/services.ts";
import { type ReadRecord, batchOf, recordsOf } from "./batches.ts";
import { FakeClock } from "./fake-clock.ts";
import { FaultyDisk } from "./faulty-disk.ts";

/** What an engine under test is opened with; what is absent is fresh. */
export interface TestEngineOptions {
  readonly disk?: FaultyDisk;
  readonly clock?: FakeClock;
  readonly seed?: number;
  readonly settings?: Partial<EngineSettings>;
}

/** An engine with its disk and clock. */
export interface TestEngine {
  readonly engine: Engine;
  readonly disk: FaultyDisk;
  readonly clock: FakeClock;
}

/** Opens `/data` of the disk. */
export async function openTestEngine(options: TestEngineOptions = {}): Promise<TestEngine> {
  const disk = options.disk ?? new FaultyDisk();
  const clock = options.clock ?? new FakeClock();
  const random = seededRandom(options.seed ?? 1);
  const settings = options.settings ?? {};
  const engine = await openEngine({ path: "/data", disk, clock, random, settings });
  return { engine, disk, clock };
}

/** Creates a topic of the given partitions and config. */
export async function createTopic(
  engine: Engine,
  name: string,
  { partitions = 1, configs = {} }: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<void> {
  const request = { name, partitionCount: partitions, configs, validateOnly: false };
  await engine.services.topics.create(request);
}

/** Where and how values are produced. */
export interface Produce {
  readonly topic: string;
  readonly partition?: number;
  /** Of all values. */
  readonly key?: string;
  readonly values: readonly string[];
  readonly acks?: RequiredAcks;
  readonly expectedEndOffset?: number;
}

/** Produces the values as one batch. */
export async function produce(engine: Engine, call: Produce): Promise<ProducePartitionResult> {
  const { topic, partition = 0, key = null, values, acks = -1, expectedEndOffset = null } = call;
  const batches = [batchOf(values.map((value) => ({ key, value })))];
  const partitions = [{ topic, partition, batches, expectedEndOffset }];
  const [result] = await engine.services.data.produce({ acks, partitions });
  if (result === undefined) throw new Error("no result");
  return result;
}

/** A fetch of one partition that answers at once. */
export function fetchRequest(
  topic: string,
  fetchOffset: number,
  differing: Partial<FetchRequest> & { readonly partition?: number } = {},
): FetchRequest {
  const { partition = 0, ...rest } = differing;
  return {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    isolation: "read_uncommitted",
    partitions: [{ topic, partition, fetchOffset, maxBytes: 1 << 20 }],
    signal: null,
    ...rest,
  };
}

/** One fetched partition, its records copied out. */
export type FetchedPartition = Omit<FetchPartitionResult, "batches"> & {
  readonly records: readonly ReadRecord[];
  readonly bytes: number;
};

/** Fetches, copies the records out and releases the bytes. */
export async function fetched(
  engine: Engine,
  request: FetchRequest,
): Promise<readonly FetchedPartition[]> {
  const result = await engine.services.data.fetch(request);
  try {
    return result.partitions.map(({ batches, ...rest }) => ({
      ...rest,
      records: recordsOf(batches),
      bytes: batches.length,
    }));
  } finally {
    result.release();
  }
}

/** All records of a partition from the log start to the high watermark. */
export async function readAll(
  engine: Engine,
  topic: string,
  partition = 0,
): Promise<readonly ReadRecord[]> {
  const records: ReadRecord[] = [];
  const [start] = await engine.services.data.listOffsets([{ topic, partition, timestampMs: -2 }]);
  let offset = start?.offset ?? 0;
  for (;;) {
    const request = fetchRequest(topic, offset, { partition });
    const [part] = await fetched(engine, request);
    if (part === undefined || part.error !== null) throw new Error(part?.detail ?? "no answer");
    const fresh = part.records.filter((record) => record.offset >= offset);
    if (fresh.length === 0) return records;
    records.push(...fresh);
    offset = (fresh.at(-1)?.offset ?? offset) + 1;
  }
}

/** The values of all records of a partition, in order. */
export async function readValues(
  engine: Engine,
  topic: string,
  partition = 0,
): Promise<readonly (string | null)[]> {
  return (await readAll(engine, topic, partition)).map((record) => record.value);
}

/** The error name a call ends with; "ok" when it succeeds. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "ok",
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}
