import { describe, expect, test } from "vitest";
import { FetchWaiter } from "../../src/broker/fetch-waiter.ts";
import type { Partition } from "../../src/broker/partition.ts";
import { type Waiter, WaiterSet } from "../../src/broker/waiters.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";

/** As much of a partition as a waiter looks at. */
class StubPartition {
  readonly waiters = new WaiterSet();
  #bytes = 0;
  isLive = true;

  addWaiter(waiter: Waiter): void {
    this.waiters.add(waiter);
  }

  removeWaiter(waiter: Waiter): void {
    this.waiters.remove(waiter);
  }

  readableBytes(): number {
    return this.#bytes;
  }

  advance(bytes: number): void {
    this.#bytes += bytes;
    this.waiters.notifyAll();
  }
}

function setUp(wakeAtBytes: number) {
  const clock = new FakeClock();
  const stubs = [new StubPartition(), new StubPartition()] as const;
  const partitions = stubs as unknown as readonly Partition[];
  const waiter = new FetchWaiter({
    clock,
    partitions,
    isolation: "read_uncommitted",
    waitMs: 500,
    wakeAtBytes,
  });
  return { clock, stubs, waiter };
}

async function isDone(wait: Promise<void>): Promise<boolean> {
  let done = false;
  void wait.then(() => {
    done = true;
  });
  await settle();
  return done;
}

describe("fetch waiter", () => {
  test("bytes over all partitions: wakes at the sum and leaves nothing behind", async () => {
    const { clock, stubs, waiter } = setUp(100);
    const wait = waiter.wait(null);
    stubs[0].advance(60);
    expect(await isDone(wait)).toBe(false);
    stubs[1].advance(40);
    expect(await isDone(wait)).toBe(true);
    expect(stubs.map((stub) => stub.waiters.count)).toEqual([0, 0]);
    expect(clock.timerCount).toBe(0);
  });

  test("enough before it began to wait: does not wait", async () => {
    const { stubs, waiter } = setUp(100);
    stubs[0].advance(100);
    expect(await isDone(waiter.wait(null))).toBe(true);
  });

  test("nothing comes: wakes at the deadline and not before", async () => {
    const { clock, waiter } = setUp(1);
    const wait = waiter.wait(null);
    clock.advance(499);
    expect(await isDone(wait)).toBe(false);
    clock.advance(1);
    expect(await isDone(wait)).toBe(true);
  });

  test("a topic is deleted: wakes", async () => {
    const { stubs, waiter } = setUp(100);
    const wait = waiter.wait(null);
    stubs[1].isLive = false;
    stubs[1].advance(0);
    expect(await isDone(wait)).toBe(true);
  });

  test("the client goes, before or during: wakes, and nothing stays behind", async () => {
    for (const aborts of ["before", "during"]) {
      const { clock, stubs, waiter } = setUp(100);
      const controller = new AbortController();
      if (aborts === "before") controller.abort();
      const wait = waiter.wait(controller.signal);
      if (aborts === "during") controller.abort();
      expect(await isDone(wait)).toBe(true);
      expect(stubs[0].waiters.count).toBe(0);
      expect(clock.timerCount).toBe(0);
    }
  });
});
