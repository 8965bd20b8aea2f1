// Those who wait for a partition to move: delayed fetches. Adding, removing and waking cost O(1) each; nobody polls.

/** Somebody who waits on one or more partitions. */
export interface Waiter {
  /** Called synchronously when the partition moved or ended. May remove the waiter; must not throw. */
  notify(): void;
}

/** The waiters of one partition. */
export class WaiterSet {
  readonly #waiters = new Set<Waiter>();

  /** How many wait. */
  get count(): number {
    return this.#waiters.size;
  }

  /** Starts telling a waiter. Adding one twice is the same as once. */
  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  /** Stops telling a waiter; harmless when it is not there. */
  remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** Tells everybody. One that is removed meanwhile and not yet told is not told. */
  notifyAll(): void {
    for (const waiter of this.#waiters) waiter.notify();
  }
}
