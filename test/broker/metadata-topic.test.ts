import { expect, test } from "vitest";
import { defaultBrokerSettings } from "../../src/broker/broker-settings.ts";
import { internalConfigsOf, metadataTopic } from "../../src/broker/metadata-topic.ts";
import { Partition } from "../../src/broker/partition.ts";
import { settingsOf } from "../../src/broker/topic-config.ts";

test("the catalog's topic: internal, one partition, removed by nobody but its coordinator", () => {
  const configs = internalConfigsOf({ ...defaultBrokerSettings, stateSegmentBytes: 4096 });
  const partition = new Partition({
    topic: "__cluster_metadata",
    partition: 0,
    log: null,
    problem: "none",
    settings: settingsOf(configs, new Map()),
  });
  const { listing, settings } = metadataTopic(partition, configs);
  expect(listing).toMatchObject({ name: "__cluster_metadata", internal: true, partitionCount: 1 });
  expect(settings.log).toMatchObject({ deleteByRetention: false, segmentBytes: 4096 });
});
