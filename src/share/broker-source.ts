// Topics and data of a broker as share groups use them.

import type { Broker } from "../broker/broker.ts";
import { LogError } from "../base/error.ts";
import type { TopicListing } from "../services.ts";
import type { ShareSource } from "./share-source.ts";

// What a dead letter's headers add to a record, and more.
const storyBytes = 64 * 1024;

/** The topics of a broker. */
export function brokerSource(broker: Broker): ShareSource {
  const { data, liveTopics } = broker;
  return {
    fetch: (request) => data.fetch(request),
    produce: (request) => data.produce(request),
    listOffsets: (partitions) => data.listOffsets(partitions),
    topic: (name) => liveTopics.find(name)?.listing ?? null,
    ensureTopic: async (name, like) => {
      const known = liveTopics.find(name)?.listing;
      return known ?? (await createdTopic(broker, name, like));
    },
    positions: ({ topic, partition }) => {
      const found = liveTopics.findPartition(topic, partition);
      return found === null || found.logOrNull === null ? null : found.positions();
    },
    watch: ({ topic, partition }, listener) => {
      const found = liveTopics.findPartition(topic, partition);
      const waiter = { notify: listener };
      found?.addWaiter(waiter);
      return () => found?.removeWaiter(waiter);
    },
    hold: ({ topic, partition }, holder, offset) => {
      liveTopics.findPartition(topic, partition)?.logOrNull?.hold(holder, offset);
    },
  };
}

async function createdTopic(
  broker: Broker,
  name: string,
  like: TopicListing | null,
): Promise<TopicListing> {
  // What is settled may go by hand (trim); what is not must not go by age.
  const configs: Record<string, string> = { "retention.ms": "-1" };
  if (like !== null) {
    configs["max.message.bytes"] = String(like.accepts.batchBytesMax + storyBytes);
  }
  const partitionCount = like?.partitionCount ?? null;
  try {
    return await broker.topics.create({ name, partitionCount, configs, validateOnly: false });
  } catch (error) {
    const isThere = error instanceof LogError && error.code === "TOPIC_ALREADY_EXISTS";
    const listing = broker.liveTopics.find(name)?.listing;
    if (!isThere || listing === undefined) throw error;
    return listing;
  }
}
