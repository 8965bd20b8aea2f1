import { expect, test } from "vitest";
import { internalSettings, metadataTopic } from "../../src/broker/metadata-topic.ts";
import { Partition } from "../../src/broker/partition.ts";

test("the catalog's topic: internal, one partition, removed by nobody but its coordinator", () => {
  const partition = new Partition({
    topic: "__cluster_metadata",
    partition: 0,
    log: null,
    problem: "none",
    settings: internalSettings,
  });
  const { listing, settings } = metadataTopic(partition);
  expect(listing).toMatchObject({ name: "__cluster_metadata", internal: true, partitionCount: 1 });
  expect(settings.log.deleteByRetention).toBe(false);
});
