// Replays the log of a state from its files, as a start would, without a server and without changing anything.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { LogError } from "../base/error.ts";
import type { StateMachine } from "../coordinator/state-machine.ts";
import { baseOffsetOfName } from "../log/segment.ts";
import { RecordCursor } from "../record/record-cursor.ts";
import type { Problem } from "./segment-check.ts";
import { SegmentReader, type StoredBatch } from "./segment-reader.ts";

/** What a replay came to. */
export interface Replay {
  readonly events: number;
  /** Events that only a newer program knows. */
  readonly unknown: number;
  /** Events that should be known and cannot be read. */
  readonly problems: readonly Problem[];
}

/**
 * Applies every event of a partition's directory to the machine, from the log start on, up to the first batch that is
 * not whole. Throws what the file system throws.
 */
export async function replayFiles<Event>(
  directory: string,
  logStartOffset: number,
  machine: StateMachine<Event>,
): Promise<Replay> {
  const replay = new Replaying(logStartOffset, machine);
  const names = (await readdir(directory)).filter((name) => baseOffsetOfName(name) !== null);
  for (const name of names.sort()) {
    const path = join(directory, name);
    const reader = await SegmentReader.open(path);
    try {
      for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
        if (!batch.isCrcGood) return replay;
        replay.take(path, batch);
      }
    } finally {
      await reader.close();
    }
  }
  return replay;
}

class Replaying<Event> implements Replay {
  readonly #logStartOffset: number;
  readonly #machine: StateMachine<Event>;
  readonly #cursor = new RecordCursor();
  readonly problems: Problem[] = [];
  events = 0;
  unknown = 0;

  constructor(logStartOffset: number, machine: StateMachine<Event>) {
    this.#logStartOffset = logStartOffset;
    this.#machine = machine;
  }

  take(file: string, batch: StoredBatch): void {
    const cursor = this.#cursor;
    try {
      cursor.reset(batch.bytes);
      while (cursor.next()) {
        // A batch that holds the log start may begin below it.
        if (cursor.offset >= this.#logStartOffset) this.#apply(cursor);
      }
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      const detail = `the event at offset ${cursor.offset} cannot be read: ${error.message}`;
      this.problems.push({ file, position: batch.position, detail });
    }
  }

  #apply(cursor: RecordCursor): void {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestampMs } = cursor;
    const key = bytes.subarray(Math.max(0, keyStart), Math.max(0, keyEnd));
    const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
    const event = this.#machine.decode(key, value);
    this.events++;
    if (event === null) this.unknown++;
    else this.#machine.apply(event, timestampMs);
  }
}
