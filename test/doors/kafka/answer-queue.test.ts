import { expect, test } from "vitest";
import { AnswerQueue, type AnswerSlot } from "../../../src/doors/kafka/answer-queue.ts";

interface Sink {
  readonly queue: AnswerQueue;
  /** Texts of each write. */
  readonly writes: string[];
  /** Sizes of each write. */
  readonly sizes: number[];
  /** Ends the write under way. */
  written(): void;
  progress: number;
}

function makeQueue(): Sink {
  const callbacks: (() => void)[] = [];
  const sink: Sink = {
    queue: new AnswerQueue({
      write: (pieces, onWritten) => {
        const bytes = Buffer.concat(pieces);
        sink.writes.push(bytes.toString("latin1", 0, 10));
        sink.sizes.push(bytes.length);
        callbacks.push(onWritten);
      },
      onProgress: () => {
        sink.progress++;
      },
    }),
    writes: [],
    sizes: [],
    written: () => callbacks.shift()?.(),
    progress: 0,
  };
  return sink;
}

function fill(slot: AnswerSlot, text: string): void {
  const bytes = Buffer.from(text);
  slot.fill({ chunks: [bytes], bytes: bytes.length });
}

test("order: answers that are ready early: leave after those before them, together", () => {
  const { queue, writes } = makeQueue();
  const [one, two, three] = [queue.open(null), queue.open(null), queue.open(null)];
  fill(three, "3");
  fill(two, "2");
  expect(writes).toEqual([]);
  expect(queue.length).toBe(3);
  expect(queue.unsentBytes).toBe(2);
  fill(one, "1");
  expect(writes).toEqual(["123"]);
  expect(queue.length).toBe(0);
  expect(queue.isWriting).toBe(true);
});

test("order: a request without an answer: lets those behind it pass", () => {
  const { queue, writes } = makeQueue();
  const [one, two] = [queue.open(null), queue.open(null)];
  fill(two, "2");
  one.fill(null);
  expect(writes).toEqual(["2"]);
});

test("writing: what gets ready meanwhile: goes out together once the write before it has left", () => {
  const { queue, writes, written } = makeQueue();
  const slots = [1, 2, 3].map(() => queue.open(null));
  for (const [index, slot] of slots.entries()) fill(slot, String(index));
  expect(writes).toEqual(["0"]);
  written();
  expect(writes).toEqual(["0", "12"]);
});

test("sent: is told when the last byte has left, not when it was handed over", () => {
  const sink = makeQueue();
  const told: string[] = [];
  const slot = sink.queue.open(null);
  slot.afterSent(() => told.push("sent"));
  fill(slot, "x");
  expect(told).toEqual([]);
  sink.written();
  expect(told).toEqual(["sent"]);
  expect(sink.progress).toBe(1);
});

test("a large answer: leaves in pieces, each after the one before it", () => {
  const { queue, sizes, written } = makeQueue();
  const slot = queue.open(null);
  slot.fill({ chunks: [Buffer.alloc(1_000_000), Buffer.alloc(100_000)], bytes: 1_100_000 });
  expect(sizes).toEqual([524_288]);
  expect(queue.unsentBytes).toBe(1_100_000 - 524_288);
  written();
  written();
  expect(sizes).toEqual([524_288, 524_288, 1_100_000 - 2 * 524_288]);
  expect(queue.unsentBytes).toBe(0);
});

test("in turn: a request begins when the answers before it have left, and those behind it do not wait", () => {
  const { queue, writes, written } = makeQueue();
  const begun: string[] = [];
  const first = queue.open(null);
  const slot = queue.open(() => begun.push("second"));
  const third = queue.open(null);
  fill(third, "3");
  fill(first, "1");
  expect(begun).toEqual([]);
  written();
  expect(begun).toEqual(["second"]);
  fill(slot, "2");
  expect(writes).toEqual(["1", "23"]);
});

test("in turn: with nothing before it a request begins at once", () => {
  const { queue } = makeQueue();
  const begun: AnswerSlot[] = [];
  queue.open((slot) => begun.push(slot));
  expect(begun).toHaveLength(1);
});

test("closed: everybody who waits is told once; what runs is told when it ends; nothing begins", () => {
  const { queue, writes, written } = makeQueue();
  const told: string[] = [];
  const slots = ["leaving", "ready", "running"].map((name) => {
    const slot = queue.open(null);
    slot.afterSent(() => told.push(name));
    return slot;
  });
  const late = queue.open(() => told.push("begun"));
  late.afterSent(() => told.push("never begun"));
  const [leaving, ready, running] = slots;
  if (leaving === undefined || ready === undefined || running === undefined) throw new Error();
  fill(leaving, "1");
  fill(ready, "2");
  queue.close();
  expect([...told].sort()).toEqual(["leaving", "never begun", "ready"]);
  fill(running, "3");
  expect([...told].sort()).toEqual(["leaving", "never begun", "ready", "running"]);
  written();
  queue.close();
  expect(told).toHaveLength(4);
  expect(writes).toEqual(["1"]);
});
