// The table of topic config keys: Kafka's names, types and defaults, with what is true here. One row a key.
//
// A key whose effect the server does not have takes only the value that is true of it, so that nobody relies on what
// does not happen.

const int64Max = "9223372036854775807";
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** What values a key takes. Whole numbers are decimal and may exceed 2^53; `valuesMax` is then null. */
export type ConfigKind =
  | { readonly type: "integer"; readonly valueMin: number; readonly valueMax: number | null }
  | { readonly type: "fraction"; readonly valueMin: number; readonly valueMax: number }
  | { readonly type: "choice"; readonly values: readonly string[] }
  | { readonly type: "list"; readonly values: readonly string[] };

/** One row of the table. */
export interface ConfigKey {
  readonly kind: ConfigKind;
  readonly defaultValue: string;
  /** One sentence: what the key changes. */
  readonly meaning: string;
  /** Why values that Kafka takes are refused; null when the range says it all. */
  readonly reason: string | null;
}

function integer(valueMin: number, valueMax: number | null = null): ConfigKind {
  return { type: "integer", valueMin, valueMax };
}

function choice(...values: readonly string[]): ConfigKind {
  return { type: "choice", values };
}

function row(kind: ConfigKind, defaultValue: string, meaning: string): ConfigKey {
  return { kind, defaultValue, meaning, reason: null };
}

function fixed(kind: ConfigKind, defaultValue: string, reason: string): ConfigKey {
  return { kind, defaultValue, meaning: `Fixed: ${reason}.`, reason };
}

const noReplicas = "a server keeps one copy of each partition";
const noTiers = "there is no remote storage";

/**
 * Every key, by name.
 *
 * @see Apache Kafka 4.2 topic configs; `varve.*` is ours.
 */
export const topicConfigKeys = {
  "cleanup.policy": {
    kind: { type: "list", values: ["delete", "compact"] },
    defaultValue: "delete",
    meaning:
      "delete removes old segments by age and size; compact keeps the latest record of each key; both do both; " +
      "an empty list keeps everything.",
    reason: null,
  },
  "compression.gzip.level": row(
    integer(-1, 9),
    "-1",
    "Level when batches are compressed with gzip; -1 is the library's own.",
  ),
  "compression.lz4.level": fixed(integer(9, 9), "9", "lz4 is used at one level"),
  "compression.type": row(
    choice("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"),
    "producer",
    "Codec batches are stored with; producer keeps what they came with.",
  ),
  "compression.zstd.level": row(
    integer(-131_072, 22),
    "3",
    "Level when batches are compressed with zstd.",
  ),
  "delete.retention.ms": row(
    integer(0),
    "86400000",
    "With cleanup.policy=compact: a tombstone stays this long after it was first compacted.",
  ),
  "file.delete.delay.ms": row(
    integer(0),
    "60000",
    "Time between removing a segment or topic and unlinking its files.",
  ),
  "flush.messages": row(
    integer(1),
    int64Max,
    "Records written with acks=1 or durability os are synced at the latest after this many.",
  ),
  "flush.ms": row(
    integer(0),
    "1000",
    "Records written with acks=1 or durability os are synced at the latest after this long.",
  ),
  "follower.replication.throttled.replicas": fixed(choice(""), "", noReplicas),
  "index.interval.bytes": row(
    integer(0, 2 ** 31 - 1),
    "4096",
    "At most this many bytes of log lie between two entries of the offset index.",
  ),
  "leader.replication.throttled.replicas": fixed(choice(""), "", noReplicas),
  "local.retention.bytes": fixed(integer(-2, -2), "-2", noTiers),
  "local.retention.ms": fixed(integer(-2, -2), "-2", noTiers),
  "max.compaction.lag.ms": row(
    integer(1),
    int64Max,
    "With cleanup.policy=compact: a record waits no longer than this for compaction.",
  ),
  "max.message.bytes": row(
    integer(0, 16 * MiB),
    "1048588",
    "Largest record batch in bytes, its header included.",
  ),
  "message.timestamp.after.max.ms": row(
    integer(0),
    "3600000",
    "A record's timestamp may lie this far ahead of the server's clock.",
  ),
  "message.timestamp.before.max.ms": row(
    integer(0),
    int64Max,
    "A record's timestamp may lie this far behind the server's clock.",
  ),
  "message.timestamp.type": row(
    choice("CreateTime", "LogAppendTime"),
    "CreateTime",
    "Whether a record's timestamp is the producer's or the time of the append.",
  ),
  "min.cleanable.dirty.ratio": row(
    { type: "fraction", valueMin: 0, valueMax: 1 },
    "0.5",
    "With cleanup.policy=compact: compaction waits until more than this part of the log is new.",
  ),
  "min.compaction.lag.ms": row(
    integer(0),
    "0",
    "With cleanup.policy=compact: a record is not compacted before it is this old.",
  ),
  "min.insync.replicas": fixed(integer(1, 1), "1", noReplicas),
  preallocate: fixed(choice("false"), "false", "blocks are always reserved ahead, in steps"),
  "remote.log.copy.disable": fixed(choice("false"), "false", noTiers),
  "remote.log.delete.on.disable": fixed(choice("false"), "false", noTiers),
  "remote.storage.enable": fixed(choice("false"), "false", noTiers),
  "retention.bytes": row(
    integer(-1),
    "-1",
    "Oldest segments are removed while a partition stays at least this large; -1 keeps them.",
  ),
  "retention.ms": row(
    integer(-1),
    "604800000",
    "Segments whose newest record is older are removed; -1 keeps them.",
  ),
  "segment.bytes": {
    kind: integer(KiB, GiB),
    defaultValue: "1073741824",
    meaning: "A new segment file is begun before one grows past this.",
    reason: "a segment is mapped whole, so its size is at most 1 GiB",
  },
  "segment.index.bytes": row(
    integer(64, 2 ** 31 - 1),
    "10485760",
    "A new segment is begun when an index file reaches this size.",
  ),
  "segment.jitter.ms": row(
    integer(0),
    "0",
    "Largest random part taken off segment.ms, so that segments do not all roll at once.",
  ),
  "segment.ms": row(
    integer(1),
    "604800000",
    "A new segment is begun when the first record of the present one is this old.",
  ),
  "unclean.leader.election.enable": fixed(choice("false"), "false", noReplicas),
  "varve.durability": row(
    choice("fsync", "os"),
    "fsync",
    "fsync: records are readable once synced to the disk; os: once in the page cache.",
  ),
} as const satisfies Record<string, ConfigKey>;

/** The name of a key of the table. */
export type ConfigName = keyof typeof topicConfigKeys;
