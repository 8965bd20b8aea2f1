// What a message says of its own delivery: fields that a record has only on its way into a queue. They become headers
// of the record, where the queue finds them.

import type { RecordHeader } from "../../record/batch-builder.ts";
import { messageHeaders, priorityMax } from "../../services.ts";
import type { RecordDraft } from "./record-draft.ts";
import { badRecord } from "./record-draft.ts";

/** The fields as clients name them. */
export const messageFields = ["delayMs", "deliverAtMs", "priority", "ttlMs", "dedupId"] as const;

/** One of them. */
export type MessageField = (typeof messageFields)[number];

type NumberField = Exclude<MessageField, "dedupId">;

/** The last instant that a JavaScript date has. */
const timeMsMax = 8.64e15;
const dedupIdCharactersMax = 255;

/** What the number fields may be. */
export const messageNumbers = {
  delayMs: { min: 0, max: timeMsMax },
  deliverAtMs: { min: 0, max: timeMsMax },
  priority: { min: 0, max: priorityMax },
  ttlMs: { min: 1, max: timeMsMax },
} as const satisfies Record<NumberField, { readonly min: number; readonly max: number }>;

/** The wishes of one message while it is read; used again for the next. */
export class MessageWishes {
  readonly #numbers: Record<NumberField, number | null> = noNumbers();
  #dedupId: string | null = null;
  #seen = 0;

  /** The id by which the message is told apart, or null: the field, or after `finish` the header given by hand. */
  get dedupId(): string | null {
    return this.#dedupId;
  }

  /** Forgets everything. */
  reset(): void {
    if (this.#seen !== 0) Object.assign(this.#numbers, noNumbers());
    this.#dedupId = null;
    this.#seen = 0;
  }

  /**
   * Takes a field; null counts as given, and says nothing.
   * @throws INVALID_RECORD when it was given before or is not what it must be.
   */
  set(field: MessageField, value: string | number | null, index: number): void {
    const bit = 1 << messageFields.indexOf(field);
    if ((this.#seen & bit) !== 0) throw badRecord(index, `'${field}' is given twice`);
    this.#seen |= bit;
    if (value === null) return;
    if (field === "dedupId") this.#dedupId = checkedDedupId(value, index);
    else this.#numbers[field] = checkedNumber(field, value, index);
  }

  /**
   * Puts what was given among the draft's headers.
   * @throws INVALID_RECORD when two things that were given say the same.
   */
  finish(draft: RecordDraft, nowMs: number, index: number): void {
    if (this.#seen === 0 && draft.headers.length === 0) return;
    const { delayMs, deliverAtMs, priority, ttlMs } = this.#numbers;
    if (delayMs !== null && deliverAtMs !== null) {
      throw badRecord(index, "give 'delayMs' or 'deliverAtMs', not both");
    }
    const added: RecordHeader[] = [];
    const add = (key: string, value: number | string | null): void => {
      if (value === null) return;
      if (draft.headers.some((header) => header.key === key)) {
        throw badRecord(index, `what header '${key}' says is also given as a field`);
      }
      added.push({ key, value: String(value) });
    };
    add(messageHeaders.deliverAt, delayMs === null ? deliverAtMs : nowMs + delayMs);
    add(messageHeaders.priority, priority);
    add(messageHeaders.expiresAt, ttlMs === null ? null : nowMs + ttlMs);
    add(messageHeaders.dedupId, this.#dedupId);
    const byHand = this.#dedupId === null ? idAmong(draft.headers) : null;
    if (byHand !== null) this.#dedupId = checkedDedupId(byHand, index);
    if (added.length > 0) draft.headers = [...draft.headers, ...added];
  }
}

/** The message field of that name; null when there is none. */
export function messageFieldOf(name: string): MessageField | null {
  return messageFields.find((field) => field === name) ?? null;
}

function noNumbers(): Record<NumberField, number | null> {
  return { delayMs: null, deliverAtMs: null, priority: null, ttlMs: null };
}

function checkedNumber(field: NumberField, value: string | number, index: number): number {
  const { min, max } = messageNumbers[field];
  if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) {
    return Number(value);
  }
  throw badRecord(index, `'${field}' must be an integer from ${min} to ${max}`);
}

function checkedDedupId(value: string | number, index: number): string {
  const isId = typeof value === "string" && value !== "" && value.length <= dedupIdCharactersMax;
  if (isId) return value;
  throw badRecord(index, `'dedupId' must be a string of 1 to ${dedupIdCharactersMax} characters`);
}

function idAmong(headers: readonly RecordHeader[]): string | null {
  const value = headers.findLast(({ key }) => key === messageHeaders.dedupId)?.value ?? null;
  return value === null || typeof value === "string" ? value : Buffer.from(value).toString("utf8");
}
