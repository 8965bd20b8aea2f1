// How Kafka's tools know each topic config key: the type they are told, and the broker setting that gives its default.

import type { ConfigType } from "../services.ts";
import type { ConfigName } from "./topic-config-keys.ts";

/** One row of the table. */
export interface KafkaConfigKey {
  readonly type: ConfigType;
  /** The server's setting of the same effect: the key itself where Kafka has no other name. */
  readonly serverName: string;
}

function row(type: ConfigType, serverName: string): KafkaConfigKey {
  return { type, serverName };
}

/**
 * Every key of `topicConfigKeys`.
 *
 * @see Apache Kafka 4.2 `ServerTopicConfigSynonyms` and `LogConfig`.
 */
export const kafkaConfigKeys: Readonly<Record<ConfigName, KafkaConfigKey>> = {
  "cleanup.policy": row("list", "log.cleanup.policy"),
  "compression.gzip.level": row("int", "compression.gzip.level"),
  "compression.lz4.level": row("int", "compression.lz4.level"),
  "compression.type": row("string", "compression.type"),
  "compression.zstd.level": row("int", "compression.zstd.level"),
  "delete.retention.ms": row("long", "log.cleaner.delete.retention.ms"),
  "file.delete.delay.ms": row("long", "log.segment.delete.delay.ms"),
  "flush.messages": row("long", "log.flush.interval.messages"),
  "flush.ms": row("long", "log.flush.interval.ms"),
  "follower.replication.throttled.replicas": row("list", "follower.replication.throttled.replicas"),
  "index.interval.bytes": row("int", "log.index.interval.bytes"),
  "leader.replication.throttled.replicas": row("list", "leader.replication.throttled.replicas"),
  "local.retention.bytes": row("long", "log.local.retention.bytes"),
  "local.retention.ms": row("long", "log.local.retention.ms"),
  "max.compaction.lag.ms": row("long", "log.cleaner.max.compaction.lag.ms"),
  "max.message.bytes": row("int", "message.max.bytes"),
  "message.timestamp.after.max.ms": row("long", "log.message.timestamp.after.max.ms"),
  "message.timestamp.before.max.ms": row("long", "log.message.timestamp.before.max.ms"),
  "message.timestamp.type": row("string", "log.message.timestamp.type"),
  "min.cleanable.dirty.ratio": row("double", "log.cleaner.min.cleanable.ratio"),
  "min.compaction.lag.ms": row("long", "log.cleaner.min.compaction.lag.ms"),
  "min.insync.replicas": row("int", "min.insync.replicas"),
  preallocate: row("boolean", "log.preallocate"),
  "remote.log.copy.disable": row("boolean", "remote.log.copy.disable"),
  "remote.log.delete.on.disable": row("boolean", "remote.log.delete.on.disable"),
  "remote.storage.enable": row("boolean", "remote.storage.enable"),
  "retention.bytes": row("long", "log.retention.bytes"),
  "retention.ms": row("long", "log.retention.ms"),
  "segment.bytes": row("int", "log.segment.bytes"),
  "segment.index.bytes": row("int", "log.index.size.max.bytes"),
  "segment.jitter.ms": row("long", "log.roll.jitter.ms"),
  "segment.ms": row("long", "log.roll.ms"),
  "unclean.leader.election.enable": row("boolean", "unclean.leader.election.enable"),
  "varve.durability": row("string", "varve.durability"),
};
