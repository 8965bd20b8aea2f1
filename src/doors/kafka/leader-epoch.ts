// Leader epochs: there is one broker, which leads every partition from the first record on, in epoch 0.

import type { ErrorName } from "../../base/error.ts";

/** The epoch of every leader. */
export const leaderEpoch = 0;

/** What is wrong with the epoch that a client believes in; null when nothing is. -1: it does not say. */
export function epochError(currentLeaderEpoch: number): ErrorName | null {
  if (currentLeaderEpoch === -1 || currentLeaderEpoch === leaderEpoch) return null;
  return currentLeaderEpoch < leaderEpoch ? "FENCED_LEADER_EPOCH" : "UNKNOWN_LEADER_EPOCH";
}
