// A state kept in a log: commands decide what happens, events say what happened, and only events change the state.
//
// The same events in the same order give the same state, live or replayed. So a command reads and never writes; time
// comes in as a number; and an event carries the whole new value of what its key names (or that it is gone), never a
// difference. The last rule makes a snapshot that is written while commands run correct: see `coordinator.ts`.

import type { LogError } from "../base/error.ts";

/** What a command decided. */
export interface Decision<Event, Reply> {
  /** What happens, in order; stored as one batch, so a crash keeps all of it or nothing. Empty for a query. */
  readonly events: readonly Event[];
  /** The answer, or why there is none; given once everything decided so far is durable. */
  readonly reply: Reply | LogError;
}

/**
 * Decides on the state as it is now; reads it and changes nothing. Throwing a LogError is the same as replying with it
 * and deciding on no events.
 *
 * @param nowMs Wall clock, Unix milliseconds; becomes the timestamp of the events.
 */
export interface Command<Event, Reply> {
  (nowMs: number): Decision<Event, Reply>;
}

/** An event as the log keeps it. */
export interface EncodedEvent {
  /** Names what the event is about; two events with equal keys are about the same thing. */
  readonly key: Uint8Array;
  /** The new value; null when the thing is gone. */
  readonly value: Uint8Array | null;
}

/** A state that events build. Its commands are methods of its own that return a `Decision`. */
export interface StateMachine<Event> {
  /**
   * Changes the state. Never fails: an event that removes what is not there, or is about a part that a later snapshot
   * event brings, is taken as it is.
   *
   * @param timestampMs When it was decided, Unix milliseconds; the same on replay.
   */
  apply(event: Event, timestampMs: number): void;
  /** The bytes of an event; the caller owns them. */
  encode(event: Event): EncodedEvent;
  /**
   * The event of stored bytes, which may be borrowed and are not kept. Null for a kind or version that only a newer
   * program knows.
   * @throws KAFKA_STORAGE_ERROR when a known kind cannot be read.
   */
  decode(key: Uint8Array, value: Uint8Array | null): Event | null;
  /**
   * Events that build the present state from nothing. Each is made when it is asked for and holds the value of that
   * moment; commands may run between two of them. What is added meanwhile may be left out.
   */
  snapshot(): Iterable<Event>;
  /** Forgets everything, before a replay. */
  clear(): void;
}
