// What producers and workers of a queue were told, kept where no crash of the server can touch it, and what must
// therefore hold of whatever they are told next.

/** A message, by what its value says. */
export interface SentMessage {
  readonly value: string;
  readonly key: string;
  readonly sequence: number;
}

/** A delivery as a worker saw it. */
export interface SeenDelivery {
  readonly value: string;
  readonly deliveries: number;
  /** Surely still leased to the worker when it was seen. */
  readonly isHeld: boolean;
}

interface Entry extends SentMessage {
  isAnswered: boolean;
  /** The delivery whose ack was answered; 0: none. */
  acked: number;
  /** An ack was sent and its answer lost. */
  isMaybeAcked: boolean;
  delivered: number;
}

/** The ledger. */
export class QueueLedger {
  readonly problems: string[] = [];
  readonly #entries = new Map<string, Entry>();
  readonly #latest = new Map<string, number>();
  readonly #isOrdered: boolean;
  /** Messages whose ack was answered. */
  acked = 0;
  /** Messages whose sending was answered. */
  answered = 0;
  deliveries = 0;

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  /** About to be sent. */
  sending(message: SentMessage): void {
    const entry = { ...message, isAnswered: false, acked: 0, isMaybeAcked: false, delivered: 0 };
    this.#entries.set(message.value, entry);
  }

  /** The server answered that it has it. */
  sent({ value }: SentMessage): void {
    const entry = this.#entries.get(value);
    if (entry === undefined) return;
    entry.isAnswered = true;
    this.answered++;
  }

  /** A worker was given a message. */
  delivered({ value, deliveries, isHeld }: SeenDelivery): void {
    this.deliveries++;
    const entry = this.#entries.get(value);
    if (entry === undefined) {
      this.problems.push(`'${value}' was never sent`);
      return;
    }
    // Answers may come late; what was given out after the ack is told by the count.
    if (entry.acked > 0 && deliveries > entry.acked) {
      this.problems.push(`'${value}' came as ${deliveries}, acknowledged as ${entry.acked}`);
    }
    if (isHeld && deliveries < entry.delivered) {
      this.problems.push(`'${value}' came as ${deliveries} after ${entry.delivered}`);
    }
    entry.delivered = Math.max(entry.delivered, deliveries);
    const latest = this.#latest.get(entry.key) ?? -1;
    if (this.#isOrdered && isHeld && latest > entry.sequence) {
      this.problems.push(`'${value}' came after number ${latest} of its key`);
    }
    this.#latest.set(entry.key, Math.max(latest, entry.sequence));
  }

  /** A worker acknowledged a delivery; `isTaken` is what it was told, null when the answer was lost. */
  ackEnded(value: string, deliveries: number, isTaken: boolean | null): void {
    const entry = this.#entries.get(value);
    if (entry === undefined || isTaken === false) return;
    if (isTaken === null) {
      entry.isMaybeAcked = true;
      return;
    }
    if (entry.acked > 0) this.problems.push(`'${value}' was acknowledged twice`);
    entry.acked = deliveries;
    this.acked++;
  }

  /** What was sent and is neither acknowledged nor among the dead letters, as far as anybody knows. */
  missing(dead: ReadonlySet<string>): readonly string[] {
    const lost = [...this.#entries.values()].filter(
      ({ value, isAnswered, acked, isMaybeAcked }) => {
        return isAnswered && acked === 0 && !isMaybeAcked && !dead.has(value);
      },
    );
    return lost.map(({ value }) => value);
  }

  /** The end: what the dead letters must not be. */
  buried(dead: readonly string[]): void {
    const seen = new Set<string>();
    for (const value of dead) {
      if (seen.has(value)) this.problems.push(`'${value}' has two dead letters`);
      seen.add(value);
      const entry = this.#entries.get(value);
      if (entry === undefined) this.problems.push(`dead letter '${value}' was never sent`);
      if (entry !== undefined && entry.acked > 0) {
        this.problems.push(`'${value}' was acknowledged and died`);
      }
    }
    for (const value of this.missing(seen)) this.problems.push(`'${value}' is lost`);
  }
}
