// Which parts of a segment have been checked since the process started: a short sorted list of ranges of positions.
//
// It only saves work: forgetting a range means that its bytes are checked again.

const rangesMax = 64;

/** Ranges [from, to) of positions, merged where they touch. */
export class PositionRanges {
  readonly #bounds: number[] = [];

  /** True when the whole of [from, to) has been added. */
  covers(from: number, to: number): boolean {
    for (let at = 0; at < this.#bounds.length; at += 2) {
      if ((this.#bounds[at] ?? 0) <= from) {
        if (to <= (this.#bounds[at + 1] ?? 0)) return true;
      } else {
        return false;
      }
    }
    return false;
  }

  /** Adds [from, to). When there are too many ranges the lowest is forgotten. */
  add(from: number, to: number): void {
    if (to <= from) return;
    const bounds = this.#bounds;
    let first = 0;
    while (first < bounds.length && (bounds[first + 1] ?? 0) < from) first += 2;
    let low = from;
    let high = to;
    let last = first;
    while (last < bounds.length && (bounds[last] ?? 0) <= to) {
      low = Math.min(low, bounds[last] ?? low);
      high = Math.max(high, bounds[last + 1] ?? high);
      last += 2;
    }
    bounds.splice(first, last - first, low, high);
    if (bounds.length > rangesMax * 2) bounds.splice(0, 2);
  }

  /** Forgets everything at or above a position. */
  cutAt(position: number): void {
    const kept: number[] = [];
    for (let at = 0; at < this.#bounds.length; at += 2) {
      const from = this.#bounds[at] ?? 0;
      const to = Math.min(this.#bounds[at + 1] ?? 0, position);
      if (from < to) kept.push(from, to);
    }
    this.#bounds.splice(0, this.#bounds.length, ...kept);
  }
}
