// Watches the disk: how full it is, and whether it still answers.
//
// Two marks. Below the first the disk is `low`: that is said, retention runs at once, and logs reserve nothing ahead.
// Below the second it is `full`: clients' records are refused while there is still room for what the server writes
// itself, so that readers, workers and retention get on. Either way back needs a quarter more than the mark, or the
// level would flicker.
//
// There is no timer: who writes or asks makes it look, at most once a second or after so many bytes that the next mark
// may be near. Nobody waits for a look but those who ask how the disk is.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import type { LogRoom } from "../log/log-options.ts";
import type { CallUnderWay, WatchedDisk } from "../storage/watched-disk.ts";

/** How full the disk is. */
export type DiskLevel = "roomy" | "low" | "full";

/** Where the levels begin. Each mark is the larger of its bytes and its percentage of the file system. */
export interface DiskMarks {
  /** With less free space than this the disk is low. */
  readonly diskWarnBytes: number;
  readonly diskWarnPercent: number;
  /** With less free space than this the disk is full for clients. */
  readonly diskReserveBytes: number;
  readonly diskReservePercent: number;
  /** A call that has not ended after this long makes the disk a stalled one, milliseconds. */
  readonly diskStallMs: number;
}

/** What a watch is made with. */
export interface DiskWatchOptions {
  readonly disk: WatchedDisk;
  /** The data directory. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly marks: DiskMarks;
  /** Hears that the disk has become low, or full; must not throw. */
  readonly onShort: () => void;
}

const lookIntervalMs = 1000;
const lookBytesMin = 1 << 20;
// How long one who asks waits for a disk that may not answer.
const lookPatienceMs = 500;
const wayBack = 1.25;
const stallsShownMax = 5;

/** The state of the disk. */
export class DiskWatch implements LogRoom {
  readonly #options: DiskWatchOptions;
  #level: DiskLevel = "roomy";
  #freeBytes = Infinity;
  #totalBytes = Infinity;
  #isUnknown = false;
  #isStalled = false;
  #looking: Promise<void> | null = null;
  #lookedMs = -Infinity;
  #takenBytes = 0;
  #reservedBytes = 0;

  /** @param options The disk, its marks, and who hears of them. */
  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Free bytes of the file system at the last look; Infinity before the first. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** How full the disk was at the last look. */
  get level(): DiskLevel {
    return this.#level;
  }

  get isShort(): boolean {
    return this.#level !== "roomy";
  }

  // Half of what is left above the first mark, so that no number of logs can reserve their way below it.
  reservable(bytes: number): number {
    if (this.isShort) return 0;
    const roomBytes = this.#freeBytes - this.#warn() - this.#reservedBytes;
    const granted = Math.max(0, Math.min(bytes, Math.floor(roomBytes / 2)));
    this.#reservedBytes += granted;
    return granted;
  }

  /** For how long the oldest stalled call has been under way, in milliseconds; 0 when the disk answers. */
  get stalledMs(): number {
    const [oldest] = this.#stalls();
    return oldest === undefined ? 0 : this.#ageOf(oldest);
  }

  /** Looks now; shares the look under way. Never rejects: a disk that does not say counts as unknown. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** Looks now, unless the disk takes so long that whoever asks should hear of that instead. */
  async ask(): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = clock.after(lookPatienceMs, resolve);
      void this.look().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /**
   * Why a client's records cannot be appended to a partition now; null when they can.
   *
   * @returns DISK_FULL below the reserve, KAFKA_STORAGE_ERROR while the partition's files do not answer.
   */
  refusalOf({ directoryName }: { readonly directoryName: string }): LogError | null {
    this.#lookIfDue();
    if (this.#level === "full") return this.fullError();
    for (const call of this.#stalls()) {
      const directory = `${this.#options.path}/${directoryName}`;
      if (!call.path.startsWith(`${directory}/`) && call.path !== directory) continue;
      const detail = `the disk does not answer: ${describe(call, this.#ageOf(call))}; retry later`;
      return new LogError("KAFKA_STORAGE_ERROR", detail);
    }
    return null;
  }

  /** Clients' bytes have been let in. */
  took(bytes: number): void {
    this.#takenBytes += bytes;
  }

  /** @throws DISK_FULL while nothing new may take room. */
  requireRoom(): void {
    this.#lookIfDue();
    if (this.#level === "full") throw this.fullError();
  }

  /** The error of what is refused for lack of room. */
  fullError(): LogError {
    const freeBytes = this.#freeBytes;
    const reserveBytes = this.#reserve();
    const detail =
      `${freeBytes} bytes of the disk are free and ${reserveBytes} are kept in reserve; ` +
      "free some, or lower retention";
    return new LogError("DISK_FULL", detail, { facts: { freeBytes, reserveBytes } });
  }

  /** Why the server is not ready, as sentences. */
  problems(): readonly string[] {
    const problems: string[] = [];
    if (this.#level === "full") {
      const kept = `${this.#freeBytes} bytes are free, ${this.#reserve()} are kept in reserve`;
      problems.push(`the disk is nearly full: ${kept}; writes are refused`);
    }
    if (this.#isUnknown) problems.push("the free space of the disk is unknown");
    for (const call of this.#stalls()) {
      problems.push(`the disk does not answer: ${describe(call, this.#ageOf(call))}`);
      if (problems.length >= stallsShownMax) break;
    }
    return problems;
  }

  /** What should be seen to before it becomes a problem, as sentences. */
  warnings(): readonly string[] {
    if (this.#level !== "low") return [];
    return [`the disk is filling up: ${this.#freeBytes} of ${this.#totalBytes} bytes are free`];
  }

  #stalls(): Iterable<CallUnderWay> {
    const { disk, marks } = this.#options;
    return disk.stalled(marks.diskStallMs);
  }

  #ageOf({ sinceMs }: CallUnderWay): number {
    return Math.round(this.#options.clock.monotonicMs() - sinceMs);
  }

  #lookIfDue(): void {
    if (this.#looking !== null) return;
    const roomBytes = this.#freeBytes - (this.#level === "roomy" ? this.#warn() : this.#reserve());
    const ageMs = this.#options.clock.monotonicMs() - this.#lookedMs;
    const isNear = this.#takenBytes >= Math.max(lookBytesMin, roomBytes / 2);
    if (ageMs >= lookIntervalMs || isNear) void this.look();
  }

  async #look(): Promise<void> {
    const { disk, path, clock, logger } = this.#options;
    this.#lookedMs = clock.monotonicMs();
    this.#takenBytes = 0;
    this.#reservedBytes = 0;
    this.#noteStalls();
    try {
      this.#freeBytes = await disk.freeBytes(path);
      this.#totalBytes = await disk.totalBytes(path);
      this.#isUnknown = false;
    } catch (error) {
      if (!this.#isUnknown) logger.warn({ err: error }, "free space of the disk is unknown");
      this.#isUnknown = true;
      return;
    }
    this.#enter(this.#levelNow());
    this.#noteStalls();
  }

  #levelNow(): DiskLevel {
    const reserve = this.#reserve() * (this.#level === "full" ? wayBack : 1);
    const warn = this.#warn() * (this.#level === "roomy" ? 1 : wayBack);
    if (this.#freeBytes < reserve) return "full";
    return this.#freeBytes < warn ? "low" : "roomy";
  }

  #enter(level: DiskLevel): void {
    const before = this.#level;
    if (level === before) return;
    this.#level = level;
    const { logger, onShort } = this.#options;
    const facts = { freeBytes: this.#freeBytes, totalBytes: this.#totalBytes };
    if (level === "full") logger.error(facts, "the disk is nearly full: writes are refused");
    else if (level === "low" && before === "roomy") logger.warn(facts, "the disk is filling up");
    else if (before === "full") logger.info(facts, "the disk has room again: writes are taken");
    else logger.info(facts, "the disk has room again");
    if (level === "full" || before === "roomy") onShort();
  }

  #noteStalls(): void {
    const [oldest] = this.#stalls();
    const isStalled = oldest !== undefined;
    if (isStalled === this.#isStalled) return;
    this.#isStalled = isStalled;
    const { logger } = this.#options;
    if (oldest === undefined) logger.info({}, "the disk answers again");
    else logger.error({ call: oldest }, "the disk does not answer");
  }

  #reserve(): number {
    const { diskReserveBytes, diskReservePercent } = this.#options.marks;
    return this.#mark(diskReserveBytes, diskReservePercent);
  }

  #warn(): number {
    const { diskWarnBytes, diskWarnPercent } = this.#options.marks;
    return Math.max(this.#reserve(), this.#mark(diskWarnBytes, diskWarnPercent));
  }

  #mark(bytes: number, percent: number): number {
    const share = percent === 0 ? 0 : Math.ceil((this.#totalBytes * percent) / 100);
    return Math.max(bytes, Number.isFinite(share) ? share : 0);
  }
}

// The last two names of the path: the partition and its file. What lies above is nobody's business.
function describe({ action, path }: CallUnderWay, ageMs: number): string {
  const place = path.split("/").slice(-2).join("/");
  return `${action} of ${place} has been under way for ${ageMs} ms`;
}
