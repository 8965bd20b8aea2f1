// What is written of share groups: one event a record, key and value as JSON text, so that a dump of the log can be
// read.
//
//   key                                                                   value
//   {"kind":"group","group":G}                                            its settings; null: the group is gone
//   {"kind":"partition","group":G,"topic":T,"partition":P}                frontier, epoch, counts; null: forgotten
//   {"kind":"run","group":G,"topic":T,"partition":P,"first":F,"last":L}   the fate of these records; null: settled
//   {"kind":"runs","group":G,"topic":T,"partition":P,"first":F}           the same of many runs, the first at F: packed
//   {"kind":"move","group":G,"topic":T,"partition":P}                     records that leave; null: they have left
//
// A run gives each of its offsets a value, and takes it from whatever run it had before. Each value has a `version`,
// now 1. A kind or version that is not known here was written by a newer program.

import { Type } from "../base/schema.ts";
import { EventReader, jsonEvent } from "../coordinator/event-json.ts";
import type { EncodedEvent } from "../coordinator/state-machine.ts";
import { type Change, packedRuns, packedSchema, unpackedRuns } from "./packed-runs.ts";
import {
  fatedLength,
  fateOffsetsMax,
  freshFate,
  isFateRange,
  type OffsetRange,
  type RecordFate,
} from "./record-run.ts";
import type { Move, ShareHeader } from "./share-partition.ts";
import type { GivenSettings } from "./share-settings.ts";

/** A share partition by name. */
export interface SharePlace {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/** Something that happened to share groups. */
export type ShareEvent =
  | { readonly kind: "group"; readonly group: string; readonly settings: GivenSettings | null }
  | ({ readonly kind: "partition"; readonly header: ShareHeader | null } & SharePlace)
  | ({ readonly kind: "run"; readonly fate: RecordFate | null } & SharePlace & OffsetRange)
  | ({ readonly kind: "runs"; readonly runs: readonly Change[] } & SharePlace)
  | ({ readonly kind: "move"; readonly move: Move | null } & SharePlace);

const version = 1;
const reader = new EventReader("a share group event");

const keySchema = Type.Object({
  kind: Type.String(),
  group: Type.Optional(Type.String()),
  topic: Type.Optional(Type.String()),
  partition: Type.Optional(Type.Integer()),
  first: Type.Optional(Type.Integer()),
  last: Type.Optional(Type.Integer()),
});
const versionSchema = Type.Object({ version: Type.Integer() });
const count = Type.Integer({ minimum: 0 });
const headerSchema = Type.Object({
  topicId: Type.String(),
  epoch: Type.Integer(),
  frontier: count,
  counts: Type.Object({
    delivered: count,
    acked: count,
    nacked: count,
    lapsed: count,
    expired: count,
    dead: count,
    dropped: count,
  }),
});
// What has its default is left out.
const fateSchema = Type.Object({
  phase: Type.Optional(Type.Enum(["waiting", "leased", "leaving"])),
  deliveries: Type.Optional(count),
  dueMs: Type.Optional(Type.Integer()),
  expiresAtMs: Type.Optional(Type.Integer()),
  priority: Type.Optional(Type.Integer()),
  keyHash: Type.Optional(Type.Integer()),
  owner: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  bytes: Type.Number(),
});
const moveSchema = Type.Object({
  topic: Type.String(),
  partition: Type.Integer(),
  producerId: Type.Integer(),
  producerEpoch: Type.Integer(),
  baseSequence: Type.Integer(),
  offsets: Type.Array(Type.Integer()),
  atMs: Type.Integer(),
});
const groupSchema = Type.Object({ settings: Type.Object({}) });

/** The record of an event; the bytes are new. */
export function encodeShareEvent(event: ShareEvent): EncodedEvent {
  const { kind, group } = event;
  if (kind === "group") {
    const { settings } = event;
    return jsonEvent({ kind, group }, settings === null ? null : { version, settings });
  }
  const { topic, partition } = event;
  const place = { kind, group, topic, partition };
  switch (kind) {
    case "partition":
      return jsonEvent(place, event.header === null ? null : { version, ...event.header });
    case "move":
      return jsonEvent(place, event.move === null ? null : { version, ...event.move });
    case "run": {
      const { first, last, fate } = event;
      return jsonEvent({ ...place, first, last }, fate === null ? null : writtenFate(fate));
    }
    case "runs": {
      const { runs } = event;
      const first = runs[0]?.first ?? 0;
      return jsonEvent({ ...place, first }, { version, ...packedRuns(runs) });
    }
  }
}

/**
 * The event of a record; null for a kind or version that is not known here.
 * @throws KAFKA_STORAGE_ERROR when a known kind misses what it must have.
 */
export function decodeShareEvent(key: Uint8Array, value: Uint8Array | null): ShareEvent | null {
  const names = reader.checked(keySchema, reader.parsed(key));
  const content = value === null ? null : reader.parsed(value);
  if (content !== null && reader.checked(versionSchema, content).version > version) return null;
  const { kind, group, topic, partition, first, last } = names;
  if (group === undefined) return null;
  if (kind === "group") {
    if (content === null) return { kind, group, settings: null };
    return { kind, group, settings: reader.checked(groupSchema, content).settings };
  }
  if (kind !== "partition" && kind !== "run" && kind !== "runs" && kind !== "move") {
    return null;
  }
  if (topic === undefined || partition === undefined) {
    throw reader.unreadable("it names no partition");
  }
  const place = { group, topic, partition };
  if (kind === "partition") {
    if (content === null) return { kind, ...place, header: null };
    const { topicId, epoch, frontier, counts } = reader.checked(headerSchema, content);
    return { kind, ...place, header: { topicId, epoch, frontier, counts } };
  }
  if (kind === "move") {
    return { kind, ...place, move: content === null ? null : readMove(content) };
  }
  if (first === undefined) throw reader.unreadable("it names no offsets");
  if (kind === "runs") {
    const runs = unpackedRuns(reader.checked(packedSchema, content), first);
    if (runs === null) throw reader.unreadable("a run has a fate that is not told");
    checkRanges(runs);
    return { kind, ...place, runs };
  }
  if (last === undefined) throw reader.unreadable("it names no last offset");
  const fate = content === null ? null : readFate(content);
  checkRange({ first, last, fate });
  return { kind, ...place, first, last, fate };
}

// Each may be as long as an event may be: it is what they are together that is bounded.
function checkRanges(runs: readonly Change[]): void {
  let fated = 0;
  for (const run of runs) {
    checkRange(run);
    fated += fatedLength(run);
  }
  if (fated <= fateOffsetsMax) return;
  throw reader.unreadable(`${fated} offsets are more than one event gives a fate`);
}

function checkRange({ first, last, fate }: Change): void {
  if (isFateRange({ first, last }, fate)) return;
  throw reader.unreadable(`offsets ${first} to ${last} are none that have one fate`);
}

function writtenFate(fate: RecordFate): object {
  const fresh = freshFate(fate.bytes);
  const told = Object.entries(fate).filter(([name, value]) => {
    return name === "bytes" || value !== fresh[name as keyof RecordFate];
  });
  return { version, ...Object.fromEntries(told) };
}

function readFate(content: unknown): RecordFate {
  const { bytes, ...told } = reader.checked(fateSchema, content);
  const { phase, deliveries, dueMs, expiresAtMs, priority, keyHash, owner, reason } = told;
  const fresh = freshFate(bytes);
  return {
    phase: phase ?? fresh.phase,
    deliveries: deliveries ?? fresh.deliveries,
    dueMs: dueMs ?? fresh.dueMs,
    expiresAtMs: expiresAtMs ?? fresh.expiresAtMs,
    priority: priority ?? fresh.priority,
    keyHash: keyHash ?? fresh.keyHash,
    owner: owner ?? fresh.owner,
    reason: reason ?? fresh.reason,
    bytes,
  };
}

function readMove(content: unknown): Move {
  const { topic, partition, producerId, producerEpoch, baseSequence, offsets, atMs } =
    reader.checked(moveSchema, content);
  return { topic, partition, producerId, producerEpoch, baseSequence, offsets, atMs };
}
