// States of groups by the names that Kafka's tools show.

import type { GroupState } from "../../services.ts";

/** Kafka's name of each state, whichever protocol the group speaks. */
export const kafkaGroupState: Readonly<Record<GroupState, string>> = {
  EMPTY: "Empty",
  ASSIGNING: "Assigning",
  RECONCILING: "Reconciling",
  PREPARING_REBALANCE: "PreparingRebalance",
  COMPLETING_REBALANCE: "CompletingRebalance",
  STABLE: "Stable",
};
