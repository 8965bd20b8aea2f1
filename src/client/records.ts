// Records as a client writes and reads them, and their form in MessagePack bodies.

import { invalidArgument } from "./errors.ts";

/** Bytes, or text that is stored as UTF-8. */
export type BytesLike = Uint8Array | string;

/** A record to be appended. */
export interface RecordInput {
  /** Decides the partition when none is given: the one any Kafka client picks for this key. */
  readonly key?: BytesLike | null;
  /** Null is a tombstone. */
  readonly value: BytesLike | null;
  /** An array repeats the name. */
  readonly headers?: Readonly<Record<string, BytesLike | readonly BytesLike[]>>;
  /** Unix milliseconds; the server's time when left out. */
  readonly timestampMs?: number;
  /** Overrides the choice by key. */
  readonly partition?: number;
}

/** Where a record was stored. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
}

/**
 * What a reader sees of transactions: `read_committed` (the server's default) only records that cannot be taken back
 * any more, `read_uncommitted` all of them.
 */
export type Isolation = "read_committed" | "read_uncommitted";

/** A record as read. Byte fields are views of the reply's buffer: copy what is kept for long. */
export interface ConsumedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Unix milliseconds; -1 when the record has none. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  /** Null is a tombstone. */
  readonly value: Uint8Array | null;
  /** Each name's value, or its values in order when the name is repeated. */
  readonly headers: Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>;
}

/** A record read by a member of a group, which may read several topics. */
export interface GroupRecord extends ConsumedRecord {
  readonly topic: string;
}

// What a record costs in a body besides its bytes: field names, lengths, partition and time.
const overheadBytes = 64;

/** About how many bytes a record takes in a request body; never fewer than its own bytes. */
export function recordBytes(record: RecordInput): number {
  let bytes = overheadBytes + sizeOf(record.key ?? null) + sizeOf(record.value);
  if (record.headers === undefined) return bytes;
  for (const [name, value] of Object.entries(record.headers)) {
    bytes += name.length * 3 + 16;
    for (const one of listOf(value)) bytes += sizeOf(one) + 5;
  }
  return bytes;
}

/** The record as an entry of a produce body; absent fields are left out, for nil would mean something else. */
export function toWire(record: RecordInput): Readonly<Record<string, unknown>> {
  const wire: Record<string, unknown> = {};
  if (record.key !== undefined && record.key !== null) wire["key"] = record.key;
  if (record.value !== null) wire["value"] = record.value;
  if (record.headers !== undefined) wire["headers"] = record.headers;
  if (record.timestampMs !== undefined) wire["timestampMs"] = record.timestampMs;
  if (record.partition !== undefined) wire["partition"] = record.partition;
  return wire;
}

/** Refuses what a caller without types may pass, before it becomes a surprising body. */
export function checkRecord(record: RecordInput): void {
  if (!isBytesLike(record.value) && record.value !== null) {
    throw invalidArgument(
      "a record's value is a Uint8Array, a string or null; encode other things first",
    );
  }
  const key: unknown = record.key ?? null;
  if (key !== null && !isBytesLike(key)) {
    throw invalidArgument("a record's key is a Uint8Array, a string or null");
  }
}

/** The bytes of a key, for the choice of a partition. */
export function bytesOf(value: BytesLike): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "utf8") : value;
}

function isBytesLike(value: unknown): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

function listOf(value: BytesLike | readonly BytesLike[]): readonly BytesLike[] {
  return typeof value === "string" || value instanceof Uint8Array ? [value] : value;
}

// A UTF-16 unit is at most three bytes of UTF-8; counting exactly would read every text twice.
function sizeOf(value: BytesLike | null): number {
  if (value === null) return 0;
  return typeof value === "string" ? value.length * 3 : value.length;
}
