// Runs commands of a state machine without clock, log or disk; every event goes through its bytes on the way.

import { LogError } from "../../src/base/error.ts";
import type { Command, StateMachine } from "../../src/coordinator/state-machine.ts";

/** What a command did. */
export interface Outcome<Event, Reply> {
  readonly events: readonly Event[];
  readonly reply: Reply;
}

/** Decides, encodes, decodes and applies; throws what the command refuses with. */
export function runOn<Event, Reply>(
  machine: StateMachine<Event>,
  command: Command<Event, Reply>,
  nowMs = 1_000_000,
): Outcome<Event, Reply> {
  const { events, reply } = command(nowMs);
  const stored = events.map((event) => {
    const { key, value } = machine.encode(event);
    const decoded = machine.decode(key, value);
    if (decoded === null) throw new Error(`an event cannot be decoded: ${JSON.stringify(event)}`);
    return decoded;
  });
  for (const event of stored) machine.apply(event, nowMs);
  if (reply instanceof LogError) throw reply;
  return { events: stored, reply };
}

/** The code a command is refused with; `ok` when it is not. */
export function refusalOf<Event, Reply>(
  machine: StateMachine<Event>,
  command: Command<Event, Reply>,
): string {
  try {
    runOn(machine, command);
    return "ok";
  } catch (error) {
    if (error instanceof LogError) return error.code;
    throw error;
  }
}
