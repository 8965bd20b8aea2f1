// Every decoder that is fuzzed, by name.

import { prepareCompression } from "../../../src/record/compression.ts";
import type { FuzzTarget } from "../target.ts";
import { batchCursor, clientBatches, preparedBatches } from "./batches.ts";
import {
  clientReplies,
  jsonRecords,
  jsonText,
  msgpackRecords,
  ndjsonRecords,
  plainBodies,
  rawRecords,
} from "./bodies.ts";
import { gzip, lz4, snappy, zstd } from "./codecs.ts";
import { catalogEvents, groupEvents, shareEvents, transactionEvents } from "./events.ts";
import {
  checkpoints,
  identityFiles,
  offsetIndexes,
  partitionNames,
  producerSnapshots,
  timeIndexes,
  transactionIndexes,
} from "./files.ts";
import { kafkaRequests, kafkaResponses } from "./frames.ts";
import { fetchedRecords, producerBatches, segmentWalks, toolFiles } from "./walks.ts";
import { frameStreams, httpWords, patterns, settings, subscriptions } from "./words.ts";

/** All targets. */
export const targets: readonly FuzzTarget[] = [
  frameStreams,
  kafkaRequests,
  kafkaResponses,
  clientBatches,
  batchCursor,
  preparedBatches,
  fetchedRecords,
  producerBatches,
  segmentWalks,
  toolFiles,
  gzip,
  snappy,
  lz4,
  zstd,
  offsetIndexes,
  timeIndexes,
  transactionIndexes,
  producerSnapshots,
  checkpoints,
  identityFiles,
  partitionNames,
  groupEvents,
  transactionEvents,
  shareEvents,
  catalogEvents,
  jsonText,
  jsonRecords,
  ndjsonRecords,
  msgpackRecords,
  rawRecords,
  plainBodies,
  clientReplies,
  httpWords,
  subscriptions,
  patterns,
  settings,
];

/** Loads what decoders need to be loaded; to be awaited before any target runs. */
export function prepareTargets(): Promise<void> {
  return prepareCompression();
}
