// What producers and consumers were told of topics, and whether an engine still says the same.

import { viewOf } from "../../src/base/bytes.ts";
import type { Engine } from "../../src/engine.ts";
import {
  attributesAt,
  baseOffsetAt,
  isControl,
  isTransactional,
  lastOffsetDeltaAt,
  producerIdAt,
} from "../../src/record/batch-header.ts";
import type { AbortedTransaction, IsolationLevel, TopicPartition } from "../../src/services.ts";
import { batchesOf, recordsOf } from "../support/batches.ts";
import { fetchRequest } from "../support/engines.ts";
import type { Stop } from "./subject.ts";

/** One stored batch as a reader got it. */
interface SeenBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly producerId: number;
  readonly isTransactional: boolean;
  /** Null for records. */
  readonly isCommit: boolean | null;
  readonly values: readonly string[];
  /** Of the values, in their order. */
  readonly offsets: readonly number[];
}

/** What a partition answers to a reader of everything. */
interface Seen {
  readonly batches: readonly SeenBatch[];
  readonly aborted: readonly AbortedTransaction[];
  readonly logStartOffset: number;
  readonly lastStableOffset: number;
}

/** What was promised of one partition of one incarnation of its topic. */
export class RecordPromises {
  readonly place: TopicPartition;
  /** False where the server copies records by itself. */
  readonly isOnceOnly: boolean;
  /** Values by offset that must be there. */
  readonly kept = new Map<number, string>();
  /** Values by offset that were written and not synced. */
  readonly written = new Map<number, string>();
  /** All values that were sent, answered or not. */
  readonly sent = new Set<string>();
  /** The log may begin at most here. */
  startMax = 0;
  /** The log must begin at least here. */
  start = 0;
  /** Where the topic is compacted, the key of a value: what a later one has may go. Null: everything stays. */
  keyOf: ((value: string) => string) | null = null;

  constructor(place: TopicPartition, isOnceOnly: boolean) {
    this.place = place;
    this.isOnceOnly = isOnceOnly;
  }

  /** Values at consecutive offsets are there for good. */
  keep(baseOffset: number, values: readonly string[]): void {
    values.forEach((value, index) => this.kept.set(baseOffset + index, value));
  }

  /** Values at consecutive offsets are in the page cache. */
  write(baseOffset: number, values: readonly string[]): void {
    values.forEach((value, index) => this.written.set(baseOffset + index, value));
  }

  /** A process that dies takes nothing with it that was written. */
  stopped(how: Stop): void {
    if (how === "kill") for (const [offset, value] of this.written) this.kept.set(offset, value);
    this.written.clear();
  }

  /** Holds the engine to it; what was seen is kept from now on. */
  async check(engine: Engine): Promise<readonly string[]> {
    const name = `${this.place.topic}-${this.place.partition}`;
    const seen = await readPlace(engine, this.place, "read_uncommitted");
    if (typeof seen === "string") return [`${name} cannot be read: ${seen}`];
    const committed = await readPlace(engine, this.place, "read_committed");
    if (typeof committed === "string") return [`${name} cannot be read committed: ${committed}`];
    return [...this.#checkRecords(seen), ...checkCommitted(seen, committed)].map(
      (problem) => `${name}: ${problem}`,
    );
  }

  #checkRecords({ batches, logStartOffset }: Seen): readonly string[] {
    const problems: string[] = [];
    if (logStartOffset < this.start || logStartOffset > this.startMax) {
      problems.push(`begins at ${logStartOffset}, not in ${this.start}..${this.startMax}`);
    }
    const values = new Map<number, string>();
    const known = new Set<string>();
    let next: number | null = null;
    for (const batch of batches) {
      const isGap = next !== null && batch.baseOffset > next && this.keyOf === null;
      if (isGap || (next !== null && batch.baseOffset < next)) {
        problems.push(`a batch at ${batch.baseOffset} where ${next} was to come`);
      }
      next = batch.lastOffset + 1;
      batch.values.forEach((value, index) => {
        const offset = batch.offsets[index] ?? -1;
        values.set(offset, value);
        if (!this.sent.has(value)) problems.push(`'${value}' at ${offset} was never sent`);
        if (this.isOnceOnly && known.has(value)) problems.push(`'${value}' is there twice`);
        known.add(value);
      });
    }
    for (const [offset, value] of this.kept) {
      if (offset < logStartOffset || values.get(offset) === value) continue;
      if (!values.has(offset) && this.#isReplaced(offset, value, values)) continue;
      problems.push(`'${value}' was promised at ${offset}, there is '${values.get(offset)}'`);
    }
    for (const [offset, value] of values) this.kept.set(offset, value);
    this.start = Math.max(this.start, logStartOffset);
    return problems;
  }

  #isReplaced(offset: number, value: string, values: ReadonlyMap<number, string>): boolean {
    const { keyOf } = this;
    if (keyOf === null) return false;
    return [...values].some(([later, other]) => later > offset && keyOf(other) === keyOf(value));
  }
}

// A reader of committed records, with what the engine says was aborted, gets what the markers say.
function checkCommitted(all: Seen, committed: Seen): readonly string[] {
  const outcomes = new Map<SeenBatch, boolean | null>();
  const open = new Map<number, SeenBatch[]>();
  for (const batch of all.batches) {
    if (batch.isCommit !== null) {
      for (const each of open.get(batch.producerId) ?? []) outcomes.set(each, batch.isCommit);
      open.delete(batch.producerId);
    } else if (batch.isTransactional) {
      open.set(batch.producerId, [...(open.get(batch.producerId) ?? []), batch]);
    }
  }
  const stable = Math.min(
    Number.POSITIVE_INFINITY,
    ...[...open.values()].flatMap(([first]) => (first === undefined ? [] : [first.baseOffset])),
  );
  const due = all.batches
    .filter((batch) => batch.baseOffset < stable && outcomes.get(batch) !== false)
    .flatMap(({ values }) => values);
  const given = committedValues(committed);
  if (due.join() === given.join()) return [];
  return [`readers of committed records get ${given.join()}, due is ${due.join()}`];
}

// As clients of Kafka do it.
function committedValues({ batches, aborted }: Seen): readonly string[] {
  const waiting = [...aborted].sort((one, other) => one.firstOffset - other.firstOffset);
  const aborting = new Set<number>();
  const values: string[] = [];
  for (const batch of batches) {
    while (waiting[0] !== undefined && waiting[0].firstOffset <= batch.lastOffset) {
      aborting.add(waiting[0].producerId);
      waiting.shift();
    }
    if (batch.isCommit !== null) aborting.delete(batch.producerId);
    else if (!batch.isTransactional || !aborting.has(batch.producerId))
      values.push(...batch.values);
  }
  return values;
}

/** The values that a reader of committed records of one partition is to see; text says why it cannot. */
export async function readCommitted(
  engine: Engine,
  place: TopicPartition,
): Promise<readonly string[] | string> {
  const seen = await readPlace(engine, place, "read_committed");
  return typeof seen === "string" ? seen : committedValues(seen);
}

/** All values of a partition by offset; text says why it cannot be read. */
export async function readRecords(
  engine: Engine,
  place: TopicPartition,
): Promise<ReadonlyMap<number, string> | string> {
  const seen = await readPlace(engine, place, "read_uncommitted");
  if (typeof seen === "string") return seen;
  return new Map(
    seen.batches.flatMap(({ offsets, values }) =>
      values.map((value, index) => [offsets[index] ?? -1, value] as const),
    ),
  );
}

// Everything from the log start on, in several fetches; text: the error of one of them.
async function readPlace(
  engine: Engine,
  { topic, partition }: TopicPartition,
  isolation: IsolationLevel,
): Promise<Seen | string> {
  const { data } = engine.services;
  const [start] = await data.listOffsets([{ topic, partition, timestampMs: -2 }]);
  if (start === undefined || start.error !== null) return String(start?.error);
  const batches: SeenBatch[] = [];
  const aborted = new Map<string, AbortedTransaction>();
  for (let offset = start.offset; ; ) {
    const maxBytes = 400;
    const request = fetchRequest(topic, offset, { partition, isolation });
    const partitions = [{ topic, partition, fetchOffset: offset, maxBytes }];
    const result = await data.fetch({ ...request, partitions });
    const [part] = result.partitions;
    if (part === undefined || part.error !== null) {
      result.release();
      return `${part?.error} at ${offset}: ${part?.detail}`;
    }
    const fresh = batchesOf(part.batches).map(seenBatch);
    for (const each of part.abortedTransactions) {
      aborted.set(`${each.producerId} ${each.firstOffset}`, each);
    }
    const { logStartOffset, lastStableOffset } = part;
    result.release();
    const last = fresh.at(-1);
    if (last === undefined) {
      return { batches, aborted: [...aborted.values()], logStartOffset, lastStableOffset };
    }
    batches.push(...fresh.filter((batch) => batch.lastOffset >= offset));
    offset = last.lastOffset + 1;
  }
}

function seenBatch(batch: Uint8Array): SeenBatch {
  const view = viewOf(batch);
  const attributes = attributesAt(view, 0);
  const isMarker = isControl(attributes);
  const records = isMarker ? [] : recordsOf(batch);
  return {
    baseOffset: baseOffsetAt(view, 0),
    lastOffset: baseOffsetAt(view, 0) + lastOffsetDeltaAt(view, 0),
    producerId: producerIdAt(view, 0),
    isTransactional: isTransactional(attributes),
    isCommit: isMarker ? batch[69] === 1 : null,
    values: records.map(({ value }) => value ?? ""),
    offsets: records.map(({ offset }) => offset),
  };
}
