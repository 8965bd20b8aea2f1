// The world of one simulation: a clock, a disk, a network and one server that lives, dies and lives again. All dice are
// drawn from one seed, nothing is real, and the world moves on only when everything in it has come to rest.

import { createHash, type Hash } from "node:crypto";
import { sleep } from "../../src/base/clock.ts";
import { LogError } from "../../src/base/error.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { type Engine, type EngineSettings, openEngine } from "../../src/engine.ts";
import type { Services } from "../../src/services.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk, isDeadDiskError } from "../support/faulty-disk.ts";
import { Coverage } from "./coverage.ts";
import type { EventOf, SimEvent, Times } from "./history.ts";
import { LifeClock } from "./life-clock.ts";
import { witnesses } from "./witnesses.ts";

/** How a call to the server ended. `lost`: nobody knows whether it was done. */
export type Answer<Value> =
  | { readonly kind: "ok"; readonly value: Value }
  | { readonly kind: "error"; readonly code: string; readonly error: LogError }
  | { readonly kind: "lost"; readonly wasSent: boolean };

/** How a server's life ends. */
export type StopHow = EventOf<"stopped">["how"];

type Untimed<Event> = Event extends SimEvent ? Omit<Event, keyof Times> : never;

/** An event before it has its time. */
export type NewEvent = Untimed<SimEvent>;

interface Life {
  readonly clock: LifeClock;
  /** Resolves when it is over. */
  readonly over: Promise<void>;
  readonly end: () => void;
  engine: Engine | null;
}

/** What a world is made of. */
export interface WorldOptions {
  readonly seed: number;
  readonly settings: Partial<EngineSettings>;
  /** Trips of a call that are slow or broken, in a hundred. */
  readonly netPercent: number;
  /** How slow the disk is: most milliseconds of a sync and of any other call; 0 is at once. */
  readonly disk: { readonly syncMsMax: number; readonly otherMsMax: number };
}

const neverAborted = new AbortController().signal;

/** So often may time move on in one simulation; more is a loop without end. */
const stepsMax = 100_000;

/** Longest time that anything may take when the faults are over, in milliseconds of the simulation. */
const patienceMs = 1_800_000;

/** One world. */
export class World {
  readonly clock = new FakeClock();
  readonly coverage = new Coverage();
  readonly history: SimEvent[] = [];
  disk: FaultyDisk;
  /** True: clients end what they have begun and begin nothing new. */
  isEnding = false;
  /** How many calls to the disk the next starts get before the machine stops again, one entry a start. */
  readonly haltsOfStarts: number[] = [];
  readonly #options: WorldOptions;
  readonly #hash: Hash = createHash("sha256");
  #untold = "";
  readonly #net: Random;
  readonly #dice: Random;
  readonly #diskDice: Random;
  #life: Life | null = null;
  // The disk that refuses what it should not; one that comes after a stop is a good one.
  #faulty: FaultyDisk | null = null;
  #ops = 0;
  #lives = 0;
  #isOver = false;
  #isBroken = false;
  #calling = new Map<number, string>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#net = this.dice(1);
    this.#dice = this.dice(2);
    this.#diskDice = this.dice(3);
    this.disk = new FaultyDisk({
      latency: (call) => {
        this.#trace(`${call.kind} ${call.path}\n`);
        return this.#latency(call.kind);
      },
    });
  }

  /** Dice of its own for each part of the world: what one part draws changes nothing for the others. */
  dice(stream: number): Random {
    return seededRandom(Math.imul(this.#options.seed, 0x9e3779b1) ^ Math.imul(stream, 0x85ebca6b));
  }

  /** A digest of every event and every call to the disk so far: same seed, same digest. */
  get traceHash(): string {
    return this.#hash.copy().update(this.#untold).digest("hex").slice(0, 16);
  }

  // Many small updates of a digest cost more than the simulation.
  #trace(text: string): void {
    this.#untold += text;
    if (this.#untold.length < 65_536) return;
    this.#hash.update(this.#untold);
    this.#untold = "";
  }

  /** The server that is up; null while there is none. */
  get services(): Services | null {
    return this.#life?.engine?.services ?? null;
  }

  /** Numbers the lives of the server. */
  get lives(): number {
    return this.#lives;
  }

  /** Wall clock. */
  get nowMs(): number {
    return this.clock.nowMs();
  }

  /** A number for the next call. */
  nextOp(): number {
    return this.#ops++;
  }

  /** Something happened. */
  tell(event: NewEvent): void {
    const ms = Math.floor(this.clock.monotonicMs());
    const whole = { ms, wallMs: this.nowMs, ...event } as SimEvent;
    this.history.push(whole);
    this.#trace(JSON.stringify(whole));
  }

  /** Lets time pass. */
  sleep(ms: number): Promise<void> {
    return sleep(this.clock, ms);
  }

  /**
   * Calls the server over the network: the request or the answer may be slow, or the connection breaks and nobody
   * knows more. What `work` borrowed it must have given back when it resolves.
   */
  async call<Value>(
    name: string,
    work: (services: Services, signal: AbortSignal) => Promise<Value>,
  ): Promise<Answer<Value>> {
    this.coverage.hit(`call ${name}`);
    const life = this.#life;
    const isBad = this.#net.below(100) < this.#options.netPercent;
    const fate = isBad ? this.#net.below(4) : -1;
    if (fate === 0) this.coverage.hit("fault net: slow request");
    if (fate === 0) await this.sleep(1 + this.#net.below(300));
    if (life?.engine == null || life !== this.#life) {
      await this.sleep(5 + this.#net.below(50));
      return { kind: "lost", wasSent: false };
    }
    if (fate === 1) {
      this.coverage.hit("fault net: request lost");
      await this.sleep(1 + this.#net.below(50));
      return { kind: "lost", wasSent: false };
    }
    const answer = await this.#reach({ life, name, work, breaks: fate === 2 });
    if (fate === 3) this.coverage.hit("fault net: slow answer");
    if (fate === 3) await this.sleep(1 + this.#net.below(300));
    if (answer.kind === "error") this.coverage.hit(`error ${answer.code}`);
    return answer;
  }

  async #reach<Value>(trip: {
    readonly life: Life;
    readonly name: string;
    readonly work: (services: Services, signal: AbortSignal) => Promise<Value>;
    readonly breaks: boolean;
  }): Promise<Answer<Value>> {
    const { life, name, work, breaks } = trip;
    const { engine } = life;
    if (engine === null) return { kind: "lost", wasSent: false };
    const connection = work.length > 1 ? new AbortController() : null;
    const lost = { kind: "lost", wasSent: true } as const;
    const number = this.nextOp();
    this.#calling.set(number, name);
    const answered = work(engine.services, connection?.signal ?? neverAborted).then(
      (value): Answer<Value> => ({ kind: "ok", value }),
      (error: unknown): Answer<Value> => this.#refusal(life, name, error),
    );
    const ways: Promise<Answer<Value>>[] = [answered, life.over.then(() => lost)];
    if (breaks) {
      this.coverage.hit("fault net: answer lost");
      const broken = this.sleep(this.#net.below(2) * this.#net.below(40)).then(() => lost);
      ways.unshift(broken);
    }
    const answer = await Promise.race(ways);
    this.#calling.delete(number);
    if (answer.kind === "lost") connection?.abort();
    return answer;
  }

  #refusal(life: Life, name: string, error: unknown): Answer<never> {
    if (isDeadDiskError(error) || life !== this.#life) return { kind: "lost", wasSent: true };
    if (error instanceof LogError) return { kind: "error", code: error.code, error };
    this.broken(`${name} threw ${textOf(error)}`);
    return { kind: "lost", wasSent: true };
  }

  /** The server has done what no server may. */
  broken(what: string): void {
    if (!this.#isOver) this.tell({ type: "broken", what });
    this.#isBroken = true;
  }

  /** Runs the world until the work is done, or until it stands still. */
  async run(work: Promise<void>): Promise<void> {
    let isDone = false;
    let failure: unknown = null;
    work.then(
      () => {
        isDone = true;
      },
      (error: unknown) => {
        failure = error;
        isDone = true;
      },
    );
    let endingSinceMs: number | null = null;
    let steps = 0;
    while (!isDone) {
      await turn();
      if (this.#life !== null && this.disk.isDead) this.#end(this.#life, "power");
      if (isDone) break;
      const nextMs = this.clock.nextTimerMs;
      if (this.isEnding) endingSinceMs ??= this.clock.monotonicMs();
      const isTooLate =
        endingSinceMs !== null && this.clock.monotonicMs() > endingSinceMs + patienceMs;
      const isEndless = ++steps > stepsMax;
      if (nextMs === null || isTooLate || isEndless || this.isBroken) {
        if (!this.isBroken) this.broken(`nothing moves: ${[...this.#calling.values()].join(", ")}`);
        break;
      }
      this.clock.advance(nextMs);
    }
    this.#isOver = true;
    this.#life?.clock.die();
    if (failure !== null) throw failure;
  }

  /** True when the server has done what no server may. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Starts the server, as often as it takes. */
  async start(): Promise<void> {
    for (;;) {
      const random = seededRandom(this.#dice.below(2 ** 31));
      const life = this.#begin();
      const halt = this.haltsOfStarts.shift();
      if (halt !== undefined) this.#haltAt(halt);
      const wasBad = this.isDiskBad;
      const opening = openEngine({
        path: "/data",
        disk: this.disk,
        clock: life.clock,
        random,
        ...witnesses(this.coverage),
        settings: this.#options.settings,
      }).then(
        (engine) => ({ engine, error: null }),
        (error: unknown) => ({ engine: null, error }),
      );
      const outcome = await Promise.race([opening, life.over.then(() => null)]);
      if (outcome === null || this.disk.isDead) {
        this.coverage.hit("state died while starting");
        this.#endIfAlive(life, "power");
        await this.sleep(1);
        continue;
      }
      if (outcome.engine === null) {
        if (!wasBad && !this.isDiskBad)
          this.broken(`the server does not start: ${textOf(outcome.error)}`);
        this.coverage.hit("state start refused by the disk");
        this.#endIfAlive(life, "kill");
        await this.sleep(10);
        continue;
      }
      await this.#checkHealth(life, outcome.engine);
      if (life !== this.#life) continue;
      life.engine = outcome.engine;
      this.#lives++;
      this.tell({ type: "started" });
      return;
    }
  }

  // On a good disk nothing that a stop left may keep any part of the server from working.
  async #checkHealth(life: Life, engine: Engine): Promise<void> {
    const isBad = this.isDiskBad;
    const health = await Promise.race([engine.services.health(), life.over.then(() => null)]);
    if (health === null || isBad || this.isDiskBad || this.disk.isDead) return;
    if (!health.ready) this.broken(`after a start: ${health.problems.join("; ")}`);
  }

  /** True while the disk breaks promises, or has broken some in this life of the server. */
  get isDiskBad(): boolean {
    return this.#faulty === this.disk || this.disk.capacityBytes < Number.POSITIVE_INFINITY;
  }

  /** Resolves when the server that is up, or is starting, is no more. */
  async over(): Promise<void> {
    await this.#life?.over;
  }

  /** Ends the server's life. */
  async stop(how: StopHow): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    if (how === "close") {
      const closing = life.engine?.close().catch((error: unknown) => {
        if (life === this.#life) this.broken(`closing threw ${textOf(error)}`);
      });
      await Promise.race([closing, life.over]);
    }
    this.#endIfAlive(life, how);
  }

  /** The disk breaks a promise now or soon: what the server says of it is no fault of the server's. */
  diskFault(what: string): void {
    this.#faulty = this.disk;
    this.coverage.hit(`fault ${what}`);
    this.tell({ type: "fault", what });
  }

  #begin(): Life {
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const clock = new LifeClock(this.clock);
    const life: Life = { clock, over, end, engine: null };
    this.#life = life;
    return life;
  }

  #haltAt(nth: number): void {
    const effect = this.#dice.below(2) === 0 ? "halt-before" : "halt-after";
    this.disk.plan({ nth, effect });
  }

  #endIfAlive(life: Life, how: StopHow): void {
    if (this.#life === life) this.#end(life, how);
  }

  #end(life: Life, how: StopHow): void {
    this.#life = null;
    life.clock.die();
    // An orderly stop leaves a machine that runs on: its page cache is there, and so are its files.
    if (how === "power") this.disk = this.disk.crash(this.#diskDice);
    else this.disk = this.disk.kill();
    this.coverage.hit(`state stopped by ${how}`);
    this.tell({ type: "stopped", how });
    life.end();
  }

  #latency(kind: string): Promise<void> | null {
    const { syncMsMax, otherMsMax } = this.#options.disk;
    const most = kind === "sync" || kind === "syncDirectory" ? syncMsMax : otherMsMax;
    if (most === 0) return null;
    const ms = this.#diskDice.below(most + 1);
    return ms === 0 ? null : this.sleep(ms);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
