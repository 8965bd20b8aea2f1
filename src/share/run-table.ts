// The runs of one share partition by offset. Giving a range a fate takes it from whatever runs it had part in; what is
// left of them stays as it was. Runs do not span blocks of 1,024 offsets, so that a block's runs fit a short array.

import type { OffsetRange, RecordFate, RecordRun } from "./record-run.ts";

const blockOffsets = 1024;

/** Hears of every run that comes or goes. */
export interface RunListener {
  added(run: RecordRun): void;
  removed(run: RecordRun): void;
}

/** Runs without overlap. */
export class RunTable {
  readonly #listener: RunListener;
  readonly #blocks = new Map<number, RecordRun[]>();
  #runCount = 0;

  /** @param listener Told within each change. Must not throw. */
  constructor(listener: RunListener) {
    this.#listener = listener;
  }

  /** How many runs. */
  get runCount(): number {
    return this.#runCount;
  }

  /** The run that holds an offset; null when it has none. */
  find(offset: number): RecordRun | null {
    const runs = this.#blocks.get(blockOf(offset));
    if (runs === undefined) return null;
    const run = runs[indexAtOrBelow(runs, offset)];
    return run !== undefined && run.last >= offset ? run : null;
  }

  /** Gives every offset of the range a fate; null: it is settled. */
  assign({ first, last }: OffsetRange, fate: RecordFate | null): void {
    if (fate === null && blockOf(last) - blockOf(first) > this.#blocks.size) {
      this.#settleLong({ first, last });
      return;
    }
    for (let at = first; at <= last; ) {
      const end = Math.min(last, (blockOf(at) + 1) * blockOffsets - 1);
      this.#assignInBlock({ first: at, last: end }, fate);
      at = end + 1;
    }
  }

  /** The runs that have part in a range, as they are now, by offset. */
  *within({ first, last }: OffsetRange): Iterable<RecordRun> {
    for (const block of this.#blocksWithin(blockOf(first), blockOf(last))) {
      for (const run of this.#blocks.get(block)?.slice() ?? []) {
        if (run.last >= first && run.first <= last) yield run;
      }
    }
  }

  /** All runs. What is changed meanwhile is given as it is then; blocks come in no order. */
  *all(): Iterable<RecordRun> {
    for (const block of this.#blocks.keys()) {
      // The block is looked at anew for each run: whoever reads may pause, and then runs are split, joined or gone.
      let at = block * blockOffsets;
      for (let run = this.#nextInBlock(block, at); run !== null; ) {
        yield run;
        at = run.last + 1;
        run = this.#nextInBlock(block, at);
      }
    }
  }

  /** The lowest offset that has a run; null when there is none. */
  lowest(): number | null {
    let lowest: number | null = null;
    for (const runs of this.#blocks.values()) {
      const first = runs[0]?.first ?? Number.POSITIVE_INFINITY;
      if (lowest === null || first < lowest) lowest = first;
    }
    return lowest;
  }

  // The range may be far longer than what there is.
  #blocksWithin(first: number, last: number): Iterable<number> {
    if (last - first > this.#blocks.size) {
      const known = [...this.#blocks.keys()].filter((block) => block >= first && block <= last);
      return known.sort((one, other) => one - other);
    }
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  }

  /** The first run of a block that ends at or behind an offset; null when there is none. */
  #nextInBlock(block: number, offset: number): RecordRun | null {
    const runs = this.#blocks.get(block);
    if (runs === undefined) return null;
    const at = indexAtOrBelow(runs, offset);
    const run = runs[at];
    return (run !== undefined && run.last >= offset ? run : runs[at + 1]) ?? null;
  }

  // A range that may be far longer than what there is.
  #settleLong(range: OffsetRange): void {
    for (const block of this.#blocks.keys()) {
      const first = Math.max(range.first, block * blockOffsets);
      const last = Math.min(range.last, (block + 1) * blockOffsets - 1);
      if (first <= last) this.#assignInBlock({ first, last }, null);
    }
  }

  #assignInBlock(range: OffsetRange, fate: RecordFate | null): void {
    const block = blockOf(range.first);
    let runs = this.#blocks.get(block);
    if (runs === undefined) {
      if (fate === null) return;
      runs = [];
      this.#blocks.set(block, runs);
    }
    let from = indexAtOrBelow(runs, range.first);
    if (from < 0 || (runs[from]?.last ?? -1) < range.first) from++;
    let to = from;
    while (to < runs.length && (runs[to]?.first ?? 0) <= range.last) to++;
    const only = to === from + 1 ? runs[from] : undefined;
    if (fate !== null && only?.first === range.first && only.last === range.last) {
      // Whoever has the run in hand goes on with it.
      if (only.fate === fate) return;
      const run = { first: only.first, last: only.last, fate, isDue: false, isOffered: false };
      runs[from] = run;
      this.#listener.removed(only);
      this.#listener.added(run);
      return;
    }
    const [head, tail] = to > from ? [runs[from], runs[to - 1]] : [];
    const pieces: RecordRun[] = [];
    if (head !== undefined && head.first < range.first) {
      pieces.push({ ...head, last: range.first - 1 });
    }
    if (fate !== null) {
      const { first, last } = range;
      pieces.push({ first, last, fate, isDue: false, isOffered: false });
    }
    if (tail !== undefined && tail.last > range.last) {
      pieces.push({ ...tail, first: range.last + 1 });
    }
    const taken = runs.splice(from, to - from, ...pieces);
    if (runs.length === 0) this.#blocks.delete(block);
    this.#runCount += pieces.length - taken.length;
    for (const run of taken) this.#listener.removed(run);
    for (const run of pieces) this.#listener.added(run);
  }
}

function blockOf(offset: number): number {
  return Math.floor(offset / blockOffsets);
}

/** Index of the last run that begins at or below the offset; -1 when all begin above. */
function indexAtOrBelow(runs: readonly RecordRun[], offset: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle]?.first ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
