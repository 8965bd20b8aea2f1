// What is written of groups: one event a record, key and value as JSON text, so that a dump of the log can be read.
//
//   key                                                  value
//   {"kind":"group","group":G}                           epochs of the group; null: it is gone with all it had
//   {"kind":"member","group":G,"member":M}               a member and what it has; null: it is gone with its target
//   {"kind":"target","group":G,"member":M}               what a member should have
//   {"kind":"offset","group":G,"topic":T,"partition":P}  a committed offset; null: it is gone
//   {"kind":"topic","topic":T,"topicId":I}               null: every group's offsets in that topic are gone
//
// Each value has a `version`, now 1. A kind or version that is not known here was written by a newer program.

import { LogError } from "../base/error.ts";
import type { EncodedEvent } from "../coordinator/state-machine.ts";
import type { TopicAssignment } from "../services.ts";
import { type Assignment, assignmentOf, listOf } from "./assignment.ts";
import type { GroupHeader, Member } from "./group.ts";
import type { Committed } from "./offsets.ts";

/** Something that happened to groups. */
export type GroupEvent =
  | { readonly kind: "group"; readonly group: string; readonly header: GroupHeader | null }
  | MemberEvent
  | TargetEvent
  | OffsetEvent
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

const version = 1;
const decoder = new TextDecoder("utf-8", { fatal: true });

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
      if (committed === null) return { key, value: null };
      const { offset, metadata, committedAtMs, topicId } = committed;
      return { key, value: { version, offset, metadata, committedAtMs, topicId } };
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
  const about = new Fields(key);
  const content = value === null ? null : new Fields(value);
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
      const committed = readCommitted(content);
      return { kind: "offset", group: about.text("group"), topic, partition, committed };
    }
    case "topic":
      return { kind: "topic", topic: about.text("topic"), topicId: about.text("topicId") };
    default:
      return null;
  }
}

function readHeader(content: Fields | null): GroupHeader | null {
  if (content === null) return null;
  return {
    epoch: content.integer("epoch"),
    assignmentEpoch: content.integer("assignmentEpoch"),
    topicsDigest: content.text("topicsDigest"),
    emptySinceMs: content.isNull("emptySinceMs") ? null : content.integer("emptySinceMs"),
  };
}

function readMember(memberId: string, content: Fields | null): Member | null {
  if (content === null) return null;
  const assignor = content.isNull("assignor") ? null : content.text("assignor");
  return {
    memberId,
    memberEpoch: content.integer("memberEpoch"),
    previousEpoch: content.integer("previousEpoch"),
    clientId: content.text("clientId"),
    clientHost: content.text("clientHost"),
    subscribedTopics: content.texts("subscribedTopics"),
    assignor: assignor === "uniform" || assignor === "range" ? assignor : null,
    sessionTimeoutMs: content.integer("sessionTimeoutMs"),
    rebalanceTimeoutMs: content.integer("rebalanceTimeoutMs"),
    assigned: content.assignment("assigned"),
    revoking: content.assignment("revoking"),
  };
}

function readCommitted(content: Fields | null): Committed | null {
  if (content === null) return null;
  return {
    offset: content.integer("offset"),
    metadata: content.text("metadata"),
    committedAtMs: content.integer("committedAtMs"),
    topicId: content.text("topicId"),
  };
}

/** A JSON object whose fields are checked as they are read. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(bytes: Uint8Array) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(decoder.decode(bytes));
    } catch (error) {
      throw new LogError("KAFKA_STORAGE_ERROR", "a group event is not JSON", { cause: error });
    }
    if (!isObject(parsed)) throw new LogError("KAFKA_STORAGE_ERROR", "a group event is no object");
    this.#fields = parsed;
  }

  isNull(name: string): boolean {
    return this.#fields[name] === null;
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== "string") throw unreadable(name);
    return value;
  }

  integer(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw unreadable(name);
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw unreadable(name);
    return value.map((item: unknown) => {
      if (typeof item !== "string") throw unreadable(name);
      return item;
    });
  }

  assignment(name: string): Assignment {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw unreadable(name);
    return assignmentOf(value.map((item: unknown) => readTopic(name, item)));
  }
}

function readTopic(name: string, item: unknown): TopicAssignment {
  if (!isObject(item)) throw unreadable(name);
  const topic = item["topic"];
  const partitions = item["partitions"];
  if (typeof topic !== "string" || !Array.isArray(partitions)) throw unreadable(name);
  const numbers = partitions.map((partition: unknown) => {
    if (typeof partition !== "number") throw unreadable(name);
    return partition;
  });
  return { topic, partitions: numbers };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unreadable(name: string): LogError {
  return new LogError("KAFKA_STORAGE_ERROR", `a group event has no readable field ${name}`);
}
