import { describe, expect, test } from "vitest";
import {
  changeConfigs,
  type ConfigValues,
  describeConfigs,
  parseConfigs,
  sameConfigs,
  settingsOf,
} from "../../src/broker/topic-config.ts";
import type { LogError } from "../../src/base/error.ts";
import type { ConfigChanges } from "../../src/services.ts";

const none = new Map();

function refusalOf(configs: Record<string, string>): LogError {
  try {
    parseConfigs(configs);
  } catch (error) {
    return error as LogError;
  }
  throw new Error(`accepted ${JSON.stringify(configs)}`);
}

describe("topic config: values", () => {
  test("refused values: named with key, value and what is allowed", () => {
    const refused: readonly [string, string, RegExp][] = [
      ["retention.ms", "-2", /-1 or more/],
      ["retention.ms", "week", /whole number/],
      ["retention.ms", "1.5", /whole number/],
      ["retention.ms", "", /whole number/],
      ["retention.ms", "9223372036854775808", /whole number/],
      ["retention.ms", "1e3", /whole number/],
      ["segment.bytes", "1023", /1024 to 1073741824/],
      ["segment.bytes", "2147483647", /1 GiB/],
      ["max.message.bytes", "16777217", /0 to 16777216/],
      ["cleanup.policy", "compress", /delete, compact/],
      ["cleanup.policy", "delete,keep", /delete, compact/],
      ["compression.type", "brotli", /'zstd'/],
      ["compression.type", "GZIP", /'gzip'/],
      ["message.timestamp.type", "createtime", /'CreateTime'/],
      ["min.insync.replicas", "2", /one copy/],
      ["remote.storage.enable", "true", /no remote storage/],
      ["preallocate", "true", /reserved ahead/],
      ["unclean.leader.election.enable", "true", /one copy/],
      ["leader.replication.throttled.replicas", "0:1", /one copy/],
      ["min.cleanable.dirty.ratio", "1.1", /0 to 1/],
      ["varve.durability", "none", /'fsync', 'os'/],
    ];
    for (const [key, value, message] of refused) {
      const error = refusalOf({ [key]: value });
      expect(error.code).toBe("INVALID_CONFIG");
      expect(error.message).toContain(key);
      expect(error.message).toMatch(message);
      expect(error.facts).toMatchObject({ key, value });
    }
  });

  test("unknown keys: refused, those of every object too", () => {
    for (const key of ["retention", "RETENTION.MS", "__proto__", "constructor", "toString", ""]) {
      const configs = Object.fromEntries([[key, "1"]]);
      expect(refusalOf(configs)).toMatchObject({ code: "INVALID_CONFIG", facts: { key } });
    }
  });

  test("other spellings of a value: are the same config", () => {
    const spelled = parseConfigs({
      "retention.ms": " +0060000 ",
      "cleanup.policy": "delete , delete",
    });
    expect(
      sameConfigs(spelled, parseConfigs({ "retention.ms": "60000", "cleanup.policy": "delete" })),
    ).toBe(true);
    expect(sameConfigs(spelled, parseConfigs({ "retention.ms": "60000" }))).toBe(false);
    expect(
      sameConfigs(spelled, parseConfigs({ "retention.ms": "1", "cleanup.policy": "delete" })),
    ).toBe(false);
  });

  test("changes: set and delete keys, and leave the old values as they were", () => {
    const before = parseConfigs({ "retention.ms": "1", "segment.ms": "2" });
    const after = changeConfigs(before, { "retention.ms": null, "segment.bytes": "2048" }, none);
    expect(Object.fromEntries(after)).toEqual({ "segment.ms": "2", "segment.bytes": "2048" });
    expect(before.size).toBe(2);
    expect(() => changeConfigs(before, { nonsense: null }, none)).toThrow("unknown");
  });

  test("items of a list: come and go from what is in force; other keys have none", () => {
    const empty = parseConfigs({ "cleanup.policy": "" });
    const change = (changes: ConfigChanges, values: ConfigValues = none, server = empty) =>
      Object.fromEntries(changeConfigs(values, { ...changes }, server));
    const key = "cleanup.policy";
    expect(change({ [key]: { append: "delete" } })).toEqual({ [key]: "delete" });
    expect(change({ [key]: { append: "delete" } }, none, none)).toEqual({ [key]: "delete" });
    expect(change({ [key]: { subtract: " delete, compact" } }, none, none)).toEqual({ [key]: "" });
    expect(change({ [key]: { subtract: "delete" } }, parseConfigs({ [key]: "delete" }))).toEqual({
      [key]: "",
    });
    expect(change({ [key]: { append: "compact" } }, none, none)).toEqual({
      [key]: "delete,compact",
    });
    expect(() => change({ [key]: { append: "compress" } })).toThrow("an empty list or delete");
    expect(() => change({ "retention.ms": { append: "1" } })).toThrow("is not a list");
    expect(() => change({ "retention.ms": { subtract: "1" } })).toThrow("is not a list");
  });
});

describe("topic config: what follows", () => {
  test("precedence: the topic's value, then the server's, then the table's, each named", () => {
    const own = parseConfigs({ "retention.ms": "1" });
    const server = parseConfigs({ "retention.ms": "2", "segment.ms": "3" });
    const { log } = settingsOf(own, server);
    expect([log.retentionMs, log.segmentMs, log.segmentJitterMs]).toEqual([1, 3, 0]);
    const described = new Map(describeConfigs(own, server).map((entry) => [entry.name, entry]));
    expect(described.get("retention.ms")).toMatchObject({ value: "1", source: "topic" });
    expect(described.get("segment.ms")).toMatchObject({ value: "3", source: "server" });
    expect(described.get("segment.jitter.ms")).toMatchObject({ value: "0", source: "default" });
    expect(described.get("retention.ms")).toMatchObject({ type: "long" });
    expect(described.get("retention.ms")?.synonyms).toEqual([
      { name: "retention.ms", value: "1", source: "topic" },
      { name: "log.retention.ms", value: "2", source: "server" },
      { name: "log.retention.ms", value: "604800000", source: "default" },
    ]);
    for (const { documentation } of described.values()) expect(documentation).toMatch(/\w\.$/);
  });

  test("largest numbers: mean no limit and are shown as they were given", () => {
    const configs = parseConfigs({ "flush.ms": "9223372036854775807" });
    expect(settingsOf(configs, new Map()).log.flushMs).toBe(Infinity);
    expect(configs.get("flush.ms")).toBe("9223372036854775807");
  });

  test("an empty cleanup policy: nothing is removed", () => {
    const { log } = settingsOf(parseConfigs({ "cleanup.policy": "" }), new Map());
    expect(log.deleteByRetention).toBe(false);
    expect(log.compaction).toBeNull();
  });

  test("compaction: with or without deletion, keys are needed, segments end within the lag", () => {
    const configs = parseConfigs({
      "cleanup.policy": "compact",
      "min.cleanable.dirty.ratio": "0.25",
      "min.compaction.lag.ms": "5",
      "max.compaction.lag.ms": "1000",
      "delete.retention.ms": "7",
    });
    const { log, append } = settingsOf(configs, new Map());
    expect(log.deleteByRetention).toBe(false);
    expect(log.segmentMs).toBe(1000);
    expect(log.compaction).toEqual({
      dirtyRatioMin: 0.25,
      minLagMs: 5,
      maxLagMs: 1000,
      deleteRetentionMs: 7,
    });
    expect(append.isKeyRequired).toBe(true);
    const both = settingsOf(parseConfigs({ "cleanup.policy": "compact,delete" }), new Map());
    expect(both.log).toMatchObject({ deleteByRetention: true, segmentMs: 604_800_000 });
    expect(both.log.compaction).toMatchObject({ dirtyRatioMin: 0.5, maxLagMs: Infinity });
  });

  test("compression level: that of the codec chosen", () => {
    const configs = parseConfigs({ "compression.type": "zstd", "compression.zstd.level": "-5" });
    expect(settingsOf(configs, new Map()).append).toMatchObject({ codec: "zstd", codecLevel: -5 });
  });

  test("values that contradict each other: refused", () => {
    const configs = parseConfigs({ "min.compaction.lag.ms": "10", "max.compaction.lag.ms": "9" });
    expect(() => settingsOf(configs, new Map())).toThrow(/min.compaction.lag.ms .10. is larger/);
  });
});
