// Reads the fields of stored group events: JSON that this program wrote, checked all the same.

import { LogError } from "../base/error.ts";
import type { TopicAssignment } from "../services.ts";
import { type Assignment, assignmentOf } from "./assignment.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A JSON object whose fields are checked as they are read. Every method throws KAFKA_STORAGE_ERROR. */
export class EventFields {
  readonly #fields: Readonly<Record<string, unknown>>;

  /** @param source Its text as bytes, or an object that was parsed already. */
  constructor(source: Uint8Array | Readonly<Record<string, unknown>>) {
    this.#fields = source instanceof Uint8Array ? parsedObject(source) : source;
  }

  /** True when the field is there and null. */
  isNull(name: string): boolean {
    return this.#fields[name] === null;
  }

  /** True when the field is there: an older program may not have written it. */
  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  /** A text. */
  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== "string") throw unreadable(name);
    return value;
  }

  /** A safe integer. */
  integer(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw unreadable(name);
    return value;
  }

  /** A text, or null. */
  textOrNull(name: string): string | null {
    return this.isNull(name) ? null : this.text(name);
  }

  /** True or false. */
  flag(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value !== "boolean") throw unreadable(name);
    return value;
  }

  /** Bytes, written as base64. */
  bytes(name: string): Uint8Array {
    return Buffer.from(this.text(name), "base64");
  }

  /** A list of objects. */
  objects(name: string): readonly EventFields[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw unreadable(name);
    return value.map((item: unknown) => {
      if (!isObject(item)) throw unreadable(name);
      return new EventFields(item);
    });
  }

  /** A list of texts. */
  texts(name: string): readonly string[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw unreadable(name);
    return value.map((item: unknown) => {
      if (typeof item !== "string") throw unreadable(name);
      return item;
    });
  }

  /** Partitions by topic. */
  assignment(name: string): Assignment {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw unreadable(name);
    return assignmentOf(value.map((item: unknown) => readTopic(name, item)));
  }
}

function parsedObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new LogError("KAFKA_STORAGE_ERROR", "a group event is not JSON", { cause: error });
  }
  if (!isObject(parsed)) throw new LogError("KAFKA_STORAGE_ERROR", "a group event is no object");
  return parsed;
}

function readTopic(name: string, item: unknown): TopicAssignment {
  if (!isObject(item)) throw unreadable(name);
  const topic = item["topic"];
  const partitions = item["partitions"];
  if (typeof topic !== "string" || !Array.isArray(partitions)) throw unreadable(name);
  const numbers = partitions.map((partition: unknown) => {
    if (typeof partition !== "number" || !Number.isSafeInteger(partition)) throw unreadable(name);
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
