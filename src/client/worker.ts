// Works through a queue: receives, runs a handler for each message with bounded concurrency, keeps leases up, and
// settles. At least once: a message whose lease was lost, or whose worker died, is delivered again.

import type { Clock } from "../base/clock.ts";
import { hasCode, invalidArgument, VarveError } from "./errors.ts";
import { type Answer, answerToError, givenBack, isDelay } from "./handling.ts";
import { HeldMessage } from "./held-message.ts";
import type { QueueMessage } from "./messages.ts";
import { Pacer } from "./pacer.ts";
import type { QueuesClient, SettleRequest, SettleResult } from "./queues-client.ts";
import { asReplyError, isPassing, lost, Settler } from "./settler.ts";

/** What a handler is given besides its message. */
export interface HandlerContext {
  /**
   * Aborted when the message is not this worker's any more: its lease was lost, or the worker's time to stop is up.
   * Whatever the handler does then, the message is or will be delivered again.
   */
  readonly signal: AbortSignal;
}

/**
 * Handles one message. Returning acknowledges it; throwing has it delivered again, by the queue's backoff or after the
 * error's `delayMs` (`RetryLater`); throwing a `Rejection` gives it up at once.
 */
export type MessageHandler = (message: QueueMessage, context: HandlerContext) => unknown;

/** Something that went wrong while a worker worked; it goes on unless `run` rejects. */
export interface WorkerFailure {
  /** `lease`: the message is not held any more and will be delivered again. */
  readonly stage: "receive" | "handler" | "settle" | "lease";
  readonly error: unknown;
  /** With `handler` and `lease`: the message it is about. */
  readonly message: QueueMessage | null;
}

/** What a worker has done so far, in messages. */
export interface WorkerCounts {
  readonly received: number;
  readonly acked: number;
  readonly nacked: number;
  readonly rejected: number;
  /** Not settled: the lease was over, or the answer could not be brought to the server. */
  readonly lost: number;
}

/** A worker; all but queue and handler may be left out. */
export interface WorkerOptions {
  readonly queue: string;
  readonly handler: MessageHandler;
  /** Handlers that run at once. Default 1. */
  readonly concurrency?: number;
  /** Lease of each message, extended as long as it is held. Default: the queue's as it is when the worker starts. */
  readonly leaseMs?: number;
  /**
   * Messages in one receive at most. Default `concurrency`. With more, those beyond it wait here for their turn, which
   * spares short handlers the way to the server.
   */
  readonly batch?: number;
  /** How long the server may hold a receive that finds nothing, 100 to 60,000. Default 20,000. */
  readonly waitMs?: number;
  /** Until the next delivery of a message whose handler threw; null for the queue's backoff, which is the default. */
  readonly backoff?: number | ((message: QueueMessage, error: unknown) => number | null);
  /** Hears of everything that goes wrong, handlers' errors included. */
  readonly onFailure?: (failure: WorkerFailure) => void;
  /** Stops the worker, as `stop()` does. */
  readonly signal?: AbortSignal | null;
}

/** What a worker works with. */
export interface WorkerContext {
  readonly queues: QueuesClient;
  readonly clock: Clock;
  /** Called when the worker has ended. */
  readonly onClosed: () => void;
}

// What one receive may ask for.
const receiveMax = 1_000;
// Answers that wait because the server does not take them, in multiples of what is held at once: to work on beyond that
// would be for messages whose leases end meanwhile.
const unsettledShare = 4;

/** A worker on one queue. `run` it, or `start` and `stop` it; it works once. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #context: WorkerContext;
  readonly #concurrency: number;
  readonly #batch: number;
  readonly #settler: Settler;
  readonly #stop = new AbortController();
  readonly #ready: HeldMessage[] = [];
  readonly #running = new Set<HeldMessage>();
  readonly #counts = { received: 0, acked: 0, nacked: 0, rejected: 0, lost: 0 };
  #leaseMs: number | null;
  #ending: Promise<void> | null = null;
  #wake: (() => void) | null = null;
  #isHurried = false;
  /** Messages that calls under way have asked for. */
  #asked = 0;

  /** @param options The work; @param context The worker's surroundings. @throws INVALID_REQUEST */
  constructor(options: WorkerOptions, context: WorkerContext) {
    this.#options = options;
    this.#context = context;
    this.#concurrency = atLeastOne("concurrency", options.concurrency ?? 1);
    this.#batch = atLeastOne("batch", options.batch ?? this.#concurrency);
    this.#leaseMs = options.leaseMs === undefined ? null : atLeastOne("leaseMs", options.leaseMs);
    this.#settler = new Settler({
      clock: context.clock,
      settle: (request, signal) => this.#settle(request, signal),
      onSettled: (held, answer) => this.#settled(held, answer),
      onLost: (held, error) => this.#lost(held, error),
      onFailure: (error) => this.#report({ stage: "settle", error, message: null }),
    });
  }

  /** What was done so far. */
  get counts(): WorkerCounts {
    return { ...this.#counts };
  }

  /** Starts working; harmless when it has. Failures are told to `onFailure` alone. */
  start(): void {
    this.#begin().catch(() => undefined);
  }

  /**
   * Works until it is stopped.
   *
   * @throws what `onFailure` was told last, when it cannot go on: QUEUE_NOT_FOUND, INVALID_REQUEST, CLIENT_CLOSED
   */
  run(): Promise<void> {
    return this.#begin();
  }

  /**
   * Receives nothing more, lets running handlers finish, gives back what was not begun, and resolves when all is
   * settled. Never rejects.
   *
   * @param options With `deadlineMs`, handlers that still run after that time have their signals aborted and their
   *                messages given back, and answers are sent once more at most.
   */
  async stop(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    const { deadlineMs } = options;
    const timer =
      deadlineMs === undefined ? null : this.#context.clock.after(deadlineMs, () => this.#hurry());
    this.#stop.abort();
    this.#wakeUp();
    try {
      await this.#ending;
    } catch {
      // Whoever called `run` hears of it, and so did `onFailure`.
    }
    timer?.cancel();
    this.#context.onClosed();
  }

  /** Stops, with all the time that handlers need. */
  close(): Promise<void> {
    return this.stop();
  }

  #begin(): Promise<void> {
    this.#ending ??= this.#work();
    return this.#ending;
  }

  async #work(): Promise<void> {
    const signal = this.#options.signal ?? null;
    const stop = (): void => void this.stop();
    signal?.addEventListener("abort", stop);
    if (signal?.aborted === true) this.#stop.abort();
    try {
      await this.#receiveLoop();
    } finally {
      this.#stop.abort();
      for (const held of this.#ready.splice(0)) this.#settler.answer(held, givenBack);
      while (this.#running.size > 0) await this.#sleep();
      await this.#settler.drained();
      signal?.removeEventListener("abort", stop);
      this.#context.onClosed();
    }
  }

  async #receiveLoop(): Promise<void> {
    const stop = this.#stop.signal;
    const pacer = new Pacer(this.#context.clock, stop);
    while (!stop.aborted) {
      const max = this.#room();
      // What is to be said goes first: the call that brings it receives as well.
      if (max <= 0 || this.#settler.size > 0) {
        await this.#sleep();
        continue;
      }
      const outcome = await this.#receive(max);
      if (outcome instanceof VarveError) {
        if (stop.aborted && hasCode(outcome, "ABORTED")) return;
        this.#report({ stage: "receive", error: outcome, message: null });
        if (!isPassing(outcome)) throw outcome;
        await pacer.pause();
      } else if (outcome.length === 0) {
        await pacer.afterEmpty(this.#waitMs());
      } else {
        pacer.reset();
      }
    }
  }

  /** How many messages may be asked for. */
  #room(): number {
    const most = Math.max(this.#concurrency, this.#batch);
    if (this.#settler.size >= unsettledShare * most) return 0;
    const held = this.#running.size + this.#ready.length + this.#asked;
    return Math.min(this.#batch, receiveMax, most - held);
  }

  async #receive(max: number): Promise<readonly QueueMessage[] | VarveError> {
    const { queue } = this.#options;
    const { queues } = this.#context;
    const signal = this.#stop.signal;
    try {
      this.#leaseMs ??= (await queues.describe(queue, signal)).leaseMs;
      const leaseMs = this.#leaseMs;
      const asked = { max, waitMs: this.#waitMs(), leaseMs, signal };
      return await this.#holding(max, async () => {
        const messages = await queues.receive(queue, asked);
        this.#hold(messages, leaseMs);
        return messages;
      });
    } catch (error) {
      return asReplyError(error);
    }
  }

  async #settle(request: SettleRequest, signal: AbortSignal): Promise<readonly SettleResult[]> {
    const { queue } = this.#options;
    const { queues } = this.#context;
    const leaseMs = this.#leaseMs;
    const max = this.#stop.signal.aborted ? 0 : Math.max(0, this.#room());
    return this.#holding(max, async () => {
      if (max === 0 || leaseMs === null) {
        return queues.settle(queue, request, { retryUnknown: false, signal });
      }
      const asked = { max, leaseMs, signal };
      const { results, messages } = await queues.settleAndReceive(queue, request, asked);
      this.#hold(messages, leaseMs);
      return results;
    });
  }

  /** Keeps the room for what a call may bring. */
  async #holding<Result>(max: number, call: () => Promise<Result>): Promise<Result> {
    this.#asked += max;
    try {
      return await call();
    } finally {
      this.#asked -= max;
      this.#wakeUp();
    }
  }

  #hold(messages: readonly QueueMessage[], leaseMs: number): void {
    const { clock } = this.#context;
    const events = {
      onDue: (held: HeldMessage) => this.#settler.extend(held),
      onOver: (held: HeldMessage) => this.#lost(held, lost("could not be extended in time")),
    };
    this.#counts.received += messages.length;
    for (const message of messages) {
      const held = new HeldMessage(message, { leaseMs, clock, events });
      // Nobody begins with it any more.
      if (this.#stop.signal.aborted) this.#settler.answer(held, givenBack);
      else this.#ready.push(held);
    }
    this.#beginNext();
  }

  #beginNext(): void {
    while (!this.#stop.signal.aborted && this.#running.size < this.#concurrency) {
      const held = this.#ready.shift();
      if (held === undefined) break;
      if (held.isOpen) void this.#handle(held);
    }
    this.#wakeUp();
  }

  async #handle(held: HeldMessage): Promise<void> {
    this.#running.add(held);
    const { message, signal } = held;
    let answer: Answer = { kind: "ack" };
    try {
      await this.#options.handler(message, { signal });
    } catch (error) {
      this.#report({ stage: "handler", error, message });
      answer = answerToError(error, this.#delayMs(message, error));
    }
    // One that was given back over its head has nothing to say any more.
    if (this.#running.delete(held) && held.isOpen) this.#settler.answer(held, answer);
    this.#beginNext();
  }

  #delayMs(message: QueueMessage, error: unknown): number | null {
    const { backoff = null } = this.#options;
    if (typeof backoff !== "function") return backoff;
    try {
      const delayMs = backoff(message, error);
      return isDelay(delayMs) ? Math.round(delayMs) : null;
    } catch (thrown) {
      this.#report({ stage: "handler", error: thrown, message });
      return null;
    }
  }

  #hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    for (const held of this.#running) {
      if (!held.isOpen) continue;
      this.#settler.answer(held, givenBack);
      held.tell(new VarveError("the worker's time to stop is up", { code: "ABORTED" }));
    }
    this.#running.clear();
    this.#settler.hurry();
    this.#wakeUp();
  }

  #settled(held: HeldMessage, answer: Answer): void {
    held.close();
    if (answer.kind === "ack") this.#counts.acked++;
    else if (answer.kind === "nack") this.#counts.nacked++;
    else this.#counts.rejected++;
    this.#wakeUp();
  }

  #lost(held: HeldMessage, error: VarveError): void {
    this.#counts.lost++;
    held.close();
    this.#settler.forget(held);
    held.tell(error);
    const index = this.#ready.indexOf(held);
    if (index >= 0) this.#ready.splice(index, 1);
    this.#report({ stage: "lease", error, message: held.message });
    this.#wakeUp();
  }

  #report(failure: WorkerFailure): void {
    try {
      this.#options.onFailure?.(failure);
    } catch {
      // A listener that fails has nobody else to tell, and must not end the work.
    }
  }

  async #sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }

  #waitMs(): number {
    return Math.min(Math.max(this.#options.waitMs ?? 20_000, 100), 60_000);
  }
}

function atLeastOne(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw invalidArgument(`'${name}' of a worker must be a whole number from 1`);
}
