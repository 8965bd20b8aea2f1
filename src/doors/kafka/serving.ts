// Every API that the door serves, with its versions: what is dispatched is what ApiVersions advertises.

import type { ServingTable } from "./handler.ts";

/** The APIs served, by name. */
export const serving: ServingTable = {};
