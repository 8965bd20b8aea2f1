// A partition's log as a coordinator sees it: one event is one record, one decision one batch.

import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import type { Log } from "../log/log.ts";
import type { LogPositions, PendingAppend } from "../log/log-types.ts";
import { BatchBuilder, noHeaders } from "../record/batch-builder.ts";
import { wholeBatchBytes } from "../record/batch-size.ts";
import { RecordCursor } from "../record/record-cursor.ts";
import type { StateLog, StoredEventListener } from "./state-log.ts";
import type { EncodedEvent } from "./state-machine.ts";

const replayBytes = 1 << 20;

/** A coordinator's view of a partition's log. It is the only writer there; the log stays the caller's to close. */
export class LogStateLog implements StateLog {
  readonly #log: Log;
  readonly #builder = new BatchBuilder();

  /** @param log Keeps everything: no retention by age or size, high watermark after a sync. */
  constructor(log: Log) {
    this.#log = log;
  }

  append(events: readonly EncodedEvent[], timestampMs: number): PendingAppend {
    const builder = this.#builder;
    builder.reset();
    for (const { key, value } of events) {
      builder.append({ timestampMs, key, value, headers: noHeaders });
    }
    const batch = builder.build();
    builder.reset();
    return this.#log.append([batch], { needsSync: true });
  }

  async replay(onEvent: StoredEventListener): Promise<void> {
    const health = this.#log.health();
    if (health.state !== "ok") {
      // What is left below the damage is an older state, and nothing says how much older.
      throw new LogError("KAFKA_STORAGE_ERROR", `the log of a state is damaged: ${health.detail}`);
    }
    const { logStartOffset, logEndOffset } = this.#log.positions();
    const cursor = new RecordCursor();
    let offset = logStartOffset;
    while (offset < logEndOffset) {
      const read = await this.#log.read({ offset, maxBytes: replayBytes, upTo: "logEndOffset" });
      try {
        replayBatches(read.bytes, cursor, (event) => {
          // A batch that holds the log start may begin below it.
          if (event.offset >= logStartOffset) onEvent(event);
        });
      } finally {
        read.release();
      }
      if (read.nextOffset <= offset) {
        throw new LogError("CORRUPT_MESSAGE", `the log of a state cannot be read at ${offset}`);
      }
      offset = read.nextOffset;
    }
  }

  trim(offset: number): Promise<void> {
    return this.#log.trim(offset);
  }

  positions(): LogPositions {
    return this.#log.positions();
  }
}

function replayBatches(
  bytes: Uint8Array,
  cursor: RecordCursor,
  onEvent: StoredEventListener,
): void {
  const view = viewOf(bytes);
  let at = 0;
  while (at < bytes.length) {
    const end = at + wholeBatchBytes(view, at);
    cursor.reset(bytes.subarray(at, end));
    while (cursor.next()) {
      const { bytes: records, offset, timestampMs } = cursor;
      const key = records.subarray(Math.max(0, cursor.keyStart), Math.max(0, cursor.keyEnd));
      const isGone = cursor.valueStart < 0;
      const value = isGone ? null : records.subarray(cursor.valueStart, cursor.valueEnd);
      onEvent({ key, value, offset, timestampMs });
    }
    at = end;
  }
}
