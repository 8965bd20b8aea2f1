// A binary heap: whatever is in it, the least comes out first.

/** Items in an order; putting one in and taking the least out cost O(log n). */
export class Heap<Item> {
  readonly #isBefore: (one: Item, other: Item) => boolean;
  readonly #items: Item[] = [];

  /** @param isBefore A strict order. */
  constructor(isBefore: (one: Item, other: Item) => boolean) {
    this.#isBefore = isBefore;
  }

  /** How many items. */
  get size(): number {
    return this.#items.length;
  }

  /** The least item; undefined when there is none. */
  peek(): Item | undefined {
    return this.#items[0];
  }

  /** Puts an item in. */
  push(item: Item): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent];
      if (above === undefined || !this.#isBefore(item, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the least item out; undefined when there is none. */
  pop(): Item | undefined {
    const items = this.#items;
    const least = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(0, last);
    return least;
  }

  /** Keeps the items that hold. O(n). */
  retain(holds: (item: Item) => boolean): void {
    const items = this.#items;
    const kept = items.filter(holds);
    items.length = 0;
    for (const item of kept) items.push(item);
    for (let at = (items.length >> 1) - 1; at >= 0; at--) {
      const item = items[at];
      if (item !== undefined) this.#sink(at, item);
    }
  }

  /** Takes everything out. */
  clear(): void {
    this.#items.length = 0;
  }

  // Puts an item in the place `from` or below it.
  #sink(from: number, item: Item): void {
    const items = this.#items;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let child = left;
      const [one, other] = [items[left], items[right]];
      if (one === undefined) break;
      if (other !== undefined && this.#isBefore(other, one)) child = right;
      const least = child === left ? one : other;
      if (least === undefined || !this.#isBefore(least, item)) break;
      items[at] = least;
      at = child;
    }
    items[at] = item;
  }
}
