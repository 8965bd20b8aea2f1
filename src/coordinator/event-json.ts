// Stored events as JSON text: written plainly, read with every field checked.

import { LogError } from "../base/error.ts";
import { faultOf, type Schema, type Static } from "../base/schema.ts";
import type { EncodedEvent } from "./state-machine.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The record of an event; the bytes are new. */
export function jsonEvent(key: object, value: object | null): EncodedEvent {
  return {
    key: Buffer.from(JSON.stringify(key)),
    value: value === null ? null : Buffer.from(JSON.stringify(value)),
  };
}

/** Reads the events of one coordinator. */
export class EventReader {
  readonly #what: string;

  /** @param what What an event is called in an error: `a share group event`. */
  constructor(what: string) {
    this.#what = what;
  }

  /** @throws KAFKA_STORAGE_ERROR */
  parsed(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(decoder.decode(bytes));
    } catch (error) {
      throw new LogError("KAFKA_STORAGE_ERROR", `${this.#what} is not JSON`, { cause: error });
    }
  }

  /** The value, if the schema admits it. @throws KAFKA_STORAGE_ERROR */
  checked<Of extends Schema>(schema: Of, value: unknown): Static<Of> {
    const fault = faultOf(schema, value);
    if (fault === null) return value as Static<Of>;
    throw this.unreadable(`${fault.path.join(".") || "it"} ${fault.message}`);
  }

  /** The error for an event that cannot be read. */
  unreadable(why: string): LogError {
    return new LogError("KAFKA_STORAGE_ERROR", `${this.#what} cannot be read: ${why}`);
  }
}
