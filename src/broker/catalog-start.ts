// What a start makes of the directories it finds: opens what the catalog knows, finishes deletes, sets strays aside.
//
//   directory                                        what happens
//   of a live topic                                  opened; recovered if need be
//   of a topic being deleted                         renamed aside for removal, the delete is finished
//   of no topic, or beyond a topic's partitions      set aside as stray; never removed
//   missing or foreign, for a partition of a topic   the partition is unavailable; never made anew

import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { DataDirectory } from "../storage/data-directory.ts";
import type { Disk } from "../storage/disk.ts";
import { partitionNameOf } from "../storage/partition-name.ts";
import type { CatalogMachine, StoredTopic, TopicEvent } from "./catalog-machine.ts";
import type { Partition } from "./partition.ts";
import { readPartitionMetadata } from "./partition-metadata.ts";
import type { PartitionStore } from "./partition-store.ts";
import { type ConfigValues, parseConfigs, settingsOf, type TopicSettings } from "./topic-config.ts";
import { metadataTopicName } from "./topic-name.ts";
import { type Topics, topicFrom } from "./topics.ts";

/** Kafka's fixed id of the metadata topic. */
export const metadataTopicId = "00000000-0000-0000-0000-000000000001";

type TopicEntry = [topicId: string, topic: StoredTopic];

const ownDirectory = partitionNameOf({ topic: metadataTopicName, partition: 0 });

/** What a start works with. */
export interface CatalogStartOptions {
  readonly topics: Topics;
  readonly store: PartitionStore;
  readonly machine: CatalogMachine;
  readonly coordinator: Coordinator<TopicEvent>;
  readonly data: DataDirectory;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly serverDefaults: ConfigValues;
}

/**
 * Opens the partition that holds the catalog; makes it in an empty data directory.
 *
 * @param settings Of the metadata topic, which nobody can change.
 * @throws KAFKA_STORAGE_ERROR when it is damaged or gone while there are other partitions: without it nobody knows
 *         which topics exist, and starting would set all of them aside.
 */
export async function openMetadataPartition(
  options: Pick<CatalogStartOptions, "store" | "data">,
  settings: TopicSettings,
): Promise<Partition> {
  const { store, data } = options;
  const range = { topic: metadataTopicName, topicId: metadataTopicId, from: 0, to: 1, settings };
  const names = await data.partitionDirectories();
  const found = names.includes(ownDirectory)
    ? (await store.open([range])).get(metadataTopicName)
    : null;
  const partition = found?.[0] ?? null;
  const health = partition?.health() ?? { state: "failed", detail: "is missing" };
  if (partition !== null && health.state === "ok") return partition;
  const isEmpty = names.every((name) => name === ownDirectory);
  // Without a log the first start ended before it had one: there has never been a topic.
  const isUnfinished = partition === null || partition.logOrNull === null;
  if (isEmpty && isUnfinished) {
    const created = (await store.create(range))[0];
    if (created !== undefined) return created;
  }
  if (partition !== null) await store.close([partition]);
  const detail = health.state === "ok" ? "it was not created" : health.detail;
  throw new LogError(
    "KAFKA_STORAGE_ERROR",
    `the catalog of topics (${ownDirectory}) cannot be used: ${detail}; ` +
      "restore it from a backup before starting",
  );
}

/** Brings directories and catalog together and fills `topics`. Partitions that cannot be opened say so themselves. */
export async function startCatalog(options: CatalogStartOptions): Promise<void> {
  const { topics, store, machine, coordinator } = options;
  const entries = [...machine.entries()];
  const live = entries.filter(([, topic]) => topic.state === "live");
  await putStrangersAway(options, entries);
  // Their directories are out of the way now, if there were any left.
  for (const [topicId, topic] of entries) {
    if (topic.state === "deleting") await coordinator.run(() => machine.finishDelete(topicId));
  }
  const parts = live.map(([topicId, topic]) => ({
    name: topic.name,
    topicId,
    partitionCount: topic.partitionCount,
    ...storedConfig(options, topic),
  }));
  const partitions = await store.open(
    parts.map(({ name, topicId, partitionCount, settings }) => ({
      topic: name,
      topicId,
      from: 0,
      to: partitionCount,
      settings,
    })),
  );
  for (const part of parts) {
    topics.set(topicFrom({ ...part, partitions: partitions.get(part.name) ?? [] }));
  }
}

async function putStrangersAway(
  { data, disk, logger, store }: CatalogStartOptions,
  entries: readonly TopicEntry[],
): Promise<void> {
  const expected = new Set([ownDirectory]);
  const deletingIds = new Set<string>();
  for (const [topicId, { name: topic, partitionCount, state }] of entries) {
    if (state === "deleting") deletingIds.add(topicId);
    for (let partition = 0; state === "live" && partition < partitionCount; partition++) {
      expected.add(partitionNameOf({ topic, partition }));
    }
  }
  for (const name of await data.partitionDirectories()) {
    if (expected.has(name)) continue;
    const topicId = await readPartitionMetadata(disk, `${data.path}/${name}`);
    if (topicId !== null && deletingIds.has(topicId)) {
      await data.retire(name, topicId);
    } else {
      logger.warn({ directory: name, topicId }, "a directory of no topic is set aside");
      await data.setAside(name);
    }
    store.forget(name);
  }
}

/** Config of a stored topic; keys this version does not take are left out, loudly. */
function storedConfig(
  { serverDefaults, logger }: CatalogStartOptions,
  { name, configs }: StoredTopic,
): { readonly configs: ConfigValues; readonly settings: TopicSettings } {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(configs)) {
    try {
      parseConfigs({ [key]: value });
      kept[key] = value;
    } catch (error) {
      logger.error({ err: error, topic: name, key, value }, "a stored config value is ignored");
    }
  }
  const values = parseConfigs(kept);
  return { configs: values, settings: settingsOf(values, serverDefaults) };
}
