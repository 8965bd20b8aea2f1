// What clients wrote in transactions, and what became of it: partitions and groups that fail as the dice fall.

import { expect } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { Random } from "../../src/base/random.ts";
import type { MarkerWriter, OffsetParticipant } from "../../src/transaction/participants.ts";
import { settle } from "./fake-clock.ts";

/** How a transaction ends. */
export type Outcome = "commit" | "abort";

/** A transaction as the client that began it knows it. */
export interface Deed {
  readonly name: string;
  /** Outcomes it asked for, and the one it was told to have. */
  readonly asked: Set<Outcome>;
  answered: Outcome | null;
  /** What became of what it wrote. */
  readonly outcomes: Set<Outcome>;
}

const storage = new LogError("KAFKA_STORAGE_ERROR", "refused");

/** All transactions of a run, and what each participant holds of each producer that nobody has ended yet. */
export class Deeds {
  mayFail = true;
  readonly #random: Random;
  readonly #all: Deed[] = [];
  readonly #undecided = new Map<string, Deed[]>();

  /** @param random Decides which calls fail, and how long they take. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** A client begins a transaction. */
  begin(transactionalId: string): Deed {
    const deed: Deed = {
      name: `${transactionalId} ${this.#all.length}`,
      asked: new Set(),
      answered: null,
      outcomes: new Set(),
    };
    this.#all.push(deed);
    return deed;
  }

  /** The offset under which a transaction commits: tells whose it is. */
  numberOf(deed: Deed): number {
    return this.#all.indexOf(deed);
  }

  /** Something was written: `place producerId`. */
  hold(key: string, deed: Deed): void {
    this.#undecided.set(key, [...(this.#undecided.get(key) ?? []), deed]);
  }

  /** Nothing is left open, and each has one outcome: the one that was answered, and no commit nobody asked for. */
  check(): void {
    for (const [where, deeds] of this.#undecided) {
      expect(
        deeds.map(({ name }) => name),
        `left open in ${where}`,
      ).toEqual([]);
    }
    for (const { name, outcomes, answered, asked } of this.#all) {
      expect(outcomes.size, `outcomes of ${name}`).toBeLessThanOrEqual(1);
      const [outcome = null] = outcomes;
      if (outcome === null) continue;
      if (answered !== null) expect(outcome, name).toBe(answered);
      if (outcome === "commit") expect(asked, name).toContain("commit");
    }
  }

  /** Partitions and groups as one life of the server knows them: when it is over they hear and answer nothing. */
  participants(isAlive: () => boolean): { markers: MarkerWriter; offsets: OffsetParticipant } {
    const take = async (work: () => void): Promise<void> => {
      if (!isAlive()) return new Promise(() => undefined);
      const dice = this.mayFail ? this.#random.below(10) : 9;
      if (dice < 2) throw storage;
      work();
      if (dice > 3 && dice < 8) await settle(dice - 3);
      // It is there, and nobody hears of it.
      if (dice === 3) throw storage;
    };
    return {
      markers: {
        refusalOf: () => null,
        appendMarker: ({ topic, partition }, { producerId, isCommit }) =>
          take(() => this.#decide(`${topic}-${partition} ${producerId}`, isCommit)),
        describeProducers: () => [],
      },
      offsets: {
        commitPending: async ({ producerId, offsets }) => {
          const deed = this.#all[offsets[0]?.offset ?? -1];
          await take(() => {
            if (deed !== undefined) this.hold(`g ${producerId}`, deed);
          });
          return [];
        },
        endTransaction: (group, { producerId }, isCommit) =>
          take(() => this.#decide(`${group} ${producerId}`, isCommit)),
      },
    };
  }

  #decide(key: string, isCommit: boolean): void {
    for (const deed of this.#undecided.get(key) ?? []) {
      deed.outcomes.add(isCommit ? "commit" : "abort");
    }
    this.#undecided.delete(key);
  }
}
