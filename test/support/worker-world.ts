// A worker's surroundings for tests: a queue in memory, a clock that stands still, and handlers that wait for a sign.

import {
  createClient,
  type HandlerContext,
  type QueueMessage,
  type VarveClient,
  type Worker,
  type WorkerFailure,
  type WorkerOptions,
} from "../../src/client/client.ts";
import type { Timer } from "../../src/base/clock.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FakeQueue } from "./fake-queue.ts";
import { until } from "./until.ts";

/** The value of a message as text. */
export function textOf({ value }: QueueMessage): string {
  return Buffer.from(value ?? "").toString();
}

/** The time limit of a client's calls in these tests; by it the clock knows their timers from others. */
export const callMs = 123_456;

/** A clock that knows how many calls are under way, long polls apart. */
export class CallClock extends FakeClock {
  readonly #calls = new Set<Timer>();

  override after(delayMs: number, callback: () => void): Timer {
    const timer = super.after(delayMs, callback);
    if (delayMs !== callMs) return timer;
    const call = {
      cancel: () => {
        timer.cancel();
        this.#calls.delete(call);
      },
    };
    this.#calls.add(call);
    return call;
  }

  /**
   * Lets time pass, a step in each turn of the event loop, until it is so. It stands still while a call is under way,
   * so that no lease ends because the machine is slow.
   */
  passUntil(isTrue: () => boolean, stepMs = 50): Promise<void> {
    return until(async () => {
      if (this.#calls.size === 0) this.advance(stepMs);
      await settle(1);
      return isTrue();
    });
  }
}

/** One queue, one client, and what went wrong. */
export class WorkerWorld {
  readonly server: FakeQueue;
  readonly clock = new CallClock();
  readonly client: VarveClient;
  readonly failures: WorkerFailure[] = [];

  private constructor(server: FakeQueue) {
    this.server = server;
    const { url } = server;
    const { clock } = this;
    this.client = createClient({ url, timeoutMs: callMs, backoffMs: 1, retriesMax: 0, clock });
  }

  static async start(): Promise<WorkerWorld> {
    return new WorkerWorld(await FakeQueue.start());
  }

  async stop(): Promise<void> {
    this.server.spoil = () => null;
    this.server.spoilReply = () => null;
    await this.client.close();
    await this.server.stop();
  }

  /** A worker on the queue; its failures are noted. */
  worker(options: Partial<WorkerOptions> = {}): Worker {
    return this.client.worker({
      queue: "q",
      handler: () => undefined,
      onFailure: (failure) => this.failures.push(failure),
      ...options,
    });
  }
}

/** A handler that holds each message until the test lets it go. */
export class Gate {
  readonly begun: string[] = [];
  readonly signals = new Map<string, AbortSignal>();
  readonly #open = new Map<string, (error: Error | null) => void>();
  /** Most that were in hand at once. */
  most = 0;

  readonly handler = (message: QueueMessage, { signal }: HandlerContext): Promise<void> => {
    const name = textOf(message);
    this.begun.push(name);
    this.signals.set(name, signal);
    return new Promise((resolve, reject) => {
      this.#open.set(name, (error) => {
        this.#open.delete(name);
        if (error === null) resolve();
        else reject(error);
      });
      this.most = Math.max(this.most, this.#open.size);
    });
  };

  /** Lets the handler of this message return, or throw. */
  end(name: string, error: Error | null = null): void {
    this.#open.get(name)?.(error);
  }
}
