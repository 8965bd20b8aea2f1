// Event logs as inputs, and what state machines promise about them.
//
// An input is a log: events with 0x1e between them, in each the key, 0x1f and the value; no value, no 0x1f. JSON has
// neither byte. What is read is applied; the snapshot of what that built must build the same again.

import type { EncodedEvent, StateMachine } from "../../../src/coordinator/state-machine.ts";
import { holds, sameBytes, Violation } from "../target.ts";

const recordEnd = 0x1e;
const keyEnd = 0x1f;
const empty = new Uint8Array(0);

type Json = Readonly<Record<string, unknown>>;

/** A machine under test. */
export interface MachineChecks<Event> {
  /** A new machine. */
  make(): StateMachine<Event>;
  /**
   * The parts of an event of a snapshot, which come in no order; null where snapshots depend on more than the state.
   */
  readonly parts: ((event: Event) => readonly Event[]) | null;
}

/** The log of some events. */
export function logOf(events: readonly (readonly [key: Json, value: Json | null])[]): Buffer {
  const texts = events.map(([key, value]) => {
    const about = JSON.stringify(key);
    return value === null ? about : `${about}\x1f${JSON.stringify(value)}`;
  });
  return Buffer.from(texts.join("\x1e"));
}

/** Runs a log through a machine; the number of events taken, 4 at most. */
export function runMachine<Event>(checks: MachineChecks<Event>, input: Uint8Array): number {
  const machine = checks.make();
  const count = replay(machine, input);
  if (count === 0) return 0;
  const other = checks.make();
  for (const event of machine.snapshot()) apply(other, event);
  if (checks.parts !== null) {
    const states = [machine, other].map((each) => stateOf(each, checks.parts ?? alone));
    holds(states[0] === states[1], "a snapshot that builds another state");
  }
  machine.clear();
  return Math.min(count, 4);
}

/** An event that is its only part. */
export function alone<Event>(event: Event): readonly Event[] {
  return [event];
}

function stateOf<Event>(
  machine: StateMachine<Event>,
  parts: (event: Event) => readonly Event[],
): string {
  const texts: string[] = [];
  for (const event of machine.snapshot()) {
    for (const part of parts(event)) {
      const { key, value } = machine.encode(part);
      texts.push(`${textOf(key)}\x1f${value === null ? "-" : textOf(value)}`);
    }
  }
  return texts.sort().join("\x1e");
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

// Decodes and applies; the number of events taken. Whatever is thrown by applying breaks the machine's promise.
function replay<Event>(machine: StateMachine<Event>, log: Uint8Array): number {
  let count = 0;
  for (let at = 0; at <= log.length && count < 64; ) {
    const found = log.indexOf(recordEnd, at);
    const end = found < 0 ? log.length : found;
    const cut = log.indexOf(keyEnd, at);
    const hasValue = cut >= 0 && cut < end;
    const key = log.subarray(at, hasValue ? cut : end);
    const event = machine.decode(key, hasValue ? log.subarray(cut + 1, end) : null);
    at = end + 1;
    if (event === null) continue;
    const once = machine.encode(event);
    const again = decodedAgain(machine, once);
    holds(again !== null, "an event that its own program does not know again");
    if (again === null) continue;
    const twice = machine.encode(again);
    sameBytes(once.key, twice.key, "another key the second time");
    sameBytes(once.value ?? empty, twice.value ?? empty, "another value the second time");
    apply(machine, event);
    count++;
  }
  return count;
}

// What was read may be refused, what the program writes itself may not.
function decodedAgain<Event>(machine: StateMachine<Event>, encoded: EncodedEvent): Event | null {
  try {
    return machine.decode(encoded.key, encoded.value);
  } catch (error) {
    throw new Violation(`an event that its own program refuses: ${String(error)}`);
  }
}

function apply<Event>(machine: StateMachine<Event>, event: Event): void {
  try {
    machine.apply(event, 1_700_000_000_000);
  } catch (error) {
    throw new Violation(`applying threw ${String(error)}`);
  }
}
