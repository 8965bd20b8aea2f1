// One record of a produce request while it is read: the decoders fill it, staging takes it, and it is used again.

import { LogError } from "../../base/error.ts";
import type { RecordFields, RecordHeader } from "../../record/batch-builder.ts";
import { noHeaders } from "../../record/batch-builder.ts";

/** A record as a request states it. Bytes are views of the request's body until staging has copied them. */
export class RecordDraft implements RecordFields {
  /** Unix milliseconds; -1 while the request states none. */
  timestampMs = -1;
  key: Uint8Array | null = null;
  /** Null is a tombstone; else the value is `value[valueStart, valueEnd)`. */
  value: Uint8Array | null = null;
  valueStart = 0;
  valueEnd = 0;
  headers: readonly RecordHeader[] = noHeaders;
  /** The partition asked for; -1 when none was. */
  partition = -1;

  /** Makes it empty. */
  reset(): void {
    this.timestampMs = -1;
    this.key = null;
    this.value = null;
    this.valueStart = 0;
    this.valueEnd = 0;
    this.headers = noHeaders;
    this.partition = -1;
  }

  /** Another draft of the same record, for who uses it after the next one was read. Bytes stay views. */
  copy(): RecordDraft {
    return Object.assign(new RecordDraft(), this);
  }

  /** Sets the value to bytes [start, end) of `bytes`. */
  setValue(bytes: Uint8Array, start: number, end: number): void {
    this.value = bytes;
    this.valueStart = start;
    this.valueEnd = end;
  }
}

/** The fields of a record as clients name them. */
export type RecordField =
  | "key"
  | "keyB64"
  | "value"
  | "text"
  | "b64"
  | "headers"
  | "partition"
  | "timestampMs";

// Every name has its own length and first letter, so that one comparison finds the only candidate.
function candidateField(length: number, firstByte: number): RecordField | null {
  switch (length) {
    case 3:
      return firstByte === 0x6b ? "key" : "b64";
    case 4:
      return "text";
    case 5:
      return "value";
    case 6:
      return "keyB64";
    case 7:
      return "headers";
    case 9:
      return "partition";
    case 11:
      return "timestampMs";
    default:
      return null;
  }
}

/** The field whose name is bytes [start, end); null when there is none of that name. */
export function recordFieldAt(bytes: Uint8Array, start: number, end: number): RecordField | null {
  const name = candidateField(end - start, bytes[start] ?? 0);
  if (name === null) return null;
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + index] !== name.charCodeAt(index)) return null;
  }
  return name;
}

const fieldBits = {
  key: 1,
  keyB64: 2,
  value: 4,
  text: 8,
  b64: 16,
  headers: 32,
  partition: 64,
  timestampMs: 128,
} as const satisfies Record<RecordField, number>;

/**
 * Notes that a field is given.
 *
 * @param seen What this answered for the field before; 0 for the first.
 * @throws INVALID_RECORD when the field, or another that says the same thing, was given before.
 */
export function noteField(seen: number, field: RecordField, index: number): number {
  const bit = fieldBits[field];
  const now = seen | bit;
  if ((seen & bit) !== 0) throw badRecord(index, `'${field}' is given twice`);
  if ((now & 3) === 3) throw badRecord(index, "give 'key' or 'keyB64', not both");
  const values = now & 28;
  if ((values & (values - 1)) !== 0) {
    throw badRecord(index, "give exactly one of 'value', 'text' and 'b64'");
  }
  return now;
}

/** The error for record `index` of a request. */
export function badRecord(index: number, detail: string): LogError {
  return new LogError("INVALID_RECORD", `record ${index}: ${detail}`, { facts: { index } });
}

/** The error for a field that records do not have; `more` names those they have in this place only. */
export function unknownField(index: number, name: string, more: readonly string[] = []): LogError {
  const shown = JSON.stringify(name.slice(0, 60));
  const known = [...Object.keys(fieldBits), ...more].join(", ");
  return badRecord(index, `there is no field ${shown}; a record has ${known}`);
}

/**
 * The bytes of standard base64 with padding.
 * @throws INVALID_RECORD when it is not exactly that.
 */
export function strictBase64(text: string, index: number): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  // Buffer skips what it does not know, so only what comes back unchanged was base64.
  if (bytes.toString("base64") !== text) {
    throw badRecord(index, "not standard base64 (A-Z a-z 0-9 + / with = padding)");
  }
  return bytes;
}

/** @throws INVALID_RECORD when `value` is no partition index. */
export function checkedPartition(value: number, index: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw badRecord(index, "'partition' must be an integer from 0");
}

/** @throws INVALID_RECORD when `value` is no Unix time in milliseconds. */
export function checkedTimestamp(value: number, index: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw badRecord(index, "'timestampMs' must be an integer from 0, Unix milliseconds");
}
