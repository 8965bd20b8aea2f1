// Everything of share groups: their members, the records they acquire and settle, and their offsets for tools.

import type { ServingTable } from "./handler.ts";
import { answerShareAcknowledge } from "./share-acknowledge.ts";
import { answerShareFetch } from "./share-fetch.ts";
import { shareGroupHandlers } from "./share-group-handlers.ts";
import { shareOffsetHandlers } from "./share-offset-handlers.ts";

/** Everything of share groups. */
export const shareHandlers: ServingTable = {
  ...shareGroupHandlers,
  // Both move the epoch of a session on, and so keep their order on a connection.
  shareFetch: { min: 1, max: 2, beginsInTurn: true, handle: answerShareFetch },
  shareAcknowledge: { min: 1, max: 2, beginsInTurn: true, handle: answerShareAcknowledge },
  ...shareOffsetHandlers,
};
