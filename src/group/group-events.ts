// What is written of groups: one event a record, key and value as JSON text, so that a dump of the log can be read.
//
//   key                                                  value
//   {"kind":"group","group":G}                           epochs of the group; null: it is gone with all it had
//   {"kind":"member","group":G,"member":M}               a member and what it has; null: it is gone with its target
//   {"kind":"target","group":G,"member":M}               what a member should have
//   {"kind":"offset","group":G,"topic":T,"partition":P}  a committed offset; null: it is gone
//   {"kind":"pending", as offset, "producerId":I}        what an open transaction is about to commit; null: no more
//   {"kind":"classic","group":G}                         a classic group's generation; null: it is none any more
//   {"kind":"topic","topic":T,"topicId":I}               null: all offsets in that topic are gone, pending ones too
//
// Each value has a `version`, now 1. A kind or version that is not known here was written by a newer program.

import type { EncodedEvent } from "../coordinator/state-machine.ts";
import { type Assignment, listOf } from "./assignment.ts";
import { generationJson, readGeneration } from "./classic-events.ts";
import type { Generation } from "./classic-group.ts";
import { EventFields } from "./event-fields.ts";
import type { GroupHeader, Member } from "./group.ts";
import type { Committed } from "./offsets.ts";
import type { PendingOffset } from "./pending-offsets.ts";

/** Something that happened to groups. */
export type GroupEvent =
  | { readonly kind: "group"; readonly group: string; readonly header: GroupHeader | null }
  | MemberEvent
  | TargetEvent
  | OffsetEvent
  | PendingEvent
  | ClassicEvent
  | { readonly kind: "topic"; readonly topic: string; readonly topicId: string };

/** A member came, changed or went (null). */
export interface MemberEvent {
  readonly kind: "member";
  readonly group: string;
  readonly memberId: string;
  readonly member: Member | null;
}

/** What a member should have from now on. */
export interface TargetEvent {
  readonly kind: "target";
  readonly group: string;
  readonly memberId: string;
  readonly target: Assignment;
}

/** An offset was committed, or forgotten (null). */
export interface OffsetEvent {
  readonly kind: "offset";
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly committed: Committed | null;
}

/** A classic group has a new generation or its assignment, or is of this kind no longer (null). */
export interface ClassicEvent {
  readonly kind: "classic";
  readonly group: string;
  readonly generation: Generation | null;
}

/** A transaction is about to commit an offset, or that is over (null). */
export interface PendingEvent {
  readonly kind: "pending";
  readonly group: string;
  readonly producerId: number;
  readonly topic: string;
  readonly partition: number;
  readonly pending: PendingOffset | null;
}

const version = 1;

/** The record of an event; the bytes are new. */
export function encodeGroupEvent(event: GroupEvent): EncodedEvent {
  const { key, value } = jsonOf(event);
  return {
    key: Buffer.from(JSON.stringify(key)),
    value: value === null ? null : Buffer.from(JSON.stringify(value)),
  };
}

function jsonOf(event: GroupEvent): { readonly key: object; readonly value: object | null } {
  const { kind } = event;
  switch (kind) {
    case "group": {
      const { group, header } = event;
      return { key: { kind, group }, value: header === null ? null : { version, ...header } };
    }
    case "member": {
      const key = { kind, group: event.group, member: event.memberId };
      if (event.member === null) return { key, value: null };
      const { memberId: _, assigned, revoking, ...rest } = event.member;
      const sets = { assigned: listOf(assigned), revoking: listOf(revoking) };
      return { key, value: { version, ...rest, ...sets } };
    }
    case "target": {
      const key = { kind, group: event.group, member: event.memberId };
      return { key, value: { version, partitions: listOf(event.target) } };
    }
    case "offset": {
      const { group, topic, partition, committed } = event;
      const key = { kind, group, topic, partition };
      return { key, value: committed === null ? null : { version, ...committed } };
    }
    case "pending": {
      const { group, producerId, topic, partition, pending } = event;
      const key = { kind, group, topic, partition, producerId };
      return { key, value: pending === null ? null : { version, ...pending } };
    }
    case "classic": {
      const { group, generation } = event;
      const key = { kind, group };
      if (generation === null) return { key, value: null };
      return { key, value: { version, ...generationJson(generation) } };
    }
    case "topic":
      return { key: { kind, topic: event.topic, topicId: event.topicId }, value: null };
  }
}

/**
 * The event of a record; null for a kind or version that is not known here.
 * @throws KAFKA_STORAGE_ERROR when a known kind misses what it must have.
 */
export function decodeGroupEvent(key: Uint8Array, value: Uint8Array | null): GroupEvent | null {
  const about = new EventFields(key);
  const content = value === null ? null : new EventFields(value);
  if (content !== null && content.integer("version") > version) return null;
  switch (about.text("kind")) {
    case "group":
      return { kind: "group", group: about.text("group"), header: readHeader(content) };
    case "member": {
      const memberId = about.text("member");
      const member = readMember(memberId, content);
      return { kind: "member", group: about.text("group"), memberId, member };
    }
    case "target": {
      const target = content === null ? new Map() : content.assignment("partitions");
      return { kind: "target", group: about.text("group"), memberId: about.text("member"), target };
    }
    case "offset": {
      const topic = about.text("topic");
      const partition = about.integer("partition");
      const committed = content === null ? null : readCommitted(content);
      return { kind: "offset", group: about.text("group"), topic, partition, committed };
    }
    case "pending":
      return readPending(about, content);
    case "classic": {
      const generation = content === null ? null : readGeneration(content);
      return { kind: "classic", group: about.text("group"), generation };
    }
    case "topic":
      return { kind: "topic", topic: about.text("topic"), topicId: about.text("topicId") };
    default:
      return null;
  }
}

function readHeader(content: EventFields | null): GroupHeader | null {
  if (content === null) return null;
  return {
    epoch: content.integer("epoch"),
    assignmentEpoch: content.integer("assignmentEpoch"),
    topicsDigest: content.text("topicsDigest"),
    emptySinceMs: content.isNull("emptySinceMs") ? null : content.integer("emptySinceMs"),
  };
}

function readMember(memberId: string, content: EventFields | null): Member | null {
  if (content === null) return null;
  const assignor = content.isNull("assignor") ? null : content.text("assignor");
  return {
    memberId,
    memberEpoch: content.integer("memberEpoch"),
    previousEpoch: content.integer("previousEpoch"),
    clientId: content.text("clientId"),
    clientHost: content.text("clientHost"),
    // Older programs did not write these two.
    instanceId: content.has("instanceId") ? content.textOrNull("instanceId") : null,
    subscribedTopicRegex: content.has("subscribedTopicRegex")
      ? content.textOrNull("subscribedTopicRegex")
      : null,
    subscribedTopics: content.texts("subscribedTopics"),
    assignor: assignor === "uniform" || assignor === "range" ? assignor : null,
    sessionTimeoutMs: content.integer("sessionTimeoutMs"),
    rebalanceTimeoutMs: content.integer("rebalanceTimeoutMs"),
    assigned: content.assignment("assigned"),
    revoking: content.assignment("revoking"),
  };
}

function readCommitted(content: EventFields): Committed {
  return {
    offset: content.integer("offset"),
    metadata: content.text("metadata"),
    committedAtMs: content.integer("committedAtMs"),
    topicId: content.text("topicId"),
    leaderEpoch: content.has("leaderEpoch") ? content.integer("leaderEpoch") : -1,
  };
}

function readPending(about: EventFields, content: EventFields | null): PendingEvent {
  const pending =
    content === null
      ? null
      : {
          ...readCommitted(content),
          producerEpoch: content.integer("producerEpoch"),
          sequence: content.integer("sequence"),
        };
  return {
    kind: "pending",
    group: about.text("group"),
    producerId: about.integer("producerId"),
    topic: about.text("topic"),
    partition: about.integer("partition"),
    pending,
  };
}
