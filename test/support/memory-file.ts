// One file of the disk in memory: what programs see (cache), what the platter holds (durable), and the changes between.

import type { Random } from "../../src/base/random.ts";

/** The unit that reaches the platter whole or not at all, unless the mode is `garbage`. */
export const sectorBytes = 512;

/**
 * What a power cut leaves of the changes that were not synced:
 * `none` none of them; `all` all of them; `prefix` the oldest ones, the last of these torn at a sector;
 * `subset` each sector, size and name by itself, old or any later version; `garbage` as `subset`, and in each file
 * the bytes that one unsynced write put into one sector come back random;
 * `choice` as `subset`, but each choice is one draw among its outcomes, so that all of them can be gone through.
 */
export type CrashMode = "none" | "all" | "prefix" | "subset" | "garbage" | "choice";

/** One crash: how, with which dice, and (mode `prefix`) before which change the power went. */
export interface CrashPlan {
  readonly mode: CrashMode;
  readonly random: Random;
  readonly cutSequence: number;
}

interface Change {
  readonly sequence: number;
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly sizeAfter: number;
}

/** File contents in two versions and the ordered changes that turn one into the other. */
export class MemoryFile {
  #cache = new Uint8Array(0);
  #size = 0;
  #durable = new Uint8Array(0);
  #durableSize = 0;
  #reserved = 0;
  #changes: Change[] = [];
  // Buffers left behind by growth that live views still show.
  #mirrors: Uint8Array[] = [];
  #mapCount = 0;

  /** Size that programs see, bytes. */
  get size(): number {
    return this.#size;
  }

  /** Bytes taken from the disk: written or reserved. */
  get usedBytes(): number {
    return Math.max(this.#size, this.#reserved);
  }

  /** True when a power cut cannot change what programs see. */
  get isDurable(): boolean {
    if (this.#changes.length > 0 || this.#size !== this.#durableSize) return false;
    const size = this.#size;
    return Buffer.compare(this.#cache.subarray(0, size), padded(this.#durable, size)) === 0;
  }

  /** Copies from `position` on; returns the count. */
  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.#size - position));
    if (count > 0) target.set(this.#cache.subarray(position, position + count));
    return count;
  }

  /** Writes into the cache. `sequence` orders changes over the whole disk. */
  write(bytes: Uint8Array, position: number, sequence: number): void {
    if (bytes.length === 0) return;
    const copy = copyOf(bytes);
    this.#put(copy, position);
    this.#size = Math.max(this.#size, position + copy.length);
    this.#changes.push({ sequence, position, bytes: copy, sizeAfter: this.#size });
  }

  /** Sets the size; what is cut off reads as zeros should the file grow again. */
  truncate(length: number, sequence: number): void {
    const zeros = new Uint8Array(Math.max(0, this.#size - length));
    this.#reserved = Math.min(this.#reserved, length);
    if (length === this.#size) return;
    this.#put(zeros, length);
    this.#size = length;
    this.#changes.push({ sequence, position: length, bytes: zeros, sizeAfter: length });
  }

  /** Takes blocks without changing the size. */
  reserve(length: number): void {
    this.#reserved = Math.max(this.#reserved, length);
  }

  /** Makes changes up to and including `sequence` durable. */
  sync(sequence: number): void {
    for (const change of this.#takeChanges(sequence)) {
      this.#durable = placed(this.#durable, change.bytes, change.position);
      this.#durableSize = change.sizeAfter;
    }
  }

  /** A failed sync: the changes count as clean and never reach the platter; programs still see them. */
  loseChanges(sequence: number): void {
    this.#takeChanges(sequence);
  }

  /** Both versions become these bytes, as if changed while nobody looked. */
  replace(bytes: Uint8Array): void {
    this.#cache = copyOf(bytes);
    this.#durable = copyOf(bytes);
    this.#size = bytes.length;
    this.#durableSize = bytes.length;
    this.#changes = [];
  }

  /** A map begins (+1) or ends (-1). */
  countMap(step: 1 | -1): void {
    this.#mapCount += step;
    if (this.#mapCount === 0) this.#mirrors = [];
  }

  /** A window onto the cache that later writes shine through. */
  window(position: number, length: number): Uint8Array {
    return this.#cache.subarray(position, position + length);
  }

  /** The file as a power cut leaves it; this one stays as it is. */
  afterCrash(plan: CrashPlan): MemoryFile {
    const left = new MemoryFile();
    let bytes = this.#durable.slice();
    let size = this.#durableSize;
    if (plan.mode === "all" || plan.mode === "prefix") {
      for (const change of this.#changes) {
        if (plan.mode === "prefix" && change.sequence >= plan.cutSequence) {
          if (change.sequence > plan.cutSequence) break;
          const part = tornPart(change, plan.random);
          bytes = placed(bytes, part, change.position);
          const end = Math.max(size, change.position + part.length);
          if (part.length > 0) size = plan.random.below(2) === 0 ? change.sizeAfter : end;
          break;
        }
        bytes = placed(bytes, change.bytes, change.position);
        size = change.sizeAfter;
      }
    } else if (plan.mode !== "none") {
      bytes = this.#sectorsAfterCrash(bytes, plan);
      const pick = plan.random.below(this.#changes.length + 1);
      size = this.#changes[pick - 1]?.sizeAfter ?? size;
      if (plan.mode === "garbage") this.#spoilOneSector(bytes, plan.random);
    }
    left.replace(padded(bytes, size));
    return left;
  }

  #put(bytes: Uint8Array, position: number): void {
    const before = this.#cache;
    this.#cache = placed(this.#cache, bytes, position);
    if (this.#mapCount > 0 && before !== this.#cache) this.#mirrors.push(before);
    for (const mirror of this.#mirrors) {
      const room = mirror.length - position;
      if (room > 0) mirror.set(bytes.subarray(0, room), position);
    }
  }

  #takeChanges(sequence: number): Change[] {
    const taken = this.#changes.filter((change) => change.sequence <= sequence);
    this.#changes = this.#changes.filter((change) => change.sequence > sequence);
    return taken;
  }

  // Each sector ends as some number of the writes that touched it left it: old, newest, or any between. A bias drawn
  // per file makes "nearly all there" and "nearly nothing there" as likely as an even mix.
  #sectorsAfterCrash(
    durable: Uint8Array<ArrayBuffer>,
    { mode, random }: CrashPlan,
  ): Uint8Array<ArrayBuffer> {
    const touching = new Map<number, Change[]>();
    for (const change of this.#changes) {
      if (change.bytes.length === 0) continue;
      const last = Math.floor((change.position + change.bytes.length - 1) / sectorBytes);
      for (let at = Math.floor(change.position / sectorBytes); at <= last; at++) {
        const list = touching.get(at);
        if (list === undefined) touching.set(at, [change]);
        else list.push(change);
      }
    }
    let bytes = durable;
    const newestPercent = mode === "choice" ? null : random.below(101);
    for (const [sector, changes] of touching) {
      const isNewest = newestPercent !== null && random.below(100) < newestPercent;
      const count = isNewest ? changes.length : random.below(changes.length + 1);
      for (const change of changes.slice(0, count)) {
        const from = Math.max(change.position, sector * sectorBytes);
        const part = partInSector(change, sector);
        bytes = placed(bytes, part, from);
      }
    }
    return bytes;
  }

  #spoilOneSector(bytes: Uint8Array, random: Random): void {
    const change = this.#changes[random.below(Math.max(1, this.#changes.length))];
    if (change === undefined || change.bytes.length === 0) return;
    const victim = change.position + random.below(change.bytes.length);
    const sector = Math.floor(victim / sectorBytes);
    const from = Math.max(change.position, sector * sectorBytes);
    const room = bytes.length - from;
    if (room <= 0) return;
    const length = Math.min(partInSector(change, sector).length, room);
    bytes.set(random.bytes(length), from);
  }
}

// Not `slice`, which of a Buffer is a window.
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function partInSector(change: Change, sector: number): Uint8Array {
  const from = Math.max(0, sector * sectorBytes - change.position);
  const to = (sector + 1) * sectorBytes - change.position;
  return change.bytes.subarray(from, to);
}

// The bytes up to a sector boundary of a write that the power cut fell into.
function tornPart(change: Change, random: Random): Uint8Array {
  if (change.bytes.length === 0) return change.bytes;
  const first = Math.floor(change.position / sectorBytes);
  const last = Math.floor((change.position + change.bytes.length - 1) / sectorBytes);
  const sectorEnd = (first + random.below(last - first + 1)) * sectorBytes;
  return change.bytes.subarray(0, Math.max(0, sectorEnd - change.position));
}

function placed(
  buffer: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array,
  position: number,
): Uint8Array<ArrayBuffer> {
  const end = position + bytes.length;
  let target = buffer;
  if (end > buffer.length) {
    target = new Uint8Array(Math.max(end, buffer.length * 2, 1024));
    target.set(buffer);
  }
  target.set(bytes, position);
  return target;
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes.subarray(0, length);
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}
