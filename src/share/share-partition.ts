// What a share group remembers of one partition. Below the frontier a record is settled unless it has a run; above it
// nothing is settled, and the runs there are only what a scan of the log has found: they are not kept in the state's
// log. So one stuck record costs one run, however far the others have got.

import { Heap } from "../base/heap.ts";
import { KeyLines } from "./key-lines.ts";
import {
  type FatedRange,
  isSameFate,
  lengthOf,
  type OffsetRange,
  type RecordFate,
  type RecordRun,
} from "./record-run.ts";
import { RunTable } from "./run-table.ts";
import { SleepingRecords } from "./sleeping-records.ts";

/** Counts since the group began with the partition. */
export interface ShareCounts {
  readonly delivered: number;
  readonly acked: number;
  readonly nacked: number;
  readonly lapsed: number;
  readonly expired: number;
  /** Given up: sent to the dead letters, or archived where there are none. */
  readonly dead: number;
  readonly dropped: number;
}

/** No counts yet. */
export const noCounts: ShareCounts = {
  delivered: 0,
  acked: 0,
  nacked: 0,
  lapsed: 0,
  expired: 0,
  dead: 0,
  dropped: 0,
};

/** The part of a share partition's state that is one value. */
export interface ShareHeader {
  /** Which incarnation of the topic. */
  readonly topicId: string;
  /** Raised when the partition is begun anew, so that receipts of before are known. */
  readonly epoch: number;
  /** Records from here on have never been handed out or passed over. */
  readonly frontier: number;
  readonly counts: ShareCounts;
}

/** Records on their way to another topic: planned, perhaps appended, not yet settled here. */
export interface Move {
  readonly topic: string;
  readonly partition: number;
  /** Who appends them: the same batch sent again is known by it. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** By offset. */
  readonly offsets: readonly number[];
  readonly atMs: number;
}

// Enough for any second, few enough to let the event loop turn.
const deadlinesPerTick = 10_000;
// Heaps keep what has changed meanwhile until its turn comes; more of that than of the rest, and this, is cleared out.
const staleMin = 1024;

interface Deadline {
  readonly atMs: number;
  readonly run: RecordRun;
}

/** One share partition. */
export class SharePartition {
  readonly topic: string;
  readonly partition: number;
  header: ShareHeader;
  move: Move | null = null;
  /** Up to where the log has been scanned; never below the frontier. Not part of the state. */
  scannedTo: number;
  readonly #runs: RunTable;
  /**
   * Records that were delayed one by one: they are in no table, line or count of runs until their time comes. One that
   * is left of several has its run. Which of both it is makes no difference but to the order of a snapshot.
   */
  readonly #sleeping = new SleepingRecords();
  readonly #lines = new KeyLines();
  readonly #ready = new Heap<RecordRun>(isDeliveredBefore);
  readonly #deadlines = new Heap<Deadline>((one, other) => one.atMs < other.atMs);
  readonly #leaving = new Set<RecordRun>();
  readonly #lapsed = new Set<RecordRun>();
  readonly #expired = new Set<RecordRun>();
  readonly #byOwner = new Map<string, Set<RecordRun>>();
  #nowMs = 0;
  #delayedRunCount = 0;
  #counts = { waiting: 0, delayed: 0, leased: 0, leaving: 0, bytes: 0 };

  constructor(place: { readonly topic: string; readonly partition: number }, header: ShareHeader) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.header = header;
    this.scannedTo = header.frontier;
    this.#runs = new RunTable({
      added: (run) => this.#added(run),
      removed: (run) => this.#removed(run),
    });
  }

  /** Records by phase, `delayed` a part of `waiting`, and the bytes of those that stay; scanned ones only. */
  get counts(): Readonly<{
    waiting: number;
    delayed: number;
    leased: number;
    leaving: number;
    bytes: number;
  }> {
    return this.#counts;
  }

  /** How many runs are remembered. */
  get runCount(): number {
    return this.#runs.runCount + this.#sleeping.size;
  }

  /** How many of them are not delayed. */
  get undelayedRunCount(): number {
    return this.#runs.runCount - this.#delayedRunCount;
  }

  /** How many deadlines are remembered: those of runs that have gone as well, up to a bound. */
  get deadlineCount(): number {
    return this.#deadlines.size + this.#sleeping.timeCount;
  }

  /** The first record that is not settled; the end of the scan when there is none. */
  get startOffset(): number {
    const lowest = this.#runs.lowest() ?? this.scannedTo;
    return Math.min(lowest, this.#sleeping.lowest() ?? this.scannedTo, this.scannedTo);
  }

  /** Runs whose lease is over. */
  get lapsed(): ReadonlySet<RecordRun> {
    return this.#lapsed;
  }

  /** Runs that wait and have expired. */
  get expired(): ReadonlySet<RecordRun> {
    return this.#expired;
  }

  /** Runs on their way out. */
  get leaving(): ReadonlySet<RecordRun> {
    return this.#leaving;
  }

  /** The run of an offset; null when it is settled or not scanned. */
  find(offset: number): RecordRun | null {
    return this.#runs.find(offset) ?? this.#sleeping.find(offset);
  }

  /** Gives every record of a range a fate; null settles it. */
  assign(range: OffsetRange, fate: RecordFate | null): void {
    if (fate !== null && this.#hasAlready(range, fate)) return;
    for (const run of this.#sleeping.takeWithin(range)) this.#countSleeping(run, -1);
    if (fate === null || range.first !== range.last || !this.#canSleep(fate)) {
      this.#runs.assign(range, fate);
      return;
    }
    this.#runs.assign(range, null);
    this.#sleeping.add(range.first, fate);
    this.#countSleeping({ ...range, fate }, 1);
  }

  /** Runs that have part in a range, by offset. */
  *within(range: OffsetRange): Iterable<RecordRun> {
    let sleeping = this.#sleeping.next(range.first);
    for (const run of this.#runs.within(range)) {
      while (sleeping !== null && sleeping.first < run.first) {
        yield sleeping;
        sleeping = this.#sleeping.next(sleeping.first + 1);
      }
      yield run;
    }
    while (sleeping !== null && sleeping.first <= range.last) {
      yield sleeping;
      sleeping = this.#sleeping.next(sleeping.first + 1);
    }
  }

  /** Every run that is part of the state, in no order. What is changed meanwhile is given as it is then. */
  *stored(): Iterable<RecordRun> {
    // Those asleep first: who wakes meanwhile is found among the others. What lies above the frontier may be millions.
    for (let run = this.#sleeping.next(0); run !== null && run.first < this.header.frontier; ) {
      yield run;
      run = this.#sleeping.next(run.first + 1);
    }
    for (const run of this.#runs.all()) if (run.first < this.header.frontier) yield run;
  }

  /** What a member holds. */
  heldBy(owner: string): Iterable<RecordRun> {
    return [...(this.#byOwner.get(owner) ?? [])];
  }

  /** It is that time now: what is due by then becomes so, a bounded part of it at a time; see `nextDueMs`. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    let count = 0;
    for (; count < deadlinesPerTick; count++) {
      const run = this.#sleeping.takeAwake(nowMs);
      if (run === null) break;
      this.#countSleeping(run, -1);
      this.#runs.assign(run, run.fate);
    }
    for (; count < deadlinesPerTick; count++) {
      const next = this.#deadlines.peek();
      if (next === undefined || next.atMs > nowMs) return;
      this.#deadlines.pop();
      if (this.#isThere(next.run)) this.#fallDue(next.run);
    }
  }

  /** When something is due next, Unix milliseconds; Infinity when nothing is. */
  nextDueMs(): number {
    const wakeMs = this.#sleeping.nextWakeMs();
    for (;;) {
      const next = this.#deadlines.peek();
      if (next === undefined) return wakeMs;
      if (this.#isThere(next.run)) return Math.min(next.atMs, wakeMs);
      this.#deadlines.pop();
    }
  }

  /**
   * Takes the run that is to be delivered next out of the ones that can be; null when there is none. Give back what was
   * taken and not assigned another fate.
   */
  takeReady(): RecordRun | null {
    for (;;) {
      const run = this.#ready.pop();
      if (run === undefined) return null;
      run.isOffered = false;
      if (this.#isThere(run) && run.isDue && this.#isItsTurn(run)) return run;
    }
  }

  /** The run that would be taken next; null when there is none. */
  peekReady(): RecordRun | null {
    const run = this.takeReady();
    if (run !== null) this.#offer(run);
    return run;
  }

  /** Undoes `takeReady` for a run that is still there. */
  giveBack(run: RecordRun): void {
    if (this.#isThere(run)) this.#offer(run);
  }

  // A failed record of a key holds its line while it is delayed, and so is known to it.
  #canSleep({ phase, dueMs, keyHash, deliveries }: RecordFate): boolean {
    return phase === "waiting" && dueMs > this.#nowMs && (keyHash < 0 || deliveries === 0);
  }

  // What a scan has found becomes part of the state as it is.
  #hasAlready({ first, last }: OffsetRange, fate: RecordFate): boolean {
    if (first !== last || !this.#canSleep(fate)) return false;
    const run = this.#sleeping.find(first);
    return run !== null && isSameFate(run.fate, fate);
  }

  #isThere(run: RecordRun): boolean {
    return this.#runs.find(run.first) === run;
  }

  #isItsTurn({ first, fate }: RecordRun): boolean {
    return fate.keyHash < 0 || this.#lines.isFirst(fate.keyHash, first);
  }

  #added(run: RecordRun): void {
    const { phase, dueMs, owner, expiresAtMs } = run.fate;
    run.isDue = false;
    run.isOffered = false;
    this.#count(run, 1);
    if (phase === "leaving") {
      this.#leaving.add(run);
      return;
    }
    if (phase === "leased" || run.fate.deliveries > 0) this.#hold(run);
    if (phase === "leased") {
      this.#setDeadline(dueMs, run);
      if (owner !== "") this.#setOf(owner).add(run);
      return;
    }
    if (expiresAtMs < Number.POSITIVE_INFINITY) this.#setDeadline(expiresAtMs, run);
    this.#countDelayed(run, 1);
    if (dueMs <= this.#nowMs) this.#makeReady(run);
    else this.#setDeadline(dueMs, run);
  }

  #setDeadline(atMs: number, run: RecordRun): void {
    this.#deadlines.push({ atMs, run });
    // Two for each run at most: the rest is of runs that have gone, leases of settled records above all.
    if (this.#deadlines.size <= 4 * this.#runs.runCount + staleMin) return;
    this.#deadlines.retain((each) => this.#isThere(each.run));
  }

  #removed(run: RecordRun): void {
    const { phase, keyHash, owner } = run.fate;
    this.#count(run, -1);
    this.#leaving.delete(run);
    this.#lapsed.delete(run);
    this.#expired.delete(run);
    if (owner !== "") this.#forgetOwner(owner, run);
    if (phase === "waiting" && !run.isDue) this.#countDelayed(run, -1);
    if (keyHash >= 0 && phase !== "leaving") {
      const first = this.#lines.leave(keyHash, run.first);
      const next = first === null ? null : this.#runs.find(first);
      if (next?.isDue === true) this.#offer(next);
    }
  }

  #countDelayed(run: RecordRun, sign: 1 | -1): void {
    this.#counts.delayed += sign * lengthOf(run);
    this.#delayedRunCount += sign;
  }

  #fallDue(run: RecordRun): void {
    const { phase, expiresAtMs, dueMs } = run.fate;
    if (phase === "leased") {
      this.#lapsed.add(run);
      return;
    }
    if (expiresAtMs <= this.#nowMs) this.#expired.add(run);
    if (!run.isDue && dueMs <= this.#nowMs) this.#makeReady(run);
  }

  #makeReady(run: RecordRun): void {
    const { keyHash, deliveries } = run.fate;
    run.isDue = true;
    this.#countDelayed(run, -1);
    if (keyHash >= 0 && deliveries === 0) this.#lines.join(keyHash, run.first);
    if (this.#isItsTurn(run)) this.#offer(run);
  }

  // Once, however often it became the first of its key: twice in line it would be delivered twice.
  #offer(run: RecordRun): void {
    if (run.isOffered) return;
    run.isOffered = true;
    this.#ready.push(run);
    if (this.#ready.size <= 2 * this.#runs.runCount + staleMin) return;
    this.#ready.retain((each) => this.#isThere(each));
  }

  #hold({ first, fate: { keyHash } }: RecordRun): void {
    if (keyHash >= 0) this.#lines.hold(keyHash, first);
  }

  #countSleeping(run: FatedRange, sign: 1 | -1): void {
    this.#count(run, sign);
    this.#counts.delayed += sign * lengthOf(run);
  }

  #count(run: FatedRange, sign: 1 | -1): void {
    const records = sign * lengthOf(run);
    this.#counts[run.fate.phase] += records;
    if (run.fate.phase !== "leaving") this.#counts.bytes += records * run.fate.bytes;
  }

  #setOf(owner: string): Set<RecordRun> {
    const known = this.#byOwner.get(owner);
    if (known !== undefined) return known;
    const made = new Set<RecordRun>();
    this.#byOwner.set(owner, made);
    return made;
  }

  #forgetOwner(owner: string, run: RecordRun): void {
    const runs = this.#byOwner.get(owner);
    runs?.delete(run);
    if (runs?.size === 0) this.#byOwner.delete(owner);
  }
}

function isDeliveredBefore(one: RecordRun, other: RecordRun): boolean {
  if (one.fate.priority !== other.fate.priority) return one.fate.priority > other.fate.priority;
  return one.first < other.first;
}
