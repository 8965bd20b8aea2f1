// A topic's config: text by key as clients see it, and the settings that logs and appends work with.

import { LogError } from "../base/error.ts";
import type { LogConfig } from "../log/log-types.ts";
import type { ConfigChange, ConfigChanges, ConfigEntry, ConfigSynonym } from "../services.ts";
import { type ConfigKey, type ConfigName, topicConfigKeys } from "./topic-config-keys.ts";
import { kafkaConfigKeys } from "./topic-config-kafka.ts";

/** Checked values by key, in normal form; keys that are not there take their default. */
export type ConfigValues = ReadonlyMap<ConfigName, string>;

/** Codecs a topic can ask its batches to be stored with. */
export type TopicCodec = "producer" | "uncompressed" | "gzip" | "snappy" | "lz4" | "zstd";

/** What an append to a topic must obey. Sizes are bytes, times milliseconds; Infinity is no limit. */
export interface AppendRules {
  readonly batchBytesMax: number;
  readonly usesAppendTime: boolean;
  readonly timestampBeforeMsMax: number;
  readonly timestampAfterMsMax: number;
  /** True where the topic is compacted: every record needs a key. */
  readonly isKeyRequired: boolean;
  readonly codec: TopicCodec;
  /** Level for `codec`; null where the codec has none. */
  readonly codecLevel: number | null;
}

/** Everything a partition needs to know of its topic's config. */
export interface TopicSettings {
  readonly log: LogConfig;
  readonly append: AppendRules;
}

const rows: ReadonlyMap<string, ConfigKey> = new Map(Object.entries(topicConfigKeys));
const names = Object.keys(topicConfigKeys) as ConfigName[];

/**
 * Checks config given as text and brings the values into normal form.
 *
 * @throws INVALID_CONFIG naming the key, the value and what is allowed.
 */
export function parseConfigs(given: Readonly<Record<string, string>>): ConfigValues {
  const values = new Map<ConfigName, string>();
  for (const [name, text] of Object.entries(given)) {
    values.set(checkName(name), normalValue(name, text));
  }
  return values;
}

/**
 * The config after changes: null takes a key away, text sets it, items are added to what a list is now. The old values
 * stay as they are.
 *
 * @throws INVALID_CONFIG
 */
export function changeConfigs(
  values: ConfigValues,
  changes: ConfigChanges,
  serverDefaults: ConfigValues,
): ConfigValues {
  const changed = new Map(values);
  for (const [name, change] of Object.entries(changes)) {
    const key = checkName(name);
    if (change === null) changed.delete(key);
    else if (typeof change === "string") changed.set(key, normalValue(name, change));
    else changed.set(key, changedList(key, change, textOf(key, values, serverDefaults)));
  }
  return changed;
}

/** True when both say the same of every key. */
export function sameConfigs(one: ConfigValues, other: ConfigValues): boolean {
  if (one.size !== other.size) return false;
  for (const [name, value] of one) if (other.get(name) !== value) return false;
  return true;
}

/** Every key with its value and where it comes from, in the order of the table. */
export function describeConfigs(
  values: ConfigValues,
  serverDefaults: ConfigValues,
): readonly ConfigEntry[] {
  return names.map((name) => {
    const { defaultValue, meaning: documentation } = topicConfigKeys[name];
    const { type, serverName } = kafkaConfigKeys[name];
    const own = values.get(name);
    const server = serverDefaults.get(name);
    const basic: ConfigSynonym = { name: serverName, value: defaultValue, source: "default" };
    const synonyms: ConfigSynonym[] = [basic];
    if (server !== undefined) synonyms.unshift({ ...basic, value: server, source: "server" });
    if (own !== undefined) synonyms.unshift({ name, value: own, source: "topic" });
    const { value, source } = synonyms[0] ?? basic;
    return { name, value, source, type, documentation, synonyms };
  });
}

/**
 * The settings that follow from a topic's values over the server's over the table's.
 *
 * @throws INVALID_CONFIG when two values cannot stand together.
 */
export function settingsOf(values: ConfigValues, serverDefaults: ConfigValues): TopicSettings {
  const text = (name: ConfigName): string => textOf(name, values, serverDefaults);
  const number = (name: ConfigName): number => wholeNumber(text(name));
  if (number("min.compaction.lag.ms") > number("max.compaction.lag.ms")) {
    throw new LogError(
      "INVALID_CONFIG",
      `min.compaction.lag.ms (${text("min.compaction.lag.ms")}) is larger than ` +
        `max.compaction.lag.ms (${text("max.compaction.lag.ms")})`,
      { facts: { key: "min.compaction.lag.ms" } },
    );
  }
  const codec = text("compression.type") as TopicCodec;
  const policies = text("cleanup.policy").split(",");
  const isCompacted = policies.includes("compact");
  const maxLagMs = number("max.compaction.lag.ms");
  return {
    log: {
      segmentBytes: number("segment.bytes"),
      // What is in the active segment is not compacted, so it must not stay there for longer than that.
      segmentMs: isCompacted ? Math.min(number("segment.ms"), maxLagMs) : number("segment.ms"),
      segmentJitterMs: number("segment.jitter.ms"),
      indexIntervalBytes: number("index.interval.bytes"),
      segmentIndexBytes: number("segment.index.bytes"),
      retentionMs: number("retention.ms"),
      retentionBytes: number("retention.bytes"),
      deleteByRetention: policies.includes("delete"),
      compaction: isCompacted
        ? {
            dirtyRatioMin: number("min.cleanable.dirty.ratio"),
            minLagMs: number("min.compaction.lag.ms"),
            maxLagMs,
            deleteRetentionMs: number("delete.retention.ms"),
          }
        : null,
      durability: text("varve.durability") === "os" ? "os" : "fsync",
      flushMs: number("flush.ms"),
      flushMessages: number("flush.messages"),
      fileDeleteDelayMs: number("file.delete.delay.ms"),
    },
    append: {
      batchBytesMax: number("max.message.bytes"),
      usesAppendTime: text("message.timestamp.type") === "LogAppendTime",
      timestampBeforeMsMax: number("message.timestamp.before.max.ms"),
      timestampAfterMsMax: number("message.timestamp.after.max.ms"),
      isKeyRequired: isCompacted,
      codec,
      codecLevel:
        codec === "gzip" || codec === "zstd" ? number(`compression.${codec}.level`) : null,
    },
  };
}

function textOf(name: ConfigName, values: ConfigValues, serverDefaults: ConfigValues): string {
  return values.get(name) ?? serverDefaults.get(name) ?? topicConfigKeys[name].defaultValue;
}

function changedList(
  name: ConfigName,
  change: Exclude<ConfigChange, string | null>,
  present: string,
): string {
  if (kafkaConfigKeys[name].type !== "list") {
    const detail = `config key '${name}' is not a list; set it instead`;
    throw new LogError("INVALID_CONFIG", detail, { facts: { key: name } });
  }
  const items = present === "" ? [] : present.split(",");
  if ("append" in change) return normalValue(name, [...items, change.append].join(","));
  const gone = new Set(change.subtract.split(",").map((item) => item.trim()));
  return normalValue(name, items.filter((item) => !gone.has(item)).join(","));
}

function checkName(name: string): ConfigName {
  if (rows.has(name)) return name as ConfigName;
  throw new LogError("INVALID_CONFIG", `config key '${name}' is unknown`, { facts: { key: name } });
}

// Beyond 2^53 a number only ever means "no limit".
function wholeNumber(text: string): number {
  const value = Number(text);
  return value > Number.MAX_SAFE_INTEGER ? Infinity : value;
}

function normalValue(name: string, text: string): string {
  const row = rows.get(name);
  const value = row === undefined ? null : parseValue(row, text.trim());
  if (row === undefined || value === null) throw refusal(name, text, row);
  return value;
}

/** The value in normal form; null when it is not one of the key's. */
function parseValue(row: ConfigKey, text: string): string | null {
  const { kind } = row;
  if (kind.type === "choice") return kind.values.includes(text) ? text : null;
  if (kind.type === "list") {
    const items = text === "" ? [] : text.split(",").map((item) => item.trim());
    return items.every((item) => kind.values.includes(item)) ? [...new Set(items)].join(",") : null;
  }
  if (kind.type === "fraction") {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    return value >= kind.valueMin && value <= kind.valueMax ? String(value) : null;
  }
  if (!/^[+-]?\d{1,19}$/.test(text)) return null;
  const value = BigInt(text.replace("+", ""));
  const valueMax = kind.valueMax === null ? 2n ** 63n - 1n : BigInt(kind.valueMax);
  return value >= BigInt(kind.valueMin) && value <= valueMax ? value.toString() : null;
}

function refusal(name: string, text: string, row: ConfigKey | undefined): LogError {
  const allowed = row === undefined ? "" : allowedOf(row);
  const reason = row?.reason ?? null;
  return new LogError(
    "INVALID_CONFIG",
    `config ${name}='${text.slice(0, 100)}' is refused: allowed is ${allowed}` +
      (reason === null ? "" : ` (${reason})`),
    { facts: { key: name, value: text.slice(0, 100) } },
  );
}

function allowedOf({ kind }: ConfigKey): string {
  if (kind.type === "choice") return kind.values.map((value) => `'${value}'`).join(", ");
  if (kind.type === "list") return `an empty list or ${kind.values.join(", ")}`;
  if (kind.type === "fraction") return `a number from ${kind.valueMin} to ${kind.valueMax}`;
  if (kind.valueMin === kind.valueMax) return String(kind.valueMin);
  return kind.valueMax === null
    ? `a whole number, ${kind.valueMin} or more`
    : `a whole number from ${kind.valueMin} to ${kind.valueMax}`;
}
