// Sets of partitions by topic, and their algebra. Immutable; no topic without partitions; partitions ascending.

import type { TopicAssignment } from "../services.ts";

/** Partitions by topic: ascending, without repetition, never an empty list. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** No partition at all. */
export const emptyAssignment: Assignment = new Map();

/** The set that a list names; order and repetition in the list do not matter. */
export function assignmentOf(list: readonly TopicAssignment[]): Assignment {
  const merged = new Map<string, number[]>();
  for (const { topic, partitions } of list) {
    const known = merged.get(topic);
    if (known === undefined) merged.set(topic, [...partitions]);
    else known.push(...partitions);
  }
  const result = new Map<string, readonly number[]>();
  for (const [topic, partitions] of merged) {
    const sorted = [...new Set(partitions)].sort((left, right) => left - right);
    if (sorted.length > 0) result.set(topic, sorted);
  }
  return result;
}

/** The set as a list, by topic name. */
export function listOf(assignment: Assignment): readonly TopicAssignment[] {
  const list = [...assignment].map(([topic, partitions]) => ({ topic, partitions }));
  return list.sort((left, right) => (left.topic < right.topic ? -1 : 1));
}

/** True when the partition is in the set. */
export function contains(assignment: Assignment, topic: string, partition: number): boolean {
  const partitions = assignment.get(topic);
  if (partitions === undefined) return false;
  let low = 0;
  let high = partitions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((partitions[middle] ?? Infinity) < partition) low = middle + 1;
    else high = middle;
  }
  return partitions[low] === partition;
}

/** The partitions that `keep` says yes to; the same object when that is all of them. */
export function filter(
  assignment: Assignment,
  keep: (topic: string, partition: number) => boolean,
): Assignment {
  const result = new Map<string, readonly number[]>();
  let isWhole = true;
  for (const [topic, partitions] of assignment) {
    const kept = partitions.filter((partition) => keep(topic, partition));
    if (kept.length < partitions.length) isWhole = false;
    if (kept.length > 0) result.set(topic, kept);
  }
  return isWhole ? assignment : result;
}

/** What is in both. */
export function intersection(left: Assignment, right: Assignment): Assignment {
  return filter(left, (topic, partition) => contains(right, topic, partition));
}

/** What is in `left` and not in `right`. */
export function difference(left: Assignment, right: Assignment): Assignment {
  return filter(left, (topic, partition) => !contains(right, topic, partition));
}

/** What is in either. */
export function union(left: Assignment, right: Assignment): Assignment {
  if (left.size === 0) return right;
  if (right.size === 0) return left;
  return assignmentOf([...listOf(left), ...listOf(right)]);
}

/** True when both name the same partitions. */
export function isEqual(left: Assignment, right: Assignment): boolean {
  if (left === right) return true;
  if (left.size !== right.size) return false;
  for (const [topic, partitions] of left) {
    const others = right.get(topic);
    if (others === undefined || others.length !== partitions.length) return false;
    if (partitions.some((partition, index) => others[index] !== partition)) return false;
  }
  return true;
}

/** True when every partition of `inner` is in `outer`. */
export function isSubset(inner: Assignment, outer: Assignment): boolean {
  return difference(inner, outer).size === 0;
}

/** How many partitions. */
export function countOf(assignment: Assignment): number {
  let count = 0;
  for (const partitions of assignment.values()) count += partitions.length;
  return count;
}
