// Doing one thing for many items with a bound on how many are under way.

/** What `mapParallel` does. */
export interface ParallelOptions<Item, Result> {
  /** At most this many at once, 1 or more. */
  readonly limit: number;
  readonly work: (item: Item) => Promise<Result>;
}

/**
 * Results in the order of the items. After the first failure no further item is begun; it rejects with that failure
 * once everything under way has settled, so that nothing goes on behind the caller's back.
 */
export async function mapParallel<Item, Result>(
  items: readonly Item[],
  { limit, work }: ParallelOptions<Item, Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  const queue = items.entries();
  const runLane = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, runLane));
  if (failures.length > 0) throw failures[0];
  return results;
}
