// Every decoder that is fuzzed, by name.

import { prepareCompression } from "../../../src/record/compression.ts";
import type { FuzzTarget } from "../target.ts";
import { batchCursor, clientBatches, preparedBatches } from "./batches.ts";
import { kafkaRequests, kafkaResponses } from "./frames.ts";

/** All targets. */
export const targets: readonly FuzzTarget[] = [
  kafkaRequests,
  kafkaResponses,
  clientBatches,
  batchCursor,
  preparedBatches,
];

/** Loads what decoders need to be loaded; to be awaited before any target runs. */
export function prepareTargets(): Promise<void> {
  return prepareCompression();
}
