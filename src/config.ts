// Settings of a server: one table gives every setting its flag, environment variable, default, bounds and meaning.
//
// Precedence: command line, then VARVE_* environment, then the config file (JSON), then the defaults.

import { readFileSync } from "node:fs";
import { LogError } from "./base/error.ts";
import { type Fault, faultOf, type Schema, type Static, Type } from "./base/schema.ts";

const MiB = 1024 * 1024;

const bytes = (defaultBytes: number, minimum: number, description: string) =>
  Type.Integer({ default: defaultBytes, minimum, maximum: 2 ** 40, description });
const millis = (defaultMs: number, minimum: number, description: string) =>
  Type.Integer({ default: defaultMs, minimum, maximum: 2 ** 40, description });
const percent = (defaultPercent: number, description: string) =>
  Type.Integer({ default: defaultPercent, minimum: 0, maximum: 50, description });
const count = (defaultCount: number, maximum: number, description: string) =>
  Type.Integer({ default: defaultCount, minimum: 1, maximum, description });
const flag = (isOn: boolean, description: string) => Type.Boolean({ default: isOn, description });
const text = (value: string, description: string) =>
  Type.String({ default: value, minLength: 1, description });
const maybeText = (description: string) => Type.String({ default: "", description });
const oneOf = <Name extends string>(names: readonly Name[], description: string) =>
  Type.Enum(names, { default: names[0], description });

const properties = {
  host: text("127.0.0.1", "address to listen on; 0.0.0.0 for every interface"),
  port: Type.Integer({
    default: 8082,
    minimum: 0,
    maximum: 65_535,
    description: "HTTP port; 0 picks a free one",
  }),
  kafkaEnabled: flag(true, "speak Kafka's protocol beside HTTP; --no-kafka turns it off"),
  kafkaHost: maybeText("address for Kafka clients to connect to; empty takes that of HTTP"),
  kafkaPort: Type.Integer({
    default: 9092,
    minimum: 0,
    maximum: 65_535,
    description: "port of Kafka's protocol; 0 picks a free one",
  }),
  kafkaAdvertised: maybeText(
    "host:port that Kafka clients are told to use; empty: what each of them connected to",
  ),
  dataDir: text("./segments", "directory of the topics' segment files"),
  logLevel: oneOf(["info", "debug", "warn", "error", "silent"], "least level that is logged"),
  readMode: oneOf(["map", "pread"], "read through memory maps, or by pread"),
  autoCreateTopics: flag(true, "create a topic at its first produce"),
  defaultPartitions: count(1, 10_000, "partitions of a topic created without a count"),
  topicDefaults: Type.Record(Type.String(), {
    default: {},
    description: "config of topics that do not set it themselves, as key=value (repeatable)",
  }),
  bodyBytesMax: bytes(16 * MiB, 1024, "largest request body in bytes"),
  inFlightBytesMax: bytes(256 * MiB, MiB, "bytes of request bodies and unsynced appends held"),
  replyBytesInFlightMax: bytes(128 * MiB, MiB, "bytes of replies that clients of a door hold up"),
  lentBytesMax: bytes(256 * MiB, MiB, "bytes of stored batches on loan to reads under way"),
  admissionWaitMs: millis(5000, 0, "how long a produce may wait for room before it is refused"),
  connectionsMax: count(10_000, 1_000_000, "open HTTP connections"),
  kafkaRequestBytesMax: bytes(100 * MiB, 1024, "largest request of Kafka's protocol in bytes"),
  kafkaConnectionsMax: count(10_000, 1_000_000, "open connections of Kafka's protocol"),
  kafkaIdleTimeoutMs: millis(600_000, 1000, "a Kafka connection without requests is closed"),
  longPollsMax: count(20_000, 1_000_000, "reads and polls waiting at once"),
  requestTimeoutMs: millis(60_000, 1000, "time a client has to send its request"),
  streamStallMs: millis(60_000, 1000, "a stream whose reader takes nothing for this long ends"),
  retentionCheckIntervalMs: millis(300_000, 10, "time between looks at age and size of segments"),
  compactionCheckIntervalMs: millis(15_000, 10, "time between looks at what is to be compacted"),
  compactionBytesPerSecond: bytes(
    64 * MiB,
    0,
    "bytes a second that compaction reads and writes at most; 0 is no bound",
  ),
  compactionKeyBytesMax: bytes(
    128 * MiB,
    MiB,
    "memory for the keys of one compaction; what does not fit waits for the next",
  ),
  checkpointIntervalMs: millis(1000, 10, "least time between checkpoints of recovery points"),
  offsetsRetentionMs: millis(604_800_000, 1000, "a group without members forgets its offsets"),
  groupInitialRebalanceDelayMs: millis(
    500,
    0,
    "how long a new group of the classic protocol waits for more members",
  ),
  groupMembersMax: count(1000, 100_000, "members of one consumer group"),
  transactionTimeoutMsMax: millis(900_000, 1000, "longest time a transaction may stay open"),
  transactionalIdExpirationMs: millis(604_800_000, 1000, "a transactional id is forgotten unused"),
  clockHoldMs: millis(86_400_000, 0, "a clock that jumped removes nothing by age for this long"),
  producerIdExpirationMs: millis(86_400_000, 1000, "a partition forgets a producer silent so long"),
  diskWarnBytes: bytes(1024 * MiB, 0, "free space below which the disk counts as filling up"),
  diskWarnPercent: percent(5, "the same as a part of the disk; the larger of the two holds"),
  diskReserveBytes: bytes(64 * MiB, 0, "free space kept back: with less, records are refused"),
  diskReservePercent: percent(1, "the same as a part of the disk; the larger of the two holds"),
  diskStallMs: millis(10_000, 100, "a write or sync that takes longer makes the server not ready"),
  produceTimeoutMs: millis(30_000, 100, "how long a produce waits for the disk before it is told"),
  scrubMibPerSecond: Type.Integer({
    default: 8,
    minimum: 0,
    maximum: 100_000,
    description: "how fast sealed segments are read through for damage; 0: not at all",
  }),
  scrubIntervalMs: millis(86_400_000, 1000, "time between looks through all sealed segments"),
  backupDir: maybeText(
    "backups are made below this directory only; empty: anywhere, from this machine",
  ),
  shutdownTimeoutMs: millis(10_000, 0, "time given to running requests when stopping"),
} as const;

/** The schema of the config file: JSON with any of these keys. */
export const configSchema = Type.Object(properties, { additionalProperties: false });

/** All settings, complete and checked. Sizes are bytes, times milliseconds, as the names say. */
export type Config = Readonly<Static<typeof configSchema>>;

/** A setting as the command line shows it. */
export interface ConfigFlag {
  /** Key in the config file. */
  readonly key: keyof Config;
  /** Long option: `--data-dir <string>`. */
  readonly option: string;
  /** Environment variable: `VARVE_DATA_DIR`. */
  readonly variable: string;
  /** Meaning with bounds. */
  readonly description: string;
  /** The default as text. */
  readonly defaultText: string;
  /** True when the option may be given several times. */
  readonly isRepeatable: boolean;
}

/** Where settings come from; each part may be empty. */
export interface ConfigSources {
  /** Values of command line options by key; strings, or arrays of `key=value` for maps. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** The process environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file, or null. */
  readonly file: string | null;
}

const keys = Object.keys(properties) as (keyof Config)[];

/** `dataDir` becomes `data-dir`. */
function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function variableOf(key: string): string {
  return `VARVE_${kebab(key).replaceAll("-", "_").toUpperCase()}`;
}

/** Every setting in table order, for `--help` and the reference. */
export function configFlags(): readonly ConfigFlag[] {
  return keys.map((key) => {
    const schema: Schema = properties[key];
    const isMap = typeof schema.default === "object";
    const isSwitch = typeof schema.default === "boolean";
    const value = isSwitch ? "<true|false>" : isMap ? "<key=value>" : "<value>";
    return {
      key,
      option: `--${kebab(key)} ${value}`,
      variable: variableOf(key),
      description: schema.description ?? "",
      defaultText: isMap || schema.default === "" ? "none" : String(schema.default),
      isRepeatable: isMap,
    };
  });
}

/**
 * Puts the sources together and checks the whole.
 *
 * @throws INVALID_CONFIG naming the setting, the value and what is allowed.
 */
export function loadConfig(sources: ConfigSources): Config {
  const complete: Record<string, unknown> = {
    ...defaults(),
    ...(sources.file === null ? {} : readConfigFile(sources.file)),
    ...fromEnvironment(sources.environment),
    ...fromFlags(sources.flags),
  };
  const fault = faultOf(configSchema, complete);
  if (fault !== null) throw invalid(complete, fault);
  return Object.freeze(complete as Config);
}

/** The environment of this process, for `loadConfig` and the client commands. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

function defaults(): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, structuredClone(properties[key].default)]));
}

function invalid(value: Record<string, unknown>, { path, message }: Fault): LogError {
  const [key] = path;
  if (key === undefined) {
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(properties, name)) ?? "";
    return new LogError("INVALID_CONFIG", `unknown setting '${unknown}'; see 'varve serve --help'`);
  }
  const shown = JSON.stringify(value[key]);
  return new LogError("INVALID_CONFIG", `setting '${key}' is ${shown} but ${message}`);
}

function readConfigFile(path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LogError("INVALID_CONFIG", `cannot read config file '${path}': ${reason}`, { cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new LogError("INVALID_CONFIG", `config file '${path}' must hold one JSON object`);
  }
  return { ...parsed };
}

function fromEnvironment(environment: ConfigSources["environment"]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const key of keys) {
    const value = environment[variableOf(key)];
    if (value !== undefined && value !== "") found[key] = parseText(key, value);
  }
  return found;
}

function fromFlags(flags: ConfigSources["flags"]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const key of keys) {
    const value = flags[key];
    if (value === undefined) continue;
    found[key] = typeof value === "string" || Array.isArray(value) ? parseText(key, value) : value;
  }
  return found;
}

/** Text from outside becomes the type its setting has; what does not parse is left for the check to name. */
function parseText(key: keyof Config, value: string | readonly string[]): unknown {
  const fallback = properties[key].default;
  if (typeof fallback === "object") return parsePairs(key, value);
  const single = String(value);
  if (typeof fallback === "number") return /^-?\d+$/.test(single) ? Number(single) : single;
  if (typeof fallback === "boolean") {
    return single === "true" ? true : single === "false" ? false : single;
  }
  return single;
}

function parsePairs(key: string, value: string | readonly string[]): Record<string, string> {
  const pairs = typeof value === "string" ? value.split(",") : value;
  const parsed: Record<string, string> = {};
  for (const pair of pairs) {
    const cut = pair.indexOf("=");
    if (cut <= 0) {
      throw new LogError("INVALID_CONFIG", `setting '${key}' takes key=value, got '${pair}'`);
    }
    parsed[pair.slice(0, cut).trim()] = pair.slice(cut + 1).trim();
  }
  return parsed;
}
