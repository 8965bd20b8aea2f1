// Partitions by topic, as messages nest them, and one by one, as the services take them.

import type { TopicPartition } from "../../services.ts";

/** A topic of a message with its partitions. */
export interface ByTopic<Part> {
  readonly name: string;
  readonly partitions: readonly Part[];
}

/** Results under their topics: topics in the order they first come up, partitions in theirs. */
export function byTopic<Result extends TopicPartition, Part>(
  results: readonly Result[],
  partOf: (result: Result) => Part,
): readonly ByTopic<Part>[] {
  const topics = new Map<string, Part[]>();
  for (const result of results) {
    const parts = topics.get(result.topic) ?? [];
    parts.push(partOf(result));
    topics.set(result.topic, parts);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

/** Every partition of topics that list partition numbers, each once: nobody gets more by asking more often. */
export function placesOf(
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
): readonly TopicPartition[] {
  const numbers = new Map<string, Set<number>>();
  for (const { name, partitions } of topics) {
    const known = numbers.get(name) ?? new Set();
    for (const partition of partitions) known.add(partition);
    numbers.set(name, known);
  }
  return [...numbers].flatMap(([topic, partitions]) =>
    [...partitions].map((partition) => ({ topic, partition })),
  );
}
