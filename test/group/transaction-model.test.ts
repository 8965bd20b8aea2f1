// Random commits, with and without transactions, with crashes and snapshots, against a list of what was asked for: what
// counts in a partition is the last of it that no transaction holds back or has dropped.

import fc from "fast-check";
import { expect, test } from "vitest";
import { openGroups, TopicTable } from "../support/group-world.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

interface Ask {
  readonly partition: number;
  readonly offset: number;
  /** Null: without a transaction. */
  readonly producerId: number | null;
  isOpen: boolean;
}

/** What was asked for and not dropped, oldest first. */
class Model {
  asks: Ask[] = [];

  commit(partition: number, offset: number, producerId: number | null): void {
    if (producerId !== null) {
      // A transaction that commits a partition again means the later offset alone.
      this.asks = this.asks.filter((ask) => !ask.isOpen || !isOf(ask, producerId, partition));
    }
    this.asks.push({ partition, offset, producerId, isOpen: producerId !== null });
  }

  end(producerId: number, isCommit: boolean): void {
    const isMine = (ask: Ask): boolean => ask.isOpen && ask.producerId === producerId;
    if (!isCommit) this.asks = this.asks.filter((ask) => !isMine(ask));
    for (const ask of this.asks) if (isMine(ask)) ask.isOpen = false;
  }

  offsetOf(partition: number): number {
    const settled = this.asks.findLast((ask) => ask.partition === partition && !ask.isOpen);
    return settled?.offset ?? -1;
  }

  /** True when the end of a transaction may change the offset. */
  isUnstable(partition: number): boolean {
    return this.asks.findLast((ask) => ask.partition === partition)?.isOpen ?? false;
  }
}

function isOf(ask: Ask, producerId: number, partition: number): boolean {
  return ask.producerId === producerId && ask.partition === partition;
}

const partitions = [0, 1, 2];

const step = fc.record({
  kind: fc.constantFrom("plain", "txn", "txn", "txn", "commit", "abort", "crash", "topic", "group"),
  producerId: fc.nat(2),
  partition: fc.nat(2),
});

class World {
  readonly #model = new Model();
  readonly #topics = new TopicTable();
  #log = new MemoryStateLog();
  #groups = this.#open();
  #offset = 0;

  constructor() {
    this.#topics.set("t", 3);
  }

  #open() {
    const options = { log: this.#log, topics: this.#topics, snapshotGrowthBytes: 600 };
    return openGroups(options).then(({ groups }) => groups);
  }

  async step({ kind, producerId, partition }: { kind: string } & Omit<Ask, "offset" | "isOpen">) {
    const groups = await this.#groups;
    const producer = { producerId: producerId ?? 0, producerEpoch: 0 };
    const offset = this.#offset++;
    const offsets = [{ topic: "t", partition, offset, metadata: "" }];
    switch (kind) {
      case "plain":
        this.#model.commit(partition, offset, null);
        await groups.commitOffsets({ group: "g", memberId: "", memberEpoch: -1, offsets });
        break;
      case "txn":
        this.#model.commit(partition, offset, producer.producerId);
        await groups.commitTransactional({
          group: "g",
          transactionalId: `tx${producerId}`,
          ...producer,
          memberId: "",
          groupInstanceId: null,
          generationIdOrMemberEpoch: -1,
          offsets,
        });
        break;
      case "commit":
      case "abort":
        this.#model.end(producer.producerId, kind === "commit");
        await groups.endTransaction("g", producer, kind === "commit");
        break;
      case "crash":
        await groups.close();
        this.#log = this.#log.afterCrash();
        this.#groups = this.#open();
        break;
      case "topic": {
        const topicId = this.#topics.lookup("t")?.topicId ?? "";
        this.#topics.topics.delete("t");
        groups.topicDeleted("t", topicId);
        this.#topics.set("t", 3);
        groups.topicChanged("t");
        this.#model.asks = [];
        break;
      }
      case "group":
        await groups.delete("g").catch(() => undefined);
        this.#model.asks = [];
    }
  }

  async check(): Promise<void> {
    const groups = await this.#groups;
    const places = partitions.map((partition) => ({ topic: "t", partition }));
    const stable = { member: null, requireStable: true };
    const seen = await groups.committedOffsets("g", places);
    expect(seen.map(({ offset }) => offset)).toEqual(
      partitions.map((partition) => this.#model.offsetOf(partition)),
    );
    const asked = await groups.committedOffsets("g", places, stable);
    expect(asked.map(({ error }) => error !== null)).toEqual(
      partitions.map((partition) => this.#model.isUnstable(partition)),
    );
  }
}

test("transactions: random commits, ends and crashes: what was asked for last counts", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 60 }), async (steps) => {
      const world = new World();
      for (const next of steps) {
        await world.step(next);
        await world.check();
      }
      await world.step({ kind: "crash", producerId: 0, partition: 0 });
      await world.check();
    }),
    { numRuns: 100 },
  );
});
