// A bound on bytes held at once. Takers past the bound wait their turn, first come first served, up to a limit.

import { assert } from "./assert.ts";
import type { Clock, Timer } from "./clock.ts";
import { LogError } from "./error.ts";

/** What a budget is made with. */
export interface ByteBudgetOptions {
  readonly clock: Clock;
  /** What the bytes are, for the message of a refusal: "produce requests in flight". */
  readonly name: string;
  /** The bound. A single taker of more is let in alone. */
  readonly bytesMax: number;
  /** How long a taker waits before it is refused. */
  readonly waitMsMax: number;
  /** How many may wait; more are refused at once. */
  readonly waitersMax: number;
}

interface Waiting {
  readonly bytes: number;
  readonly timer: Timer;
  readonly admit: () => void;
  readonly refuse: (error: LogError) => void;
}

/**
 * Bytes taken and given back.
 *
 * The queue is a Map from ticket to taker: it keeps the order of arrival and forgets one in the middle in O(1).
 */
export class ByteBudget {
  readonly #options: ByteBudgetOptions;
  readonly #waiting = new Map<number, Waiting>();
  #nextTicket = 0;
  #takenBytes = 0;
  #isClosed = false;

  /** @param options Bounds and clock. */
  constructor(options: ByteBudgetOptions) {
    this.#options = options;
  }

  /** Bytes taken and not given back. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** How many wait. */
  get waiterCount(): number {
    return this.#waiting.size;
  }

  /** Takes bytes if there is room and nobody waits; true when they were taken. */
  tryTake(bytes: number): boolean {
    if (this.#isClosed || this.#waiting.size > 0 || !this.#hasRoom(bytes)) return false;
    this.#takenBytes += bytes;
    return true;
  }

  /**
   * Takes bytes, waiting for room if need be. Give them back with `give`.
   *
   * @throws SERVER_OVERLOADED when no room came up in time or too many wait; SERVER_STOPPING after `close`.
   */
  async take(bytes: number): Promise<void> {
    if (this.tryTake(bytes)) return;
    if (this.#isClosed) throw this.#stopping();
    const { clock, waitMsMax, waitersMax } = this.#options;
    if (this.#waiting.size >= waitersMax) throw this.#overloaded("too many wait for room");
    const ticket = this.#nextTicket++;
    await new Promise<void>((resolve, reject) => {
      const timer = clock.after(waitMsMax, () => {
        this.#waiting.delete(ticket);
        reject(this.#overloaded(`no room within ${waitMsMax} ms`));
        // The one that gave up may have been all that held back smaller ones behind it.
        this.#admit();
      });
      this.#waiting.set(ticket, { bytes, timer, admit: resolve, refuse: reject });
    });
  }

  /** Gives bytes back and lets in whoever fits now, in order. */
  give(bytes: number): void {
    assert(bytes <= this.#takenBytes, `gave back ${bytes} of ${this.#takenBytes} bytes`);
    this.#takenBytes -= bytes;
    this.#admit();
  }

  /** Refuses everybody who waits or comes later. */
  close(): void {
    this.#isClosed = true;
    for (const waiting of this.#waiting.values()) {
      waiting.timer.cancel();
      waiting.refuse(this.#stopping());
    }
    this.#waiting.clear();
  }

  #hasRoom(bytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + bytes <= this.#options.bytesMax;
  }

  #admit(): void {
    for (const [ticket, waiting] of this.#waiting) {
      if (!this.#hasRoom(waiting.bytes)) return;
      this.#waiting.delete(ticket);
      waiting.timer.cancel();
      this.#takenBytes += waiting.bytes;
      waiting.admit();
    }
  }

  #overloaded(reason: string): LogError {
    const { name, bytesMax } = this.#options;
    return new LogError(
      "SERVER_OVERLOADED",
      `${this.#takenBytes} of ${bytesMax} bytes of ${name} are taken: ${reason}; retry later`,
    );
  }

  #stopping(): LogError {
    return new LogError("SERVER_STOPPING", "the server is stopping; retry later");
  }
}
