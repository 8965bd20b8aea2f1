// One cell of the comparison: so many workers with batches of one size, until a queue is empty.

import { setMaxListeners } from "node:events";
import { type Contestant, named } from "./contestant.ts";

/** A load: workers, the messages that each has at once, and how many lie in the queue. */
export interface Load {
  readonly workers: number;
  readonly batch: number;
  readonly messages: number;
}

// A server that is slow, or that loses a message, is measured by what it settled until then.
const timeLimitMs = 15_000;
const roundsPerWorkerMax = 500;
const roundsPerWorkerMin = 5;

/** One worker and twenty, with batches of 1, 10 and 100, on queues of `messages` where that makes some rounds. */
export function loads(messages: number): readonly Load[] {
  return [1, 20].flatMap((workers) =>
    [1, 10, 100].map((batch) => {
      const round = workers * batch;
      const most = Math.min(messages, round * roundsPerWorkerMax);
      return { workers, batch, messages: Math.max(most, round * roundsPerWorkerMin) };
    }),
  );
}

/** `20 workers, batches of 10`. */
export function nameOf({ workers, batch }: Load): string {
  return `${workers} worker${workers === 1 ? "" : "s"}, batches of ${batch}`;
}

let queues = 0;

/**
 * Messages received and settled a second. Connecting does not count: the time begins with the first round. The last
 * round does not count either: batches are not full any more.
 *
 * @throws Error that names the server when it fails, or settles too little to measure.
 */
export async function settledPerSecond(server: Contestant, load: Load): Promise<number> {
  const { name } = server;
  const { workers, batch, messages } = load;
  const queue = `bench-${++queues}`;
  const ended = new AbortController();
  // Every worker listens, and every call of some.
  setMaxListeners(0, ended.signal);
  let settled = 0;
  let first: { readonly count: number; readonly atMs: number } | null = null;
  let lastMs = 0;
  const note = (count: number): void => {
    if (ended.signal.aborted || count === 0) return;
    settled += count;
    lastMs = performance.now();
    first ??= { count: settled, atMs: lastMs };
    if (settled >= messages - workers * batch) ended.abort();
  };
  const work = { workers, batch, settled: note, signal: ended.signal };
  await named(name, "filling a queue", server.fill(queue, messages));
  const limit = setTimeout(() => {
    ended.abort();
  }, timeLimitMs);
  try {
    await named(name, nameOf(load), server.drain(queue, work));
  } finally {
    clearTimeout(limit);
    await named(name, "removing a queue", server.drop(queue));
  }
  const began = first as { readonly count: number; readonly atMs: number } | null;
  if (began === null || lastMs <= began.atMs) {
    const detail = `only ${settled} of ${messages} messages were settled in ${timeLimitMs} ms`;
    throw new Error(`${name}, ${nameOf(load)}: ${detail}`);
  }
  return ((settled - began.count) / (lastMs - began.atMs)) * 1000;
}
