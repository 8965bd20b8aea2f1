// A message that a worker holds: until when, and how its handler is told when it is lost.

import type { Clock, Timer } from "../base/clock.ts";
import type { QueueMessage } from "./messages.ts";

// A third of the lease: two more attempts fit in before it is over.
const extendAfterShare = 1 / 3;

/** Whom a held message tells about its lease. */
export interface LeaseEvents {
  /** It is time to extend. */
  onDue(held: HeldMessage): void;
  /** The lease is over by this side's clock. */
  onOver(held: HeldMessage): void;
}

/** One message with its lease. */
export class HeldMessage {
  readonly message: QueueMessage;
  readonly leaseMs: number;
  readonly #clock: Clock;
  readonly #events: LeaseEvents;
  readonly #abort = new AbortController();
  #leaseUntilMs: number;
  #timer: Timer | null = null;
  #isOpen = true;
  /** An answer was sent and nobody knows whether it arrived. */
  isDoubtful = false;

  /** Holds a message that has just been received. */
  constructor(
    message: QueueMessage,
    lease: { readonly leaseMs: number; readonly clock: Clock; readonly events: LeaseEvents },
  ) {
    this.message = message;
    this.leaseMs = lease.leaseMs;
    this.#clock = lease.clock;
    this.#events = lease.events;
    this.#leaseUntilMs = 0;
    this.extended(lease.clock.monotonicMs());
  }

  /** Aborted when the message is lost, for its handler. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** False once it is settled or lost: nothing more is to be said of it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True when the lease is over by this side's clock, which errs on the late side by the way of one reply. */
  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#leaseUntilMs;
  }

  /** The lease began anew at `sinceMs` (monotonic), or a little later. */
  extended(sinceMs: number): void {
    this.#leaseUntilMs = sinceMs + this.leaseMs;
    this.#arm(sinceMs + this.leaseMs * extendAfterShare, () => {
      // From here on what counts is the answer, or the end.
      this.#arm(this.#leaseUntilMs, () => this.#events.onOver(this));
      this.#events.onDue(this);
    });
  }

  /** The handler has ended: the lease is not extended any more. */
  ended(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Nothing more is to be said of it. */
  close(): void {
    this.ended();
    this.#isOpen = false;
  }

  /** Tells its handler that it is not needed any more. */
  tell(reason: Error): void {
    this.#abort.abort(reason);
  }

  #arm(atMs: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonicMs()), callback);
  }
}
