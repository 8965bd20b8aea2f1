// The load of a torture: clients of both doors that produce, read, commit, work on a queue and run transactions, and
// write down in the ledger what they were told. They wait while the server is away, and go on when it is back.

import type { Random } from "../../src/base/random.ts";
import type { Era } from "./era.ts";
import type { Ledger } from "./ledger.ts";
import { callHttp, type Endpoints, isBroken, KafkaCalls, Refused } from "./server-calls.ts";

/** The lease of the queues. */
export const leaseMs = 1500;

/** What every client of a load works with. */
export class LoadContext {
  readonly ledger: Ledger;
  readonly random: Random;
  readonly era: Era;
  readonly endpoints: Endpoints;
  /** Whether a refusal by the server, which is a finding otherwise, is expected now. */
  mayRefuse: (refusal: Refused) => boolean = () => false;
  /** Whether the server may die by itself. */
  mayBreak = false;
  isStopped = false;
  /** Told when a call was refused as `mayRefuse` allows. */
  onRefused: (refusal: Refused) => void = () => undefined;
  /** How often the server has gone away. */
  falls = 0;
  #isUp = true;

  constructor(parts: { ledger: Ledger; random: Random; era: Era; endpoints: Endpoints }) {
    this.ledger = parts.ledger;
    this.random = parts.random;
    this.era = parts.era;
    this.endpoints = parts.endpoints;
  }

  /** The server is about to be killed. */
  fall(): void {
    this.#isUp = false;
    this.falls++;
  }

  /** Has the clients wait before their next call. */
  hold(): void {
    this.#isUp = false;
  }

  /** It is back, or the clients may go on. */
  rise(): void {
    this.#isUp = true;
  }

  /** Waits while it is away, and a little while longer, so that no client keeps step with another. */
  async pause(upToMs: number): Promise<void> {
    await sleep(this.random.below(upToMs + 1));
    while (!this.#isUp && !this.isStopped) await sleep(5);
  }

  /**
   * The answer to a call; null when the connection broke because the server was killed, or it refused as it may. The
   * number of the fact that precedes the answer is taken by the caller.
   */
  async survives<Answer>(call: Promise<Answer>): Promise<Answer | null> {
    const falls = this.falls;
    try {
      return await call;
    } catch (error) {
      const isKill = this.mayBreak || !this.#isUp || this.falls > falls;
      if (isKill && isBroken(error)) return null;
      if (error instanceof Refused && this.mayRefuse(error)) {
        this.onRefused(error);
        return null;
      }
      throw error;
    }
  }

  /** Makes an HTTP call that survives. */
  http(call: string, body: unknown = null): Promise<unknown> {
    return this.survives(callHttp(this.endpoints.url, call, body));
  }
}

/** A client: goes on until the load is stopped. */
export type Client = (context: LoadContext, kafka: KafkaCalls) => Promise<void>;

/** Clients at work. */
export class Load {
  readonly context: LoadContext;
  readonly #work: Promise<unknown>;

  constructor(context: LoadContext, clients: readonly Client[]) {
    this.context = context;
    this.#work = Promise.all(
      clients.map(async (client) => {
        const kafka = new KafkaCalls();
        try {
          await client(context, kafka);
        } catch (error) {
          context.ledger.problem(`a client met: ${String(error)}`);
          context.isStopped = true;
        } finally {
          kafka.close();
        }
      }),
    );
  }

  /** Resolves when all clients have ended what they were at. */
  async stop(): Promise<void> {
    this.context.isStopped = true;
    await this.#work;
  }
}

/** Waits. */
export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
