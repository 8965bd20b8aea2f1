// Commands about committed offsets: of members and others, of transactions, and their end.

import type { LogError } from "../base/error.ts";
import type { Command } from "../coordinator/state-machine.ts";
import type {
  OffsetCommitPartition,
  OffsetCommitRequest,
  OffsetCommitResult,
  ProducerIdentity,
  TopicPartition,
  TransactionalOffsetCommit,
} from "../services.ts";
import { checkName, type Group } from "./group.ts";
import type { GroupEvent, OffsetEvent, PendingEvent } from "./group-events.ts";
import type { GroupTable } from "./group-table.ts";
import type { GroupContext } from "./group-context.ts";
import {
  checkCommitter,
  checkEmpty,
  checkTransactionalCommitter,
  judgeCommit,
} from "./offset-commits.ts";
import { type Committed, lapsedOffsets } from "./offsets.ts";
import type { PendingEntry } from "./pending-offsets.ts";

// One decision is one batch: many lapsed offsets go in several.
const lapsedPerDecisionMax = 1000;

/** What commands about offsets are made of. */
export interface OffsetCommandsOptions {
  readonly groups: GroupTable;
  /** What decisions of a moment depend on beside the groups; Unix milliseconds. */
  readonly contextAt: (nowMs: number) => GroupContext;
}

/** One partition of a commit with what it comes to. */
interface Outcome {
  readonly place: TopicPartition;
  readonly committed: Committed | LogError;
}

/** Commands about the offsets of all groups. */
export class OffsetCommands {
  readonly #groups: GroupTable;
  readonly #contextAt: OffsetCommandsOptions["contextAt"];

  /** @param options The groups are read, never changed. */
  constructor({ groups, contextAt }: OffsetCommandsOptions) {
    this.#groups = groups;
    this.#contextAt = contextAt;
  }

  /** OffsetCommit. */
  commit(request: OffsetCommitRequest): Command<GroupEvent, readonly OffsetCommitResult[]> {
    return (nowMs) => {
      const { group: name, allOrNone = true } = request;
      checkName("group", name);
      const known = this.#groups.find(name);
      checkCommitter(known, request);
      const outcomes = this.#judge(request.offsets, nowMs);
      if (allOrNone) throwFirst(outcomes);
      const events = committedOf(outcomes).flatMap((one) => plainCommit(name, known, one));
      return { events: this.#withGroup(name, events), reply: outcomes.map(resultOf) };
    };
  }

  /** AlterConsumerGroupOffsets: sets offsets while nobody reads. */
  alter(name: string, offsets: readonly OffsetCommitPartition[]): Command<GroupEvent, void> {
    return (nowMs) => {
      checkName("group", name);
      const known = this.#groups.find(name);
      checkEmpty(name, known);
      const outcomes = this.#judge(offsets, nowMs);
      throwFirst(outcomes);
      const events = committedOf(outcomes).flatMap((one) => plainCommit(name, known, one));
      return { events: this.#withGroup(name, events), reply: undefined };
    };
  }

  /** TxnOffsetCommit: the offsets wait for the end of the transaction. The producer was checked before. */
  commitTransactional(
    request: TransactionalOffsetCommit,
  ): Command<GroupEvent, readonly OffsetCommitResult[]> {
    return (nowMs) => {
      const { group, producerId, producerEpoch } = request;
      checkName("group", group);
      const known = this.#groups.find(group);
      checkTransactionalCommitter(known, request);
      const outcomes = this.#judge(request.offsets, nowMs);
      const events = committedOf(outcomes).map(({ place, committed }): PendingEvent => {
        const { topic, partition } = place;
        const others = known?.pending.ofPartition(topic, partition) ?? [];
        const sequence = 1 + Math.max(0, ...others.map((other) => other.committed.sequence));
        const pending = { ...committed, producerEpoch, sequence };
        return { kind: "pending", group, producerId, topic, partition, pending };
      });
      return { events: this.#withGroup(group, events), reply: outcomes.map(resultOf) };
    };
  }

  /**
   * A transaction is over: what the producer had pending, at this epoch or an earlier one, is committed or dropped.
   * Decides nothing when there is nothing, or no such group.
   */
  endTransaction(
    group: string,
    { producerId, producerEpoch }: ProducerIdentity,
    isCommit: boolean,
  ): Command<GroupEvent, void> {
    return () => {
      const known = this.#groups.find(group);
      const events: GroupEvent[] = [];
      for (const entry of known?.pending.ofProducer(producerId) ?? []) {
        if (entry.committed.producerEpoch > producerEpoch) continue;
        if (known !== null && isCommit) events.push(...settled(known, entry));
        events.push(droppedPending(group, entry));
      }
      return { events, reply: undefined };
    };
  }

  /** OffsetDelete. What a transaction is about to commit comes nonetheless. */
  delete(
    group: string,
    partitions: readonly TopicPartition[],
  ): Command<GroupEvent, readonly OffsetCommitResult[]> {
    return (nowMs) => {
      checkName("group", group);
      const known = this.#groups.need(group);
      const { topics, patterns } = this.#contextAt(nowMs);
      const { classic } = known;
      if (classic !== null && classic.protocolType !== "consumer") checkEmpty(group, known);
      const subscribed = known.subscribedTopics(patterns);
      // While a classic group rebalances its members may come to read anything.
      const isOpen = classic?.hasKnownTopics() === false;
      const reply = partitions.map(({ topic, partition }): OffsetCommitResult => {
        if (topics(topic) === null)
          return { topic, partition, error: "UNKNOWN_TOPIC_OR_PARTITION" };
        const error = isOpen || subscribed.has(topic) ? "GROUP_SUBSCRIBED_TO_TOPIC" : null;
        return { topic, partition, error };
      });
      const events = reply
        .filter(({ topic, partition, error }) => {
          return error === null && known.offsets.find(topic, partition) !== null;
        })
        .map(({ topic, partition }): OffsetEvent => {
          return { kind: "offset", group, topic, partition, committed: null };
        });
      return { events, reply };
    };
  }

  /** Forgets the offsets of a topic that is gone, in all groups. */
  forgetTopic(topic: string, topicId: string): Command<GroupEvent, void> {
    return () => {
      for (const { offsets, pending } of this.#groups.all()) {
        if (!offsets.hasTopic(topic, topicId) && !pending.hasTopic(topic, topicId)) continue;
        return { events: [{ kind: "topic", topic, topicId }], reply: undefined };
      }
      return { events: [], reply: undefined };
    };
  }

  /**
   * Forgets offsets of a group that have lapsed, and the group when it has neither offsets nor members left. The reply
   * is true when there may be more to forget.
   *
   * @param ageMs The time by which offsets are old, Unix milliseconds; null: that of the command.
   */
  expire(group: string, ageMs: number | null = null): Command<GroupEvent, boolean> {
    return (nowMs) => {
      const known = this.#groups.find(group);
      const isReadAtAll = known?.classic?.hasKnownTopics() === false;
      if (known === null || isReadAtAll) return { events: [], reply: false };
      const { offsets, pending, emptySinceMs } = known;
      const { limits, patterns } = this.#contextAt(nowMs);
      const rule = {
        nowMs: ageMs ?? nowMs,
        retentionMs: limits.offsetsRetentionMs,
        emptySinceMs,
        subscribedTopics: known.subscribedTopics(patterns),
      };
      const lapsed = lapsedOffsets(offsets, rule, lapsedPerDecisionMax);
      if (lapsed.length === 0) {
        const isOver = offsets.isEmpty && pending.isEmpty && known.isVacant;
        return { events: isOver ? [{ kind: "group", group, header: null }] : [], reply: false };
      }
      const events = lapsed.map(({ topic, partition }): OffsetEvent => {
        return { kind: "offset", group, topic, partition, committed: null };
      });
      return { events, reply: true };
    };
  }

  #judge(offsets: readonly OffsetCommitPartition[], nowMs: number): readonly Outcome[] {
    const context = this.#contextAt(nowMs);
    return offsets.map((asked) => {
      const { topic, partition } = asked;
      return { place: { topic, partition }, committed: judgeCommit(asked, context) };
    });
  }

  /** The events, after the one that makes the group if they need it. */
  #withGroup(name: string, events: readonly GroupEvent[]): readonly GroupEvent[] {
    if (events.length === 0 || this.#groups.find(name) !== null) return events;
    return [{ kind: "group", group: name, header: this.#groups.newGroup(name).header }, ...events];
  }
}

/** A partition of a commit that is to be stored. */
interface Stored {
  readonly place: TopicPartition;
  readonly committed: Committed;
}

function committedOf(outcomes: readonly Outcome[]): readonly Stored[] {
  return outcomes.flatMap(({ place, committed }) => {
    return committed instanceof Error ? [] : [{ place, committed }];
  });
}

function throwFirst(outcomes: readonly Outcome[]): void {
  for (const { committed } of outcomes) if (committed instanceof Error) throw committed;
}

function resultOf({ place, committed }: Outcome): OffsetCommitResult {
  return { ...place, error: committed instanceof Error ? committed.code : null };
}

/** A commit that holds at once, and drops what transactions had pending in its partition before. */
function plainCommit(
  name: string,
  known: Group | null,
  { place, committed }: Stored,
): GroupEvent[] {
  const { topic, partition } = place;
  const before = known?.pending.ofPartition(topic, partition) ?? [];
  return [
    { kind: "offset", group: name, topic, partition, committed },
    ...before.map((entry) => droppedPending(name, entry)),
  ];
}

/** A pending offset becomes the committed one; what others had pending before it is dropped. */
function settled(
  group: Group,
  { producerId, topic, partition, committed }: PendingEntry,
): GroupEvent[] {
  const { sequence, producerEpoch: _, ...offset } = committed;
  const before = group.pending
    .ofPartition(topic, partition)
    .filter((entry) => entry.producerId !== producerId && entry.committed.sequence < sequence);
  return [
    { kind: "offset", group: group.name, topic, partition, committed: offset },
    ...before.map((entry) => droppedPending(group.name, entry)),
  ];
}

function droppedPending(
  group: string,
  { producerId, topic, partition }: Omit<PendingEntry, "committed">,
): PendingEvent {
  return { kind: "pending", group, producerId, topic, partition, pending: null };
}
