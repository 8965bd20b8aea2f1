// The committed offsets of one group: where it will resume, by topic and partition.

/** One committed offset. */
export interface Committed {
  /** The next offset to read. */
  readonly offset: number;
  /** The client's own note, kept as it came. */
  readonly metadata: string;
  /** Unix milliseconds. */
  readonly committedAtMs: number;
  /** Which topic of that name: a topic made anew under an old name starts without offsets. */
  readonly topicId: string;
  /** Leader epoch of the record before, as the client told it; -1 when it did not. */
  readonly leaderEpoch: number;
}

/** One entry with its partition. */
export interface OffsetEntry<Offset> {
  readonly topic: string;
  readonly partition: number;
  readonly committed: Offset;
}

/** When the offsets of a group lapse. */
export interface ExpiryRule {
  readonly nowMs: number;
  /** An offset lapses when nobody has needed it for this long. */
  readonly retentionMs: number;
  /** Since when the group has no members; null when it has some or never had any. */
  readonly emptySinceMs: number | null;
  /** Topics that members read: their offsets stay. */
  readonly subscribedTopics: ReadonlySet<string>;
}

/** Offsets by topic and partition. */
export class OffsetTable<Offset extends Committed = Committed> {
  readonly #byTopic = new Map<string, Map<number, Offset>>();

  /** True when nothing is committed. */
  get isEmpty(): boolean {
    return this.#byTopic.size === 0;
  }

  /** Topics with a committed offset. */
  topics(): Iterable<string> {
    return this.#byTopic.keys();
  }

  /** True when an offset of this very topic is committed. */
  hasTopic(topic: string, topicId: string): boolean {
    for (const committed of this.#byTopic.get(topic)?.values() ?? []) {
      if (committed.topicId === topicId) return true;
    }
    return false;
  }

  /** The committed offset of a partition; null when there is none. */
  find(topic: string, partition: number): Offset | null {
    return this.#byTopic.get(topic)?.get(partition) ?? null;
  }

  /** Sets a committed offset, or removes it with null. */
  put(topic: string, partition: number, committed: Offset | null): void {
    const partitions = this.#byTopic.get(topic);
    if (committed !== null) {
      if (partitions === undefined) this.#byTopic.set(topic, new Map([[partition, committed]]));
      else partitions.set(partition, committed);
      return;
    }
    partitions?.delete(partition);
    if (partitions?.size === 0) this.#byTopic.delete(topic);
  }

  /** Forgets the offsets of one topic, told from others of its name by its id. */
  removeTopic(topic: string, topicId: string): void {
    const partitions = this.#byTopic.get(topic);
    if (partitions === undefined) return;
    for (const [partition, committed] of partitions) {
      if (committed.topicId === topicId) partitions.delete(partition);
    }
    if (partitions.size === 0) this.#byTopic.delete(topic);
  }

  /** Forgets everything. An iteration under way ends. */
  clear(): void {
    for (const partitions of this.#byTopic.values()) partitions.clear();
    this.#byTopic.clear();
  }

  /** Every entry, in the order of first commits; stands changes while it runs. */
  *entries(): IterableIterator<OffsetEntry<Offset>> {
    for (const [topic, partitions] of this.#byTopic) {
      for (const [partition, committed] of partitions) yield { topic, partition, committed };
    }
  }
}

/**
 * The offsets that have lapsed, `countMax` at most.
 *
 * An offset is needed while a member reads its topic, and was until the group lost its last member or it was
 * committed, whichever came later.
 */
export function lapsedOffsets(
  offsets: OffsetTable,
  rule: ExpiryRule,
  countMax: number,
): readonly OffsetEntry<Committed>[] {
  const lapsed: OffsetEntry<Committed>[] = [];
  for (const entry of offsets.entries()) {
    if (lapsed.length >= countMax) break;
    if (rule.subscribedTopics.has(entry.topic)) continue;
    const neededAtMs = Math.max(entry.committed.committedAtMs, rule.emptySinceMs ?? 0);
    if (rule.nowMs - neededAtMs >= rule.retentionMs) lapsed.push(entry);
  }
  return lapsed;
}
