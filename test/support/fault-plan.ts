// Which call of a disk in memory fails, waits or stops the machine, and when the others take effect.

import { LogError } from "../../src/base/error.ts";
import type { Random } from "../../src/base/random.ts";
import { systemError } from "./memory-tree.ts";

/** What a call does; the name of the method. */
export type OperationKind =
  | "open"
  | "write"
  | "read"
  | "sync"
  | "reserve"
  | "truncate"
  | "size"
  | "map"
  | "populate"
  | "list"
  | "makeDirectory"
  | "rename"
  | "link"
  | "remove"
  | "syncDirectory"
  | "exists"
  | "sizeOf"
  | "freeBytes"
  | "totalBytes"
  | "lock";

/** Calls meant by a plan: of any of these kinds and with a path that matches; absent means any. */
export interface CallPattern {
  readonly kind?: OperationKind | readonly OperationKind[];
  readonly path?: RegExp;
}

/** One planned fault. */
export interface Fault extends CallPattern {
  /** Which matching call is the first to suffer, counted from 1 from now on; 1 when absent. */
  readonly nth?: number;
  /** How many matching calls suffer; 1 when absent. */
  readonly times?: number;
  /**
   * `fail`: KAFKA_STORAGE_ERROR and no effect, a sync loses its bytes. `short`: a write stops half way with
   * KAFKA_STORAGE_ERROR. `full`: DISK_FULL, a write stops half way. `halt-before`, `halt-after`: the machine stops
   * before or after the call took effect; that call and all later ones are refused.
   */
  readonly effect: "fail" | "short" | "full" | "halt-before" | "halt-after";
}

/** A fault in force. */
export interface PlannedFault {
  /** How many calls suffered so far. */
  readonly hits: number;
  /** Ends it. */
  cancel(): void;
}

/** How one call goes. */
export interface Turn {
  /** What to throw; null when all is well. */
  readonly error: LogError | null;
  /** True: a write leaves half of its bytes before it throws. */
  readonly isPartial: boolean;
}

interface Call {
  readonly kind: OperationKind;
  readonly path: string;
}

interface ActiveFault {
  readonly fault: Fault;
  seen: number;
  hits: number;
}

interface Hold {
  readonly pattern: CallPattern;
  readonly released: Promise<void>;
}

/** Faults, holds and the order of effects of one disk. */
export class FaultPlans {
  readonly #schedule: Random | null;
  readonly #latency: ((call: Call) => Promise<void> | null) | null;
  readonly #faults = new Set<ActiveFault>();
  readonly #holds = new Set<Hold>();
  readonly #waiting: (() => void)[] = [];
  #isDead = false;

  /**
   * @param schedule Dice for the order of effects; null keeps the order of calls.
   * @param latency  Asked as each call begins: its effect comes when the promise has resolved; null is at once.
   */
  constructor(
    schedule: Random | null,
    latency: ((call: Call) => Promise<void> | null) | null = null,
  ) {
    this.#schedule = schedule;
    this.#latency = latency;
  }

  /** True when every further call is refused. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** Refuses every further call, those under way included. */
  die(): void {
    this.#isDead = true;
  }

  /** Puts a fault in force. */
  add(fault: Fault): PlannedFault {
    const active: ActiveFault = { fault, seen: 0, hits: 0 };
    this.#faults.add(active);
    return {
      get hits() {
        return active.hits;
      },
      cancel: () => this.#faults.delete(active),
    };
  }

  /** Parks matching calls until the returned function is called. */
  hold(pattern: CallPattern): () => void {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const hold = { pattern, released };
    this.#holds.add(hold);
    return () => {
      this.#holds.delete(hold);
      release();
    };
  }

  /** Runs one call: its fault is drawn now, its effect comes when its turn has come. */
  async take<T>(call: Call, act: (turn: Turn) => T): Promise<T> {
    if (this.#isDead) throw deadDiskError(call);
    const effect = this.#draw(call);
    if (effect === "halt-before") this.die();
    for (const hold of this.#holds) {
      if (matches(hold.pattern, call)) await hold.released;
    }
    const wait = this.#latency?.(call) ?? null;
    if (wait !== null) await wait;
    await this.#turn();
    if (this.#isDead) throw deadDiskError(call);
    if (effect === "halt-after") {
      act({ error: null, isPartial: false });
      this.die();
      throw deadDiskError(call);
    }
    return act(turnFor(effect, call));
  }

  #draw(call: Call): Fault["effect"] | null {
    let drawn: Fault["effect"] | null = null;
    for (const active of this.#faults) {
      if (!matches(active.fault, call)) continue;
      active.seen++;
      const first = active.fault.nth ?? 1;
      if (active.seen < first || active.seen >= first + (active.fault.times ?? 1)) continue;
      active.hits++;
      drawn ??= active.fault.effect;
    }
    return drawn;
  }

  async #turn(): Promise<void> {
    const schedule = this.#schedule;
    if (schedule === null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      setImmediate(() => {
        const [next] = this.#waiting.splice(schedule.below(this.#waiting.length), 1);
        next?.();
      });
    });
  }
}

function turnFor(effect: Fault["effect"] | null, call: Call): Turn {
  if (effect === null) return { error: null, isPartial: false };
  const code = effect === "full" ? "ENOSPC" : "EIO";
  const error = systemError(code, `planned: ${call.kind} of ${call.path} fails`);
  return { error, isPartial: effect === "short" || effect === "full" };
}

function matches(pattern: CallPattern, call: Call): boolean {
  const kinds = pattern.kind;
  const isKind =
    kinds === undefined ||
    (typeof kinds === "string" ? kinds === call.kind : kinds.includes(call.kind));
  return isKind && (pattern.path === undefined || pattern.path.test(call.path));
}

function deadDiskError(call: Call): LogError {
  const detail = `the machine has stopped: ${call.kind} of ${call.path}`;
  return new LogError("KAFKA_STORAGE_ERROR", detail, { facts: { isDeadDisk: true } });
}
