// Every API that the door serves, with its versions: what is dispatched is what ApiVersions advertises.

import { adminHandlers } from "./admin-handlers.ts";
import { answerApiVersions } from "./api-versions.ts";
import { answerDeleteRecords } from "./delete-records.ts";
import { answerFetch } from "./fetch.ts";
import { answerFindCoordinator } from "./find-coordinator.ts";
import { groupHandlers } from "./group-handlers.ts";
import type { ServingTable } from "./handler.ts";
import { answerListOffsets } from "./list-offsets.ts";
import { answerMetadata } from "./metadata.ts";
import { answerOffsetForLeaderEpoch } from "./offset-for-leader-epoch.ts";
import { answerProduce } from "./produce.ts";
import { shareHandlers } from "./share-handlers.ts";
import { transactionHandlers } from "./transaction-handlers.ts";

/** The APIs served, by name. */
export const serving: ServingTable = {
  // Versions below 3 are not read: clients look for 0 before they compress anything (KAFKA-18659).
  produce: { min: 0, max: 12, handle: answerProduce },
  fetch: { min: 4, max: 17, beginsInTurn: true, handle: answerFetch },
  listOffsets: { min: 1, max: 10, handle: answerListOffsets },
  metadata: { min: 0, max: 13, beginsInTurn: true, handle: answerMetadata },
  findCoordinator: { min: 0, max: 6, handle: answerFindCoordinator },
  apiVersions: { min: 0, max: 4, handle: answerApiVersions(() => serving) },
  deleteRecords: { min: 0, max: 2, handle: answerDeleteRecords },
  offsetForLeaderEpoch: { min: 2, max: 4, handle: answerOffsetForLeaderEpoch },
  ...groupHandlers,
  ...shareHandlers,
  ...transactionHandlers,
  ...adminHandlers,
};
