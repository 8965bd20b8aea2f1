// The server's own topics as a broker sets them up, and the one that holds the catalog.

import { metadataTopicId } from "./catalog-start.ts";
import type { Partition } from "./partition.ts";
import { parseConfigs, settingsOf } from "./topic-config.ts";
import { metadataTopicName } from "./topic-name.ts";
import { type Topic, topicFrom } from "./topics.ts";

/** Config of the server's own topics: small segments, and only their coordinator removes anything. */
export const internalConfigs = parseConfigs({ "cleanup.policy": "", "segment.bytes": "16777216" });

/** What follows from it. */
export const internalSettings = settingsOf(internalConfigs, new Map());

/** The catalog's topic over its one partition. */
export function metadataTopic(metadata: Partition): Topic {
  return topicFrom({
    name: metadataTopicName,
    topicId: metadataTopicId,
    configs: internalConfigs,
    settings: internalSettings,
    partitions: [metadata],
  });
}
