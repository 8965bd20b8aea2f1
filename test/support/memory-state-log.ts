// A StateLog in memory whose syncs, refusals and power cuts are in the hands of a test.

import { assert } from "../../src/base/assert.ts";
import type { LogError } from "../../src/base/error.ts";
import type {
  StateLog,
  StoredEvent,
  StoredEventListener,
} from "../../src/coordinator/state-log.ts";
import type { EncodedEvent } from "../../src/coordinator/state-machine.ts";
import type { LogPositions, PendingAppend } from "../../src/log/log-types.ts";

interface Unsynced {
  readonly nextOffset: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A log as an array. With `autoSync` every append is durable at once; without, `sync` makes it so. */
export class MemoryStateLog implements StateLog {
  autoSync = true;
  /** Thrown by the next appends, while set. */
  refusal: LogError | null = null;
  trimCount = 0;
  #logStartOffset = 0;
  #durableOffset = 0;
  #stored: StoredEvent[] = [];
  /** Offsets after which a batch ends: what a power cut may leave. */
  #unsynced: Unsynced[] = [];

  /** What the log holds, oldest first. */
  get events(): readonly StoredEvent[] {
    return this.#stored;
  }

  /** Keys and values together. */
  get sizeBytes(): number {
    return this.#stored.reduce((sum, event) => sum + bytesOf(event), 0);
  }

  append(events: readonly EncodedEvent[], timestampMs: number): PendingAppend {
    assert(events.length > 0, "a batch holds at least one event");
    if (this.refusal !== null) throw this.refusal;
    const baseOffset = this.positions().logEndOffset;
    events.forEach(({ key, value }, index) => {
      const copy = {
        key: new Uint8Array(key),
        value: value === null ? null : new Uint8Array(value),
      };
      this.#stored.push({ ...copy, offset: baseOffset + index, timestampMs });
    });
    const nextOffset = baseOffset + events.length;
    const durable = new Promise<void>((resolve, reject) => {
      this.#unsynced.push({ nextOffset, resolve, reject });
    });
    durable.catch(() => undefined);
    if (this.autoSync) this.sync();
    const written = Promise.resolve();
    const isDuplicate = false;
    return { baseOffset, nextOffset, written, durable, isDuplicate, maxTimestampMs: timestampMs };
  }

  /** Makes the first `count` waiting appends durable; all of them by default. */
  sync(count = this.#unsynced.length): void {
    for (const waiting of this.#unsynced.splice(0, count)) {
      this.#durableOffset = waiting.nextOffset;
      waiting.resolve();
    }
  }

  /** Refuses what waits. Lack of room takes the offsets back; any other failure is final. */
  fail(error: LogError): void {
    const waiting = this.#unsynced.splice(0);
    if (error.code === "DISK_FULL") this.#cut();
    else this.refusal = error;
    for (const { reject } of waiting) reject(error);
  }

  /** The log as a restart would find it after a power cut: what was durable, and `extra` more batches. */
  afterCrash(extra = 0): MemoryStateLog {
    const survivor = new MemoryStateLog();
    const end = extra === 0 ? null : this.#unsynced[Math.min(extra, this.#unsynced.length) - 1];
    survivor.#durableOffset = end?.nextOffset ?? this.#durableOffset;
    survivor.#logStartOffset = this.#logStartOffset;
    survivor.#stored = [...this.#stored];
    survivor.#cut();
    return survivor;
  }

  replay(onEvent: StoredEventListener): Promise<void> {
    for (const event of this.#stored) onEvent(event);
    return Promise.resolve();
  }

  trim(offset: number): Promise<void> {
    assert(offset <= this.#durableOffset, "only what is durable may be trimmed");
    this.trimCount++;
    this.#logStartOffset = Math.max(this.#logStartOffset, offset);
    this.#stored = this.#stored.filter((event) => event.offset >= this.#logStartOffset);
    return Promise.resolve();
  }

  positions(): LogPositions {
    const logEndOffset = (this.#stored.at(-1)?.offset ?? this.#durableOffset - 1) + 1;
    const highWatermark = this.#durableOffset;
    const logStartOffset = this.#logStartOffset;
    return { logStartOffset, lastStableOffset: highWatermark, highWatermark, logEndOffset };
  }

  #cut(): void {
    this.#stored = this.#stored.filter((event) => event.offset < this.#durableOffset);
  }
}

function bytesOf(event: EncodedEvent): number {
  return event.key.length + (event.value?.length ?? 0);
}
