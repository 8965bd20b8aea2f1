import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Coordinator } from "../../src/coordinator/coordinator.ts";
import type { Command, EncodedEvent, StateMachine } from "../../src/coordinator/state-machine.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

interface Put {
  readonly key: string;
  readonly value: string | null;
}

/** Names with texts, the least state there is. */
class TextMachine implements StateMachine<Put> {
  readonly texts = new Map<string, string>();
  readonly appliedAtMs: number[] = [];

  put(key: string, value: string | null): Command<Put, string | null> {
    return () => ({ events: [{ key, value }], reply: this.texts.get(key) ?? null });
  }

  apply({ key, value }: Put, timestampMs: number): void {
    this.appliedAtMs.push(timestampMs);
    if (value === null) this.texts.delete(key);
    else this.texts.set(key, value);
  }

  encode({ key, value }: Put): EncodedEvent {
    return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value) };
  }

  decode(key: Uint8Array, value: Uint8Array | null): Put | null {
    const name = Buffer.from(key).toString();
    if (name.startsWith("new:")) return null;
    if (name.startsWith("bad:")) throw new Error("cannot be read");
    return { key: name, value: value === null ? null : Buffer.from(value).toString() };
  }

  *snapshot(): Iterable<Put> {
    for (const [key, value] of this.texts) yield { key, value };
  }

  clear(): void {
    this.texts.clear();
  }
}

async function openOn(log: MemoryStateLog, snapshotGrowthBytes: number | null = null) {
  const clock = new FakeClock();
  const machine = new TextMachine();
  const loads: number[] = [];
  const failures: string[] = [];
  const coordinator = await Coordinator.open<Put>({
    name: "texts",
    machine,
    log,
    clock,
    logger: silentLogger,
    snapshotGrowthBytes,
    onLoaded: () => loads.push(machine.texts.size),
    onFailed: () => failures.push(coordinator.state),
  });
  return { clock, machine, coordinator, loads, failures };
}

async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = "waiting";
  promise.then(
    () => (state = "resolved"),
    (error: unknown) => (state = error instanceof LogError ? error.code : String(error)),
  );
  await settle();
  return state;
}

const diskFull = new LogError("DISK_FULL", "no room");
const broken = new LogError("KAFKA_STORAGE_ERROR", "sync failed");

describe("coordinator: commands", () => {
  test("run: decided, appended and applied before it returns; answered when durable", async () => {
    const log = new MemoryStateLog();
    log.autoSync = false;
    const { coordinator, machine, clock } = await openOn(log);
    const reply = coordinator.run(machine.put("a", "1"));
    expect(machine.texts.get("a")).toBe("1");
    expect(machine.appliedAtMs).toEqual([clock.nowMs()]);
    expect(log.events.length).toBe(1);
    expect(await stateOf(reply)).toBe("waiting");
    log.sync();
    expect(await reply).toBe(null);
  });

  test("a query: waits for what it has seen, and not for what came later", async () => {
    const log = new MemoryStateLog();
    log.autoSync = false;
    const { coordinator, machine } = await openOn(log);
    void coordinator.run(machine.put("a", "1"));
    const seen = coordinator.query(() => machine.texts.get("a"));
    void coordinator.run(machine.put("a", "2"));
    expect(await stateOf(seen)).toBe("waiting");
    log.sync(1);
    expect(await seen).toBe("1");
  });

  test("a decision that is an error: waits as well, then throws it", async () => {
    const log = new MemoryStateLog();
    log.autoSync = false;
    const { coordinator, machine } = await openOn(log);
    void coordinator.run(machine.put("a", "1"));
    const refused = coordinator.run(() => ({
      events: [],
      reply: new LogError("TOPIC_ALREADY_EXISTS", "a exists"),
    }));
    expect(await stateOf(refused)).toBe("waiting");
    log.sync();
    expect(await stateOf(refused)).toBe("TOPIC_ALREADY_EXISTS");
  });

  test("a refused append: changes nothing; the next command is taken", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine } = await openOn(log);
    log.refusal = new LogError("SERVER_OVERLOADED", "queue full");
    const refused = coordinator.run(machine.put("a", "1"));
    expect(await stateOf(refused)).toBe("SERVER_OVERLOADED");
    expect(machine.texts.size).toBe(0);
    log.refusal = null;
    await coordinator.run(machine.put("a", "2"));
    expect(machine.texts.get("a")).toBe("2");
  });

  test("closing: answers what was taken, refuses the rest", async () => {
    const log = new MemoryStateLog();
    log.autoSync = false;
    const { coordinator, machine } = await openOn(log);
    const reply = coordinator.run(machine.put("a", "1"));
    const closed = coordinator.close();
    expect(await stateOf(closed)).toBe("waiting");
    log.sync();
    await closed;
    await reply;
    expect(await stateOf(coordinator.run(machine.put("b", "1")))).toBe("COORDINATOR_NOT_AVAILABLE");
  });
});

describe("coordinator: failures", () => {
  test("a failed sync: those waiting and all later commands are refused", async () => {
    const log = new MemoryStateLog();
    log.autoSync = false;
    const { coordinator, machine, failures } = await openOn(log);
    const first = coordinator.run(machine.put("a", "1"));
    const query = coordinator.query(() => machine.texts.get("a"));
    const states = [stateOf(first), stateOf(query)];
    log.fail(broken);
    expect(await Promise.all(states)).toEqual(
      Array.from({ length: 2 }, () => "COORDINATOR_NOT_AVAILABLE"),
    );
    const late = coordinator.query(() => machine.texts.get("a"));
    expect(await stateOf(late)).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(coordinator.state).toBe("failed");
    expect(failures).toEqual(["failed"]);
  });

  test("no room: what was not kept is undone, and later commands are taken", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine, loads } = await openOn(log);
    await coordinator.run(machine.put("a", "1"));
    log.autoSync = false;
    const lost = [coordinator.run(machine.put("a", "2")), coordinator.run(machine.put("b", "1"))];
    const lostStates = lost.map(stateOf);
    log.fail(diskFull);
    // The log has taken the offsets back, the coordinator has not heard of it: nothing may be built on what is lost.
    const early = coordinator.run(machine.put("c", "1"));
    expect(await stateOf(early)).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    expect(await Promise.all(lostStates)).toEqual(["DISK_FULL", "DISK_FULL"]);
    expect([...machine.texts]).toEqual([["a", "1"]]);
    expect(loads).toEqual([0, 1]);
    log.autoSync = true;
    await coordinator.run(machine.put("b", "2"));
    const again = await openOn(log);
    expect([...again.machine.texts]).toEqual([...machine.texts]);
  });

  test("no room for what is run after a reading: the log is not read without a pause", async () => {
    const log = new MemoryStateLog();
    const { clock, coordinator, machine, loads } = await openOn(log);
    log.autoSync = false;
    let tries = 0;
    const tryOn = (): void => {
      if (loads.length === tries) return;
      tries = loads.length;
      coordinator.run(machine.put("a", "1")).catch(() => undefined);
      log.fail(new LogError("DISK_FULL", "no room"));
    };
    for (let turn = 0; turn < 50; turn++) {
      tryOn();
      await settle(1);
    }
    expect(loads.length).toBe(2);
    await clock.run(1000);
    expect(loads.length).toBe(3);
    tryOn();
    await settle();
    expect(coordinator.state).toBe("loading");
    await coordinator.close();
    expect(coordinator.state).toBe("closed");
    expect(loads.length).toBe(3);
  });

  test("opening: the state is what the events say, at their own times", async () => {
    const log = new MemoryStateLog();
    const first = await openOn(log);
    await first.coordinator.run(first.machine.put("a", "1"));
    first.clock.advance(500);
    await first.coordinator.run(first.machine.put("a", null));
    await first.coordinator.run(first.machine.put("b", "2"));
    const second = await openOn(log);
    expect([...second.machine.texts]).toEqual([["b", "2"]]);
    expect(second.machine.appliedAtMs).toEqual(first.machine.appliedAtMs);
  });

  test("opening: an event that cannot be read: refused, naming its offset", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine } = await openOn(log);
    await coordinator.run(machine.put("a", "1"));
    await coordinator.run(machine.put("bad:", "1"));
    await expect(openOn(log)).rejects.toThrow(/offset 1/);
  });
});

describe("coordinator: schedule", () => {
  test("a scheduled command: runs when due, once; the last set under a key counts", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine, clock } = await openOn(log);
    coordinator.schedule("k", 100, machine.put("a", "early"));
    coordinator.schedule("k", 200, machine.put("a", "late"));
    await clock.run(199);
    expect(machine.texts.size).toBe(0);
    await clock.run(1000);
    expect(machine.texts.get("a")).toBe("late");
    expect(log.events.length).toBe(1);
  });

  test("a scheduled command that is refused for now: runs later", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine, clock } = await openOn(log);
    coordinator.schedule("k", 100, machine.put("a", "1"));
    log.refusal = new LogError("SERVER_OVERLOADED", "queue full");
    await clock.run(150);
    expect(machine.texts.size).toBe(0);
    log.refusal = null;
    await clock.run(2000);
    expect(machine.texts.get("a")).toBe("1");
  });

  test("the state is read again: what was scheduled on the lost one is forgotten", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine, clock } = await openOn(log);
    log.autoSync = false;
    coordinator.schedule("k", 100, machine.put("late", "1"));
    const lost = stateOf(coordinator.run(machine.put("a", "1")));
    log.fail(diskFull);
    expect(await lost).toBe("DISK_FULL");
    expect(coordinator.state).toBe("ready");
    expect(coordinator.isScheduled("k")).toBe(false);
    log.autoSync = true;
    await clock.run(1000);
    expect(machine.texts.size).toBe(0);
  });

  test("after close: nothing scheduled runs", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine, clock } = await openOn(log);
    coordinator.schedule("k", 100, machine.put("a", "1"));
    await coordinator.close();
    await clock.run(1000);
    expect(log.events.length).toBe(0);
    expect(clock.timerCount).toBe(0);
  });
});

describe("coordinator: snapshots", () => {
  const value = "x".repeat(900);

  async function fill(count: number, growthBytes: number) {
    const log = new MemoryStateLog();
    const opened = await openOn(log, growthBytes);
    for (let index = 0; index < count; index++) {
      await opened.coordinator.run(opened.machine.put(`k${index % 10}`, `${index} ${value}`));
    }
    await settle();
    return { log, ...opened };
  }

  test("growth: the log is trimmed to the snapshot and holds the same state", async () => {
    const { log, machine } = await fill(1000, 20_000);
    expect(log.trimCount).toBeGreaterThan(10);
    expect(log.sizeBytes).toBeLessThan(3 * 20_000 + 2 * 10_000);
    const again = await openOn(log);
    expect(new Map(again.machine.texts)).toEqual(machine.texts);
  });

  test("commands between slices: the replayed state is the live one, at any crash", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine } = await openOn(log, 500_000);
    for (let index = 0; index < 560; index++) {
      await coordinator.run(machine.put(`k${index}`, `${index} ${value}`));
    }
    // The snapshot has begun: its slices now wait for the test to sync them.
    log.autoSync = false;
    const live: ReadonlyMap<string, string>[] = [];
    const replies: Promise<unknown>[] = [];
    for (let round = 0; round < 8; round++) {
      replies.push(coordinator.run(machine.put(`k${round}`, null)));
      replies.push(coordinator.run(machine.put(`k${559 - round}`, `changed ${round}`)));
      replies.push(coordinator.run(machine.put(`new${round}`, "added")));
      const crashed = await openOn(log.afterCrash(1000));
      expect(new Map(crashed.machine.texts)).toEqual(machine.texts);
      live.push(new Map(machine.texts));
      log.sync();
      await settle();
      const restarted = await openOn(log.afterCrash());
      expect(new Map(restarted.machine.texts)).toEqual(live.at(-1));
    }
    await Promise.all(replies);
    expect(log.trimCount).toBeGreaterThan(0);
    const firstLeft = log.events[0]?.offset ?? 0;
    expect(firstLeft).toBeGreaterThan(500);
  });

  test("events of a newer version: skipped, and never trimmed away", async () => {
    const { log, coordinator, machine } = await fill(1, 1_000_000);
    await coordinator.run(machine.put("new:", "from the future"));
    const older = await openOn(log, 2000);
    expect(older.machine.texts.has("new:")).toBe(false);
    for (let index = 0; index < 20; index++) {
      await older.coordinator.run(older.machine.put("k", value));
    }
    await settle();
    expect(log.trimCount).toBe(0);
    expect(log.events.some((event) => Buffer.from(event.key).toString() === "new:")).toBe(true);
  });

  test("a snapshot that fails half way: nothing is trimmed, a later one succeeds", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine } = await openOn(log, 300_000);
    log.autoSync = false;
    const replies: Promise<unknown>[] = [];
    for (let index = 0; index < 400; index++) {
      replies.push(coordinator.run(machine.put(`k${index}`, value)).catch(() => undefined));
    }
    log.sync();
    await settle();
    log.fail(diskFull);
    await settle();
    expect(log.trimCount).toBe(0);
    log.autoSync = true;
    for (let index = 0; index < 800; index++) {
      await coordinator.run(machine.put(`k${index % 400}`, value));
    }
    await settle(20);
    expect(log.trimCount).toBeGreaterThan(0);
    const again = await openOn(log);
    expect(new Map(again.machine.texts)).toEqual(machine.texts);
  });

  test("no room for a snapshot: the command that set it off is durable, and is told so", async () => {
    const log = new MemoryStateLog();
    const { coordinator, machine } = await openOn(log, 500);
    log.autoSync = false;
    const reply = stateOf(coordinator.run(machine.put("a", value)));
    log.sync(1);
    log.fail(diskFull);
    expect(await reply).toBe("resolved");
    await settle();
    expect([...machine.texts.keys()]).toEqual(["a"]);
  });
});
