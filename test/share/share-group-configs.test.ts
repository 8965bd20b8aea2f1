import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import {
  groupConfigsOf,
  settingsOfConfigs,
  shareGroupConfigKeys,
} from "../../src/share/share-group-configs.ts";

function refusalOf(changes: Readonly<Record<string, string>>): string {
  try {
    settingsOfConfigs({}, changes);
    return "ok";
  } catch (error) {
    if (error instanceof LogError) return error.code;
    throw error;
  }
}

const all = {
  "share.record.lock.duration.ms": "15000",
  "share.delivery.count.limit": "7",
  "share.auto.offset.reset": "earliest",
  "share.isolation.level": "read_committed",
};

describe("share group configs", () => {
  test("every key there and back", () => {
    const settings = settingsOfConfigs({}, all);
    expect(settings).toEqual({
      leaseMs: 15_000,
      maxDeliveries: 7,
      from: "earliest",
      isolation: "read_committed",
    });
    expect(groupConfigsOf(settings)).toEqual(all);
    expect(Object.keys(all).sort()).toEqual([...shareGroupConfigKeys].sort());
  });

  test("what was not set is absent, and no setting of a queue's own is shown", () => {
    expect(groupConfigsOf({ topic: "t", rate: 5, leaseMs: 9 })).toEqual({
      "share.record.lock.duration.ms": "9",
    });
  });

  test("null resets one key and leaves the others, those of a queue included", () => {
    const given = { leaseMs: 9000, from: "latest", rate: 5 } as const;
    const changes = { "share.record.lock.duration.ms": null };
    expect(settingsOfConfigs(given, changes)).toEqual({ from: "latest", rate: 5 });
  });

  test.each([
    ["share.record.lock.duration.ms", "1000", "3600000", "999", "3600001"],
    ["share.delivery.count.limit", "1", "10000", "0", "10001"],
  ])("%s has bounds", (key, ...texts) => {
    expect(texts.map((text) => refusalOf({ [key]: text }))).toEqual([
      "ok",
      "ok",
      "INVALID_CONFIG",
      "INVALID_CONFIG",
    ]);
  });

  test.each([
    ["share.record.lock.duration.ms", "1e4"],
    ["share.record.lock.duration.ms", ""],
    ["share.auto.offset.reset", "none"],
    ["share.isolation.level", "READ_COMMITTED"],
    ["consumer.session.timeout.ms", "45000"],
    ["constructor", "1"],
  ])("'%s' as '%s' is refused", (key, text) => {
    expect(refusalOf({ [key]: text })).toBe("INVALID_CONFIG");
  });

  test("one bad change refuses all of them", () => {
    expect(refusalOf({ ...all, "share.isolation.level": "none" })).toBe("INVALID_CONFIG");
  });
});
