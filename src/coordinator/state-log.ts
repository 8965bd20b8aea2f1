// The little that a coordinator asks of a log.

import type { LogPositions, PendingAppend } from "../log/log-types.ts";
import type { EncodedEvent } from "./state-machine.ts";

/** One stored event; key and value are on loan until the callback that got them returns. */
export interface StoredEvent extends EncodedEvent {
  readonly offset: number;
  /** When it was decided, Unix milliseconds. */
  readonly timestampMs: number;
}

/** Takes one stored event after the other. */
export interface StoredEventListener {
  (event: StoredEvent): void;
}

/** A log with one writer: its coordinator. */
export interface StateLog {
  /**
   * Appends the events (at least one) as one batch, synchronously; it is durable whole or not at all.
   *
   * @returns Its offsets; `durable` resolves in order of appending, and when one rejects so does every later one that
   *          was appended before the rejection.
   * @throws  What `Log.append` throws; nothing was appended then.
   */
  append(events: readonly EncodedEvent[], timestampMs: number): PendingAppend;
  /**
   * Hands every event between log start and log end to `onEvent`, in order.
   * @throws CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR
   */
  replay(onEvent: StoredEventListener): Promise<void>;
  /** Forgets what is below the offset; resolves when it will not come back. */
  trim(offset: number): Promise<void>;
  /** Where the log begins and ends now. The end goes back when appends were refused for lack of room. */
  positions(): LogPositions;
}
