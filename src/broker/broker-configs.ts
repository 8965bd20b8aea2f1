// The server's settings as Kafka's tools ask for them: the broker's config keys that are true of this server, and the
// directory its partitions are in.

import { resolve } from "node:path";
import type { BrokerServices, ConfigEntry, ConfigSource, ConfigType } from "../services.ts";
import type { Disk } from "../storage/disk.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import { describeConfigs, parseConfigs } from "./topic-config.ts";

/** Every setting that is reported. Sizes are bytes, times milliseconds. */
export interface ReportedSettings extends BrokerSettings {
  readonly groupMembersMax: number;
  readonly groupInitialRebalanceDelayMs: number;
  readonly offsetsRetentionMs: number;
  readonly offsetsCheckIntervalMs: number;
  readonly metadataBytesMax: number;
  readonly sessionTimeoutMsMin: number;
  readonly sessionTimeoutMsMax: number;
  readonly sessionTimeoutMsDefault: number;
  readonly classicSessionTimeoutMsMin: number;
  readonly heartbeatIntervalMsMax: number;
  readonly transactionTimeoutMsMax: number;
  readonly transactionalIdExpirationMs: number;
}

/** What the services of a broker are made of. */
export interface BrokerConfigOptions {
  readonly disk: Disk;
  /** The data directory. */
  readonly path: string;
  readonly settings: ReportedSettings;
  /** What the settings are when nothing is said. */
  readonly defaults: ReportedSettings;
}

interface Row {
  readonly name: string;
  readonly type: ConfigType;
  readonly documentation: string;
  readonly valueOf: (settings: ReportedSettings) => boolean | number;
}

const minuteMs = 60_000;

function row(
  name: string,
  [type, documentation]: readonly [ConfigType, string],
  valueOf: Row["valueOf"],
): Row {
  return { name, type, documentation, valueOf };
}

const rows: readonly Row[] = [
  row(
    "auto.create.topics.enable",
    ["boolean", "Whether a topic is created at its first use."],
    ({ autoCreateTopics }) => autoCreateTopics,
  ),
  row("default.replication.factor", ["int", "Copies of a partition: a server keeps one."], () => 1),
  row("delete.topic.enable", ["boolean", "Topics can be deleted."], () => true),
  row(
    "fetch.max.bytes",
    ["int", "Largest reply of a fetch, save for a single batch that is larger."],
    ({ replyBytesMax }) => replyBytesMax,
  ),
  row(
    "group.consumer.heartbeat.interval.ms",
    ["int", "How often members of the new protocol are asked to report."],
    ({ heartbeatIntervalMsMax }) => heartbeatIntervalMsMax,
  ),
  row(
    "group.consumer.max.session.timeout.ms",
    ["int", "Longest session timeout of a member of the new protocol."],
    ({ sessionTimeoutMsMax }) => sessionTimeoutMsMax,
  ),
  row(
    "group.consumer.max.size",
    ["int", "Most members of a group of the new protocol."],
    ({ groupMembersMax }) => groupMembersMax,
  ),
  row(
    "group.consumer.min.session.timeout.ms",
    ["int", "Shortest session timeout of a member of the new protocol."],
    ({ sessionTimeoutMsMin }) => sessionTimeoutMsMin,
  ),
  row(
    "group.consumer.session.timeout.ms",
    ["int", "Session timeout of members of the new protocol that name none."],
    ({ sessionTimeoutMsDefault }) => sessionTimeoutMsDefault,
  ),
  row(
    "group.initial.rebalance.delay.ms",
    ["int", "How long a new classic group waits for more members."],
    ({ groupInitialRebalanceDelayMs }) => groupInitialRebalanceDelayMs,
  ),
  row(
    "group.max.session.timeout.ms",
    ["int", "Longest session timeout of a member of a classic group."],
    ({ sessionTimeoutMsMax }) => sessionTimeoutMsMax,
  ),
  row(
    "group.max.size",
    ["int", "Most members of a group."],
    ({ groupMembersMax }) => groupMembersMax,
  ),
  row(
    "group.min.session.timeout.ms",
    ["int", "Shortest session timeout of a member of a classic group."],
    ({ classicSessionTimeoutMsMin }) => classicSessionTimeoutMsMin,
  ),
  row(
    "log.cleaner.backoff.ms",
    ["long", "Time between looks at what is to be compacted."],
    ({ compactionCheckIntervalMs }) => compactionCheckIntervalMs,
  ),
  row(
    "log.cleaner.dedupe.buffer.size",
    ["long", "Memory for the keys of one compaction."],
    ({ compactionKeyBytesMax }) => compactionKeyBytesMax,
  ),
  row("log.cleaner.enable", ["boolean", "Topics are compacted where they ask for it."], () => true),
  row(
    "log.cleaner.io.max.bytes.per.second",
    ["double", "What compaction reads and writes a second at most."],
    ({ compactionBytesPerSecond }) =>
      compactionBytesPerSecond === 0 ? Number.MAX_VALUE : compactionBytesPerSecond,
  ),
  row("log.cleaner.threads", ["int", "Logs are compacted one after the other."], () => 1),
  row(
    "log.retention.check.interval.ms",
    ["long", "Time between looks at the age and size of segments."],
    ({ retentionCheckIntervalMs }) => retentionCheckIntervalMs,
  ),
  row(
    "num.partitions",
    ["int", "Partitions of a topic created without a count."],
    ({ defaultPartitions }) => defaultPartitions,
  ),
  row(
    "offset.metadata.max.bytes",
    ["int", "Largest metadata committed with an offset."],
    ({ metadataBytesMax }) => metadataBytesMax,
  ),
  row(
    "offsets.retention.check.interval.ms",
    ["long", "How often lapsed offsets are looked for."],
    ({ offsetsCheckIntervalMs }) => offsetsCheckIntervalMs,
  ),
  row(
    "offsets.retention.minutes",
    ["int", "How long a group without members keeps its offsets; begun minutes count."],
    ({ offsetsRetentionMs }) => Math.ceil(offsetsRetentionMs / minuteMs),
  ),
  row(
    "producer.id.expiration.ms",
    ["int", "How long a partition remembers a silent producer."],
    ({ producerIdExpirationMs }) => producerIdExpirationMs,
  ),
  row(
    "transaction.max.timeout.ms",
    ["int", "Longest time a transaction may stay open."],
    ({ transactionTimeoutMsMax }) => transactionTimeoutMsMax,
  ),
  row(
    "transactional.id.expiration.ms",
    ["int", "How long an unused transactional id is remembered."],
    ({ transactionalIdExpirationMs }) => transactionalIdExpirationMs,
  ),
];

/** The broker as clients may ask about it. */
export function brokerServices(options: BrokerConfigOptions): BrokerServices {
  const { disk, settings, defaults } = options;
  const path = resolve(options.path);
  const directories = entryOf(
    { name: "log.dirs", type: "string", documentation: "Where the partitions are." },
    { value: path, defaultValue: path },
  );
  const own = rows.map((each) =>
    entryOf(each, {
      value: String(each.valueOf(settings)),
      defaultValue: String(each.valueOf(defaults)),
    }),
  );
  const entries = [directories, ...own, ...topicDefaults(settings)].sort((one, other) =>
    one.name < other.name ? -1 : 1,
  );
  return {
    describeConfigs: () => Promise.resolve(entries),
    async logDirectory() {
      const totalBytes = await disk.totalBytes(path).catch(() => -1);
      const usableBytes = await disk.freeBytes(path).catch(() => -1);
      return { path, totalBytes, usableBytes };
    },
  };
}

function entryOf(
  { name, type, documentation }: Omit<Row, "valueOf">,
  { value, defaultValue }: { readonly value: string; readonly defaultValue: string },
): ConfigEntry {
  const source: ConfigSource = value === defaultValue ? "default" : "server";
  const basic = { name, value: defaultValue, source: "default" as const };
  const synonyms = source === "server" ? [{ name, value, source }, basic] : [basic];
  return { name, value, source, type, documentation, synonyms };
}

/** Topics take these where they set nothing themselves. */
function topicDefaults(settings: ReportedSettings): readonly ConfigEntry[] {
  return describeConfigs(new Map(), parseConfigs(settings.topicDefaults)).map((entry) => {
    return { ...entry, name: entry.synonyms[0]?.name ?? entry.name };
  });
}
