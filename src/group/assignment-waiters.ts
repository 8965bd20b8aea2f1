// Members waiting to hear that their partitions may have changed.
//
// There is one entry for each call in progress, so whoever calls bounds them; an entry goes when it wakes or aborts.

interface Waiter {
  readonly memberId: string;
  readonly wake: () => void;
}

/** Waiters by group. */
export class AssignmentWaiters {
  readonly #hasNews: (group: string, memberId: string) => boolean;
  readonly #byGroup = new Map<string, Set<Waiter>>();
  /** Groups that changed since the last look; one look serves all changes of a turn. */
  readonly #changed = new Set<string>();
  #isClosed = false;

  /** @param hasNews True when a member's next heartbeat would tell it something new. */
  constructor(hasNews: (group: string, memberId: string) => boolean) {
    this.#hasNews = hasNews;
  }

  /** How many wait. */
  get count(): number {
    let count = 0;
    for (const waiters of this.#byGroup.values()) count += waiters.size;
    return count;
  }

  /** Resolves when there is news for the member, the signal aborts or all are woken; at once if that is so already. */
  wait(group: string, memberId: string, signal: AbortSignal): Promise<void> {
    if (this.#isClosed || signal.aborted || this.#hasNews(group, memberId))
      return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.#byGroup.get(group) ?? new Set<Waiter>();
      this.#byGroup.set(group, waiters);
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#byGroup.get(group) === waiters) this.#byGroup.delete(group);
        resolve();
      };
      const waiter: Waiter = { memberId, wake };
      waiters.add(waiter);
      signal.addEventListener("abort", wake);
    });
  }

  /** Looks, at the end of this turn, whom a change of the group concerns. */
  groupChanged(group: string): void {
    if (!this.#byGroup.has(group)) return;
    if (this.#changed.size === 0) queueMicrotask(() => this.#look());
    this.#changed.add(group);
  }

  /** Wakes everybody; with `isFinal` later waits resolve at once as well. */
  wakeAll(isFinal: boolean): void {
    this.#isClosed ||= isFinal;
    for (const waiters of this.#byGroup.values()) for (const { wake } of waiters) wake();
  }

  #look(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const group of changed) {
      for (const { memberId, wake } of this.#byGroup.get(group) ?? []) {
        if (this.#hasNews(group, memberId)) wake();
      }
    }
  }
}
