// Sends what is to be said of held messages: what is ready together in one call, one call at a time, again until it is
// heard or the lease is over.

import type { Clock } from "../base/clock.ts";
import { VarveError } from "./errors.ts";
import type { Answer } from "./handling.ts";
import type { HeldMessage } from "./held-message.ts";
import { Pacer } from "./pacer.ts";
import type { SettleRequest, SettleResult } from "./queues-client.ts";

/** What a settler works with. */
export interface SettlerContext {
  readonly clock: Clock;
  /** Brings answers to the server, once: a failure says whether they may have been heard. @throws VarveError */
  settle(request: SettleRequest, signal: AbortSignal): Promise<readonly SettleResult[]>;
  /** The answer holds. */
  onSettled(held: HeldMessage, answer: Answer): void;
  /** The message is not held any more, and the answer was not heard. */
  onLost(held: HeldMessage, error: VarveError): void;
  /** A call failed; it is made again where that can help. */
  onFailure(error: VarveError): void;
}

type Wish = Answer | { readonly kind: "extend" };

const answersMax = 500;
// A call that hangs must not hold up the extensions behind it until the leases are over.
const callMsMin = 1_000;
const callMsMax = 30_000;
const hurriedCallMs = 2_000;

/** Answers and extensions on their way to one queue. */
export class Settler {
  readonly #context: SettlerContext;
  readonly #waiting = new Map<HeldMessage, Wish>();
  readonly #hurry = new AbortController();
  #sending: Promise<void> | null = null;
  #call: AbortController | null = null;

  /** @param context The queue, and whom to tell. */
  constructor(context: SettlerContext) {
    this.#context = context;
  }

  /** How many are on their way or wait for it. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Says this of a message; takes the place of an extension that was not sent yet. */
  answer(held: HeldMessage, answer: Answer): void {
    held.ended();
    this.#put(held, answer);
  }

  /** Asks for the message's lease anew. */
  extend(held: HeldMessage): void {
    if (!this.#waiting.has(held)) this.#put(held, { kind: "extend" });
  }

  /** Nothing more is to be said of a message. */
  forget(held: HeldMessage): void {
    this.#waiting.delete(held);
  }

  /** Resolves when nothing is left to be said. */
  async drained(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  /** From now on each answer is sent at most once more: somebody waits for the end. */
  hurry(): void {
    this.#hurry.abort();
    const call = this.#call;
    if (call !== null) this.#context.clock.after(hurriedCallMs, () => call.abort());
  }

  #put(held: HeldMessage, wish: Wish): void {
    this.#waiting.set(held, wish);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    const pacer = new Pacer(this.#context.clock, this.#hurry.signal);
    // What ends in this turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.size > 0) {
      const wasHurried = this.#hurry.signal.aborted;
      const wishes = this.#take();
      if (wishes.size === 0) continue;
      const failure = await this.#exchange(wishes);
      if (failure === null) {
        pacer.reset();
        continue;
      }
      this.#context.onFailure(failure);
      const isFinal = wasHurried || !isPassing(failure);
      for (const [held, wish] of wishes) this.#failed(held, { wish, failure, isFinal });
      if (!isFinal) await pacer.pause();
    }
    this.#sending = null;
  }

  /** The next to be sent, without those for whom it is too late. */
  #take(): Map<HeldMessage, Wish> {
    const wishes = new Map<HeldMessage, Wish>();
    for (const [held, wish] of this.#waiting) {
      if (wishes.size === answersMax) break;
      this.#waiting.delete(held);
      if (!held.isOpen) continue;
      if (held.isOver) this.#context.onLost(held, lost("was over before it could be settled"));
      else wishes.set(held, wish);
    }
    return wishes;
  }

  async #exchange(wishes: ReadonlyMap<HeldMessage, Wish>): Promise<VarveError | null> {
    const { clock } = this.#context;
    const sentMs = clock.monotonicMs();
    const late = new AbortController();
    this.#call = late;
    const patienceMs = this.#patienceMs(wishes);
    const timer = clock.after(patienceMs, () => late.abort());
    try {
      const results = await this.#context.settle(requestOf(wishes), late.signal);
      this.#settled(wishes, { results, sentMs });
      return null;
    } catch (error) {
      return failureOf(error);
    } finally {
      timer.cancel();
      this.#call = null;
    }
  }

  #patienceMs(wishes: ReadonlyMap<HeldMessage, Wish>): number {
    if (this.#hurry.signal.aborted) return hurriedCallMs;
    const shortestMs = Math.min(...[...wishes.keys()].map(({ leaseMs }) => leaseMs));
    return Math.min(Math.max(shortestMs / 3, callMsMin), callMsMax);
  }

  #settled(
    wishes: ReadonlyMap<HeldMessage, Wish>,
    reply: { readonly results: readonly SettleResult[]; readonly sentMs: number },
  ): void {
    const { onSettled, onLost } = this.#context;
    const byReceipt = new Map(reply.results.map((result) => [result.receipt, result]));
    for (const [held, wish] of wishes) {
      const result = byReceipt.get(held.message.receipt);
      if (!held.isOpen) continue;
      if (wish.kind === "extend") {
        if (result?.ok !== true) onLost(held, refused(result));
        // An answer may have come up meanwhile; its lease went on all the same.
        else held.extended(reply.sentMs);
        if (this.#waiting.has(held)) held.ended();
        continue;
      }
      // Refused after an attempt that nobody answered: that one had settled it.
      if (result?.ok === true || held.isDoubtful) onSettled(held, wish);
      else onLost(held, refused(result));
    }
  }

  #failed(
    held: HeldMessage,
    {
      wish,
      failure,
      isFinal,
    }: { readonly wish: Wish; readonly failure: VarveError; readonly isFinal: boolean },
  ): void {
    if (!held.isOpen) return;
    if (isFinal) {
      this.#waiting.delete(held);
      this.#context.onLost(held, failure);
      return;
    }
    if (wish.kind !== "extend" && failure.mayHaveApplied) held.isDoubtful = true;
    // What came up meanwhile says more.
    if (!this.#waiting.has(held)) this.#waiting.set(held, wish);
  }
}

function requestOf(wishes: ReadonlyMap<HeldMessage, Wish>): SettleRequest {
  const ack: string[] = [];
  const nack: { receipt: string; delayMs?: number; reason: string }[] = [];
  const reject: { receipt: string; reason: string }[] = [];
  const extend: { receipt: string; leaseMs: number }[] = [];
  for (const [{ message, leaseMs }, wish] of wishes) {
    const { receipt } = message;
    if (wish.kind === "ack") ack.push(receipt);
    else if (wish.kind === "reject") reject.push({ receipt, reason: wish.reason });
    else if (wish.kind === "extend") extend.push({ receipt, leaseMs });
    else {
      const { delayMs, reason } = wish;
      nack.push({ receipt, ...(delayMs === null ? {} : { delayMs }), reason });
    }
  }
  return {
    ...(ack.length === 0 ? {} : { ack }),
    ...(nack.length === 0 ? {} : { nack }),
    ...(reject.length === 0 ? {} : { reject }),
    ...(extend.length === 0 ? {} : { extend }),
  };
}

function refused(result: SettleResult | undefined): VarveError {
  const code = result?.code ?? "INVALID_RECORD_STATE";
  return lost("was over, or somebody else has settled it", code);
}

/** The error for a message that is not held any more. */
export function lost(what: string, code = "INVALID_RECORD_STATE"): VarveError {
  return new VarveError(`the lease of the message ${what}`, { code });
}

function failureOf(error: unknown): VarveError {
  if (error instanceof VarveError && error.code === "ABORTED") {
    return new VarveError("the server took too long over the answers for messages", {
      code: "CLIENT_TIMEOUT",
      retriable: true,
      mayHaveApplied: error.mayHaveApplied,
    });
  }
  return asReplyError(error);
}

/** What a call threw, as the one kind of error; anything else means that the reply made no sense. */
export function asReplyError(error: unknown): VarveError {
  if (error instanceof VarveError) return error;
  const detail = `the server's reply made no sense: ${String(error)}`;
  return new VarveError(detail, { code: "BAD_REPLY", mayHaveApplied: true, cause: error });
}

/** True for a failure after which the same call makes sense again. */
export function isPassing({ retriable, status }: VarveError): boolean {
  return status !== 404 && (retriable || status >= 500);
}
