import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Checkpointer, type CheckpointStore } from "../../src/broker/checkpointer.ts";
import type { Log } from "../../src/log/log.ts";
import type { LogCheckpoint } from "../../src/log/log-types.ts";
import { FakeClock } from "../support/fake-clock.ts";

function entry(recoveryPoint: number): LogCheckpoint {
  return { recoveryPoint, logStartOffset: 0, segmentBase: 0, position: recoveryPoint };
}

function logAt(state: { recoveryPoint: number }): Log {
  return { checkpoint: () => entry(state.recoveryPoint) } as Log;
}

/** Forgets what was found once something was written, as the data directory does. */
class MemoryStore implements CheckpointStore {
  found: Map<string, LogCheckpoint>;
  written: Map<string, LogCheckpoint>[] = [];
  failure: LogError | null = null;

  constructor(found: Record<string, LogCheckpoint> = {}) {
    this.found = new Map(Object.entries(found));
  }

  checkpointOf(name: string): LogCheckpoint | null {
    return this.found.get(name) ?? null;
  }

  async writeCheckpoint(entries: ReadonlyMap<string, LogCheckpoint>): Promise<void> {
    await Promise.resolve();
    if (this.failure !== null) throw this.failure;
    this.found = new Map();
    this.written.push(new Map(entries));
  }
}

function checkpointerOf(store: MemoryStore, clock = new FakeClock()): Checkpointer {
  const directoryNames = [...store.found.keys()];
  return new Checkpointer({ store, clock, logger: silentLogger, intervalMs: 1000, directoryNames });
}

describe("checkpointer", () => {
  test("logs not opened yet: keep their entry through every write", async () => {
    const store = new MemoryStore({ "a-0": entry(1), "b-0": entry(2) });
    const checkpointer = checkpointerOf(store);
    checkpointer.add("a-0", logAt({ recoveryPoint: 10 }));
    await checkpointer.write();
    expect(Object.fromEntries(store.written[0] ?? [])).toEqual({
      "a-0": entry(10),
      "b-0": entry(2),
    });
    expect(checkpointer.entryOf("b-0")).toEqual(entry(2));
  });

  test("a removed log: is in no later checkpoint, known as stored until then", async () => {
    const store = new MemoryStore({ "a-0": entry(1) });
    const checkpointer = checkpointerOf(store);
    expect(checkpointer.hasStored("a-0")).toBe(true);
    checkpointer.remove("a-0");
    expect(checkpointer.hasStored("a-0")).toBe(true);
    await checkpointer.write();
    expect(checkpointer.hasStored("a-0")).toBe(false);
    expect(store.written[0]?.size).toBe(0);
  });

  test("a checkpoint whose writing failed: may be there all the same", async () => {
    const store = new MemoryStore();
    const checkpointer = checkpointerOf(store);
    await checkpointer.write();
    checkpointer.add("a-0", logAt({ recoveryPoint: 10 }));
    store.writeCheckpoint = () => Promise.reject(new Error("its name was not synced"));
    await expect(checkpointer.write()).rejects.toThrow(/not synced/);
    checkpointer.remove("a-0");
    expect(checkpointer.hasStored("a-0")).toBe(true);
  });

  test("a checkpoint that is being written: its names count, until a later one is there", async () => {
    const store = new MemoryStore();
    const checkpointer = checkpointerOf(store);
    const ends: (() => void)[] = [];
    store.writeCheckpoint = () => new Promise((resolve) => ends.push(resolve));
    checkpointer.add("a-0", logAt({ recoveryPoint: 10 }));
    const first = checkpointer.write();
    checkpointer.remove("a-0");
    const second = checkpointer.write();
    expect(checkpointer.hasStored("a-0")).toBe(true);
    ends[0]?.();
    await first;
    expect(checkpointer.hasStored("a-0")).toBe(true);
    ends[1]?.();
    await second;
    expect(checkpointer.hasStored("a-0")).toBe(false);
  });

  test("many changes: one checkpoint an interval, with the facts of that moment", async () => {
    const store = new MemoryStore();
    const clock = new FakeClock();
    const checkpointer = checkpointerOf(store, clock);
    const state = { recoveryPoint: 1 };
    checkpointer.add("a-0", logAt(state));
    for (let change = 0; change < 5; change++) checkpointer.touch();
    state.recoveryPoint = 7;
    await clock.run(999);
    expect(store.written).toEqual([]);
    await clock.run(1);
    expect(store.written).toEqual([new Map([["a-0", entry(7)]])]);
    await clock.run(5000);
    expect(store.written.length).toBe(1);
  });

  test("a write that fails: rejects, is remembered as a problem until one succeeds", async () => {
    const store = new MemoryStore();
    const checkpointer = checkpointerOf(store);
    store.failure = new LogError("DISK_FULL", "full");
    await expect(checkpointer.write()).rejects.toThrow("full");
    expect(checkpointer.failure).toBe(store.failure);
    store.failure = null;
    await checkpointer.write();
    expect(checkpointer.failure).toBeNull();
  });

  test("closed: nothing is written unasked", async () => {
    const store = new MemoryStore();
    const clock = new FakeClock();
    const checkpointer = checkpointerOf(store, clock);
    checkpointer.touch();
    checkpointer.close();
    checkpointer.touch();
    await clock.run(5000);
    expect(store.written).toEqual([]);
    expect(clock.timerCount).toBe(0);
  });
});
