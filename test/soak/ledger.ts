// What the load was told, and what it saw that cannot be.

/** Values by key of which the last acknowledged one must be there, or one that was sent after it. */
export class KeyLedger {
  readonly #sent = new Map<string, number>();
  readonly #acknowledged = new Map<string, number>();

  /** The next number for a key; numbers of one key are sent one after the other. */
  next(key: string): number {
    const number = (this.#sent.get(key) ?? 0) + 1;
    this.#sent.set(key, number);
    return number;
  }

  /** The number is on the disk. */
  acknowledged(key: string, number: number): void {
    this.#acknowledged.set(key, Math.max(number, this.#acknowledged.get(key) ?? 0));
  }

  /** Complaints about what a reader found last of each key. */
  faultsOf(found: ReadonlyMap<string, number>): readonly string[] {
    const faults: string[] = [];
    for (const [key, least] of this.#acknowledged) {
      const number = found.get(key) ?? 0;
      if (number < least) faults.push(`key ${key}: ${least} was acknowledged, ${number} is there`);
    }
    for (const [key, number] of found) {
      const most = this.#sent.get(key) ?? 0;
      if (number > most) faults.push(`key ${key}: ${number} is there, ${most} was sent last`);
    }
    return faults;
  }
}

/** Each partition's offsets as one reader sees them: upwards. */
export class OffsetOrder {
  readonly #next = new Map<number, number>();
  readonly faults: string[] = [];

  /** A record was read. */
  saw(partition: number, offset: number): void {
    const next = this.#next.get(partition) ?? offset;
    if (offset < next) this.faults.push(`partition ${partition}: ${offset} came after ${next - 1}`);
    this.#next.set(partition, offset + 1);
  }
}

/** Counts of what the load did. */
export interface LoadCounts {
  produced: number;
  consumed: number;
  slowlyRead: number;
  queued: number;
  handled: number;
  keyed: number;
  transactions: number;
  rebalances: number;
  /** Calls that failed and were made again: those under way when the server was stopped. */
  retried: number;
}

/** Nothing yet. */
export function noCounts(): LoadCounts {
  return {
    produced: 0,
    consumed: 0,
    slowlyRead: 0,
    queued: 0,
    handled: 0,
    keyed: 0,
    transactions: 0,
    rebalances: 0,
    retried: 0,
  };
}
