// Runs one state machine over one log: decide, append, apply in a single turn; answer when it is durable.
//
// - Nothing undurable is ever shown: an answer waits for everything decided before it was computed, so even a query
//   cannot tell of what a power cut would undo.
// - A refused append changes nothing. When the log drops appends it had taken for lack of room (DISK_FULL), memory is
//   ahead of the log: commands are refused while the state is rebuilt from the log. A failed sync is final.
// - Snapshots bound the log. Once it has grown enough the machine's state is appended event by event, in slices, with
//   commands running in between, and then the log is trimmed to the first slice. Replaying from there is right because
//   every event is the whole value of its key at the moment it was appended: whatever a command changes before its
//   slice is in the slice, and whatever it changes after comes later in the log. A crash before the trim leaves the
//   old events and some repetition.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { TimerQueue } from "../base/timer-queue.ts";
import type { PendingAppend } from "../log/log-types.ts";
import type { StateLog, StoredEvent } from "./state-log.ts";
import type { Command, Decision, EncodedEvent, StateMachine } from "./state-machine.ts";

// Small enough that encoding one slice does not hold up the event loop, large enough to need few syncs.
const snapshotSliceBytes = 256 * 1024;
const snapshotGrowthBytesDefault = 4 * 1024 * 1024;
// What a batch adds to its keys and values, roughly; only used to see how far the log has grown.
const batchOverheadBytes = 80;
const scheduledRetryMs = 1000;
// What is run when the state has been read may fill the disk again at once: between two readings there is a pause.
const reloadPauseMs = 1000;

/** What a coordinator is made of. */
export interface CoordinatorOptions<Event> {
  /** Names the coordinator in messages, for example its topic. */
  readonly name: string;
  readonly machine: StateMachine<Event>;
  readonly log: StateLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A snapshot is written when the log has grown by this and by twice the last snapshot; null: 4 MiB. */
  readonly snapshotGrowthBytes: number | null;
  /** Called each time the state has been rebuilt from the log, before the first command; null: nobody cares. */
  readonly onLoaded: (() => void) | null;
  /** Called once when the log cannot be written any more: no command will be run again. */
  readonly onFailed?: () => void;
}

/** Loading: the log is being replayed. Failed: the log cannot be written any more. */
export type CoordinatorState = "loading" | "ready" | "failed" | "closed";

/** One state machine, its log and its deadlines. */
export class Coordinator<Event> {
  readonly #options: CoordinatorOptions<Event>;
  readonly #timers: TimerQueue;
  #state: CoordinatorState = "loading";
  #failure: unknown = null;
  /** Where the log must end: anything else means that appends were taken back. */
  #nextOffset = 0;
  /** Settles when the last append is durable; null when nothing is on its way. */
  #tail: Promise<void> | null = null;
  #grownBytes = 0;
  #snapshotBytes = 0;
  #snapshot: Promise<void> | null = null;
  #reload: Promise<void> | null = null;
  #reloadedAtMs = -Infinity;
  /** Ends the pause before a reading; null when there is none. */
  #endPause: (() => void) | null = null;
  /** Events of a newer program were skipped: they must not be trimmed away. */
  #keepsUnknown = false;

  private constructor(options: CoordinatorOptions<Event>) {
    this.#options = options;
    this.#timers = new TimerQueue(options.clock);
  }

  /**
   * Replays the log; resolves when commands are taken. The log stays the caller's to close.
   * @throws KAFKA_STORAGE_ERROR or CORRUPT_MESSAGE when the log cannot be replayed.
   */
  static async open<Event>(options: CoordinatorOptions<Event>): Promise<Coordinator<Event>> {
    const coordinator = new Coordinator(options);
    await coordinator.#load();
    return coordinator;
  }

  /** Whether commands are taken. */
  get state(): CoordinatorState {
    return this.#state;
  }

  /**
   * Decides, appends and applies before it returns; resolves to the reply when all of that and everything before it is
   * durable. Commands take effect in the order of their calls.
   *
   * @throws COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, DISK_FULL; what the log's append throws; the
   *         decision's own error. After DISK_FULL or COORDINATOR_NOT_AVAILABLE the command may or may not hold.
   */
  async run<Reply>(command: Command<Event, Reply>): Promise<Reply> {
    this.#checkReady();
    const nowMs = this.#options.clock.nowMs();
    const decision = decide(command, nowMs);
    // A command does not hang on what a snapshot appends after it: it would be refused, and hold.
    const isChange = decision.events.length > 0;
    const tail = isChange ? this.#commit(decision.events, nowMs) : this.#tail;
    if (tail !== null) await this.#durable(tail);
    if (decision.reply instanceof LogError) throw decision.reply;
    return decision.reply;
  }

  /**
   * Computes an answer from the state at once and resolves to it when all it may have seen is durable. The answer must
   * be a copy: the state goes on changing.
   */
  query<Answer>(select: () => Answer): Promise<Answer> {
    return this.run(() => ({ events: [], reply: select() }));
  }

  /**
   * Runs a command at least `delayMs` from now; replaces what was scheduled under the key. A command that is refused
   * for a passing reason is run again later. Replays forget what was scheduled; `onLoaded` sets it anew.
   */
  schedule(key: string, delayMs: number, command: Command<Event, unknown>): void {
    if (this.#state === "closed") return;
    this.#timers.set(key, delayMs, () => {
      this.run(command).catch((error: unknown) => this.#scheduledFailed({ key, command, error }));
    });
  }

  /** True while something is scheduled under the key. */
  isScheduled(key: string): boolean {
    return this.#timers.has(key);
  }

  /** Forgets what was scheduled under the key. */
  unschedule(key: string): void {
    this.#timers.cancel(key);
  }

  /** Takes no more commands; resolves when those taken have been answered and no snapshot is being written. */
  async close(): Promise<void> {
    this.#state = "closed";
    this.#timers.clear();
    this.#endPause?.();
    await this.#reload;
    await this.#tail?.catch(() => undefined);
    await this.#snapshot;
  }

  #checkReady(): void {
    if (this.#state === "ready") return;
    const { name } = this.#options;
    if (this.#state === "loading") {
      throw new LogError("COORDINATOR_LOAD_IN_PROGRESS", `${name} is being read from its log`);
    }
    const detail = this.#state === "closed" ? "is closed" : "cannot write its log any more";
    throw new LogError("COORDINATOR_NOT_AVAILABLE", `${name} ${detail}`, { cause: this.#failure });
  }

  /** Settles when the events are durable, and with them everything before. */
  #commit(events: readonly Event[], nowMs: number): Promise<void> {
    const { machine } = this.#options;
    const encoded = events.map((event) => machine.encode(event));
    const pending = this.#append(encoded, nowMs);
    try {
      for (const event of events) machine.apply(event, nowMs);
    } catch (error) {
      // The log and memory disagree now, and nothing tells how.
      this.#fail(error);
      throw error;
    }
    this.#grownBytes += encodedBytes(encoded);
    const tail = this.#watch(pending);
    this.#snapshotIfGrown();
    return tail;
  }

  #append(events: readonly EncodedEvent[], nowMs: number): PendingAppend {
    const { log, name } = this.#options;
    if (log.positions().logEndOffset !== this.#nextOffset) {
      // Appends were taken back and the news of it is still on its way here: what was decided on is not so.
      throw new LogError("COORDINATOR_LOAD_IN_PROGRESS", `${name} lost its last changes`);
    }
    const pending = log.append(events, nowMs);
    this.#nextOffset = pending.nextOffset;
    return pending;
  }

  #watch(pending: PendingAppend): Promise<void> {
    const tail = pending.durable.then(
      () => {
        if (this.#tail === tail) this.#tail = null;
      },
      (error: unknown) => {
        this.#appendFailed(error);
        throw error;
      },
    );
    // Those who wait see the rejection; a snapshot slice may have nobody waiting.
    tail.catch(() => undefined);
    this.#tail = tail;
    return tail;
  }

  async #durable(tail: Promise<void>): Promise<void> {
    try {
      await tail;
    } catch (error) {
      if (isDiskFull(error)) throw error;
      const detail = `${this.#options.name} could not make the change durable`;
      throw new LogError("COORDINATOR_NOT_AVAILABLE", detail, { cause: error });
    }
  }

  #appendFailed(error: unknown): void {
    if (this.#state !== "ready") return;
    if (!isDiskFull(error)) {
      this.#fail(error);
      return;
    }
    this.#state = "loading";
    this.#reload = this.#loadAgain();
  }

  #fail(error: unknown): void {
    const { logger, name } = this.#options;
    if (this.#state !== "closed") this.#state = "failed";
    this.#failure = error;
    this.#timers.clear();
    logger.error({ err: error, coordinator: name }, "coordinator failed; restart to recover");
    this.#options.onFailed?.();
  }

  async #loadAgain(): Promise<void> {
    const { logger, name } = this.#options;
    logger.warn(
      { coordinator: name },
      "no room for changes of state; reading it from the log again",
    );
    try {
      // Everything in flight is refused with the first; replaying before that would read what goes away.
      await this.#tail?.catch(() => undefined);
      await this.#pause();
      if (this.#state !== "loading") return;
      this.#reloadedAtMs = this.#options.clock.monotonicMs();
      await this.#load();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #pause(): Promise<void> {
    const { clock } = this.#options;
    const delayMs = this.#reloadedAtMs + reloadPauseMs - clock.monotonicMs();
    if (delayMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = clock.after(delayMs, resolve);
      this.#endPause = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#endPause = null;
  }

  async #load(): Promise<void> {
    const { log, machine, logger, name } = this.#options;
    this.#tail = null;
    this.#timers.clear();
    machine.clear();
    let replayedBytes = 0;
    let unknownCount = 0;
    await log.replay((stored) => {
      replayedBytes += encodedBytes([stored]);
      const event = this.#decode(stored);
      if (event === null) unknownCount++;
      else machine.apply(event, stored.timestampMs);
    });
    if (unknownCount > 0) {
      logger.warn({ coordinator: name, unknownCount }, "skipped events written by a newer version");
    }
    this.#keepsUnknown = unknownCount > 0;
    this.#grownBytes = replayedBytes;
    this.#nextOffset = log.positions().logEndOffset;
    if (this.#state !== "loading") return;
    this.#state = "ready";
    this.#options.onLoaded?.();
  }

  #decode(stored: StoredEvent): Event | null {
    try {
      return this.#options.machine.decode(stored.key, stored.value);
    } catch (error) {
      const detail = `${this.#options.name} cannot read the event at offset ${stored.offset}`;
      const facts = { offset: stored.offset };
      throw new LogError("KAFKA_STORAGE_ERROR", detail, { facts, cause: error });
    }
  }

  #scheduledFailed(failed: {
    key: string;
    command: Command<Event, unknown>;
    error: unknown;
  }): void {
    const { key, command, error } = failed;
    const { logger, name } = this.#options;
    if (this.#state === "closed") return;
    logger.warn({ err: error, coordinator: name, key }, "a scheduled change failed");
    const passing = this.#state === "ready" && !this.#timers.has(key);
    if (passing) this.schedule(key, scheduledRetryMs, command);
  }

  #snapshotIfGrown(): void {
    const { snapshotGrowthBytes } = this.#options;
    const least = snapshotGrowthBytes ?? snapshotGrowthBytesDefault;
    if (this.#grownBytes < Math.max(least, 2 * this.#snapshotBytes)) return;
    if (this.#snapshot !== null || this.#keepsUnknown) return;
    this.#snapshot = this.#writeSnapshot().finally(() => {
      this.#snapshot = null;
    });
  }

  /** Never rejects: a snapshot that fails is tried again after as much growth as the first. */
  async #writeSnapshot(): Promise<void> {
    const { log, machine, clock, logger, name } = this.#options;
    const firstOffset = this.#nextOffset;
    const events = machine.snapshot()[Symbol.iterator]();
    this.#grownBytes = 0;
    let writtenBytes = 0;
    try {
      for (;;) {
        const slice = this.#takeSlice(events);
        if (slice.length === 0) break;
        const pending = this.#append(slice, clock.nowMs());
        void this.#watch(pending);
        writtenBytes += encodedBytes(slice);
        await pending.durable;
        if (this.#state !== "ready") return;
      }
      await log.trim(firstOffset);
      this.#snapshotBytes = writtenBytes;
      logger.debug({ coordinator: name, firstOffset, writtenBytes }, "snapshot written");
    } catch (error) {
      logger.warn({ err: error, coordinator: name }, "snapshot given up; the log keeps growing");
    }
  }

  #takeSlice(events: Iterator<Event>): readonly EncodedEvent[] {
    const slice: EncodedEvent[] = [];
    let sliceBytes = 0;
    while (sliceBytes < snapshotSliceBytes) {
      const next = events.next();
      if (next.done === true) break;
      const encoded = this.#options.machine.encode(next.value);
      slice.push(encoded);
      sliceBytes += encoded.key.length + (encoded.value?.length ?? 0);
    }
    return slice;
  }
}

function decide<Event, Reply>(
  command: Command<Event, Reply>,
  nowMs: number,
): Decision<Event, Reply> {
  try {
    return command(nowMs);
  } catch (error) {
    // A refusal tells of the state as well, so it waits like any answer.
    if (error instanceof LogError) return { events: [], reply: error };
    throw error;
  }
}

function encodedBytes(events: readonly EncodedEvent[]): number {
  let total = batchOverheadBytes;
  for (const event of events) total += event.key.length + (event.value?.length ?? 0);
  return total;
}

function isDiskFull(error: unknown): boolean {
  return error instanceof LogError && error.code === "DISK_FULL";
}
