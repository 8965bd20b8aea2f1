// The server's own topics as a broker sets them up, and the one that holds the catalog.

import type { BrokerSettings } from "./broker-settings.ts";
import { metadataTopicId } from "./catalog-start.ts";
import type { Partition } from "./partition.ts";
import { type ConfigValues, parseConfigs, settingsOf } from "./topic-config.ts";
import { metadataTopicName } from "./topic-name.ts";
import { type Topic, topicFrom } from "./topics.ts";

/** Config of the server's own topics: small segments, and only their coordinator removes anything. */
export function internalConfigsOf({ stateSegmentBytes }: BrokerSettings): ConfigValues {
  return parseConfigs({ "cleanup.policy": "", "segment.bytes": String(stateSegmentBytes) });
}

/** The catalog's topic over its one partition. */
export function metadataTopic(metadata: Partition, internalConfigs: ConfigValues): Topic {
  return topicFrom({
    name: metadataTopicName,
    topicId: metadataTopicId,
    configs: internalConfigs,
    settings: settingsOf(internalConfigs, new Map()),
    partitions: [metadata],
  });
}
