// Everything that administrators and their tools ask for beside groups and transactions.

import { clusterHandlers } from "./cluster-handlers.ts";
import { configHandlers } from "./config-handlers.ts";
import type { ServingTable } from "./handler.ts";
import { topicHandlers } from "./topic-handlers.ts";

/** Topics, configs, the cluster. */
export const adminHandlers: ServingTable = {
  ...topicHandlers,
  ...configHandlers,
  ...clusterHandlers,
};
