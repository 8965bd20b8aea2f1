// Messages that are delayed over an hour of simulated time: sent in no order, received as they fall due.

import { type Random, seededRandom } from "../../src/base/random.ts";
import type { Engine } from "../../src/engine.ts";
import { FetchedRecords } from "../../src/record/fetched-records.ts";
import { messageHeaders, type ReceivedRange } from "../../src/services.ts";
import { batchOf } from "./batches.ts";
import type { FakeClock } from "./fake-clock.ts";

/** How many, and how time goes. */
export interface DelayedOptions {
  readonly messages: number;
  readonly seed: number;
  /** The step of the clock; a receiver asks after each. */
  readonly stepMs: number;
  /** Told when all are sent. */
  readonly onSent?: () => void;
  /** Told after every simulated minute. */
  readonly onMinute?: (minute: number, facts: DelayedFacts) => void;
}

/** What came; `problems` is empty when each came once, in the step in which it fell due. */
export interface DelayedFacts {
  readonly received: number;
  /** By how much the latest came after its time; at most a step where all is well. */
  readonly latestMs: number;
  readonly problems: readonly string[];
}

interface Valued {
  readonly offset: number;
  readonly value: string;
}

const queue = "delayed";
const hourMs = 3_600_000;
// Small: a whole batch is read for each message that falls due.
const batchRecords = 20;
const batchesPerRequest = 25;

/** Sends all and receives all. */
export async function delayedMessages(
  engine: Engine,
  clock: FakeClock,
  options: DelayedOptions,
): Promise<DelayedFacts> {
  const { messages, seed, stepMs, onMinute } = options;
  await engine.services.topics.create({
    name: queue,
    partitionCount: 1,
    configs: {},
    validateOnly: false,
  });
  await engine.services.queues.put(queue, {});
  const startMs = clock.nowMs();
  await send(engine, { messages, startMs, random: seededRandom(seed) });
  options.onSent?.();
  const problems: string[] = [];
  const seen = new Uint8Array(messages);
  let received = 0;
  let latestMs = 0;
  for (let sinceMs = stepMs; sinceMs <= hourMs + stepMs; sinceMs += stepMs) {
    await clock.run(stepMs);
    for (const { offset, value } of await receiveAll(engine)) {
      received++;
      const dueMs = Number(value) - startMs;
      latestMs = Math.max(latestMs, sinceMs - dueMs);
      if (dueMs > sinceMs) problems.push(`${offset} came at ${sinceMs}, due at ${dueMs}`);
      if (dueMs <= sinceMs - stepMs) problems.push(`${offset} came late at ${sinceMs}`);
      if (seen[offset] === 1) problems.push(`${offset} came twice`);
      seen[offset] = 1;
    }
    if (sinceMs % 60_000 === 0) onMinute?.(sinceMs / 60_000, { received, latestMs, problems });
  }
  return { received, latestMs, problems };
}

async function send(
  engine: Engine,
  how: { readonly messages: number; readonly startMs: number; readonly random: Random },
): Promise<void> {
  let left = how.messages;
  const batch = (): Uint8Array => {
    const count = Math.min(batchRecords, left);
    left -= count;
    const records = Array.from({ length: count }, () => {
      const value = String(how.startMs + 1 + how.random.below(hourMs));
      return { value, headers: [{ key: messageHeaders.deliverAt, value }] };
    });
    return batchOf(records);
  };
  while (left > 0) {
    const count = Math.min(batchesPerRequest, Math.ceil(left / batchRecords));
    // One after the other: a request has one batch a partition.
    const requests = Array.from({ length: count }, () => {
      const partitions = [
        { topic: queue, partition: 0, expectedEndOffset: null, batches: [batch()] },
      ];
      return engine.services.data.produce({ acks: -1, partitions });
    });
    for (const [result] of await Promise.all(requests)) {
      if (result?.error !== null) throw new Error(`not sent: ${result?.error ?? "no answer"}`);
    }
  }
}

/** Receives and acknowledges what is due now. */
async function receiveAll(engine: Engine): Promise<readonly Valued[]> {
  const { queues } = engine.services;
  const all: Valued[] = [];
  for (;;) {
    const request = { queue, max: 1000, maxBytes: 1 << 22, waitMs: 0, leaseMs: null };
    const { ranges, release } = await queues.receive({ ...request, signal: null });
    for (const range of ranges) for (const each of valuesOf(range)) all.push(each);
    release();
    if (ranges.length === 0) return all;
    const receipts = ranges.flatMap(({ firstOffset, lastOffset, partition, deliveries, epoch }) =>
      Array.from({ length: lastOffset - firstOffset + 1 }, (_, at) => {
        return { partition, offset: firstOffset + at, deliveries, epoch };
      }),
    );
    const results = await queues.settle(
      queue,
      receipts.map((receipt) => ({ kind: "ack", receipt })),
    );
    const refused = results.find((error) => error !== null);
    if (refused !== undefined) throw new Error(`an acknowledgement was refused: ${refused}`);
  }
}

function valuesOf(range: ReceivedRange): readonly Valued[] {
  // Far more may have been read than what fell due.
  const records = new FetchedRecords({ ...range, abortedTransactions: [] }, range.firstOffset);
  const values: Valued[] = [];
  while (records.next() && records.cursor.offset <= range.lastOffset) {
    const { bytes, offset, valueStart, valueEnd } = records.cursor;
    values.push({ offset, value: Buffer.from(bytes.subarray(valueStart, valueEnd)).toString() });
    records.take();
  }
  return values;
}
