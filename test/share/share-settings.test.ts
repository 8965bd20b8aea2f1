import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { QueueSettings } from "../../src/services.ts";
import {
  checkedSettings,
  defaultShareSettings,
  settingsInForce,
} from "../../src/share/share-settings.ts";

function refusalOf(given: object): unknown {
  try {
    checkedSettings(given as Partial<QueueSettings>);
    return null;
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== "INVALID_CONFIG") throw error;
    return error.facts["setting"] ?? error.message;
  }
}

describe("share settings: in force", () => {
  test("a group of Kafka's clients has Kafka's defaults", () => {
    expect(settingsInForce({})).toEqual(defaultShareSettings);
    expect(defaultShareSettings).toMatchObject({
      leaseMs: 30_000,
      maxDeliveries: 5,
      from: "latest",
      isolation: "read_uncommitted",
    });
  });

  test("a queue begins at the earliest record and sees committed ones only", () => {
    const queue = settingsInForce({ topic: "t" });
    expect(queue).toMatchObject({ from: "earliest", isolation: "read_committed", topic: "t" });
  });

  test("what was given goes before what a queue has by itself", () => {
    expect(settingsInForce({ topic: "t", from: "latest", leaseMs: 7 })).toMatchObject({
      from: "latest",
      leaseMs: 7,
      maxDeliveries: 5,
    });
  });
});

describe("share settings: checked", () => {
  test("good ones come back as they are, nulls of limits included", () => {
    const given = { leaseMs: 1, maxDepth: null, maxBytes: 5, rate: 0.5, concurrency: null };
    expect(checkedSettings(given)).toEqual(given);
    expect(checkedSettings({})).toEqual({});
  });

  test.each([
    ["leaseMs", { leaseMs: 0 }],
    ["leaseMs", { leaseMs: 1.5 }],
    ["leaseMs", { leaseMs: null }],
    ["maxDeliveries", { maxDeliveries: 10_001 }],
    ["order", { order: "fifo" }],
    ["from", { from: "now" }],
    ["expired", { expired: "keep" }],
    ["overflow", { overflow: "drop" }],
    ["maxDepth", { maxDepth: 0 }],
    ["rate", { rate: 0 }],
    ["concurrency", { concurrency: 0 }],
    ["dedupWindowMs", { dedupWindowMs: -1 }],
    ["topic", { topic: "" }],
    ["backoff.baseMs", { backoff: { type: "fixed", baseMs: -1 } }],
    ["backoff.jitter", { backoff: { type: "fixed", baseMs: 1, jitter: 1.1 } }],
    ["backoff.type", { backoff: { type: "linear", baseMs: 1 } }],
  ])("a bad '%s' is refused by its name: %j", (name, given) => {
    expect(refusalOf(given)).toBe(name);
  });

  test("a setting that there is not is refused, not ignored", () => {
    expect(refusalOf({ leaseMS: 5 })).not.toBeNull();
    expect(refusalOf({ isolation: "read_committed" })).not.toBeNull();
  });

  test("a backoff is filled up: fixed waits the same, exponential has a far end", () => {
    const fixed = checkedSettings({ backoff: { type: "fixed", baseMs: 50 } as never });
    expect(fixed.backoff).toEqual({ type: "fixed", baseMs: 50, maxMs: 50, jitter: 0 });
    const growing = checkedSettings({ backoff: { type: "exponential", baseMs: 50 } as never });
    expect(growing.backoff?.maxMs).toBeGreaterThan(1_000_000);
  });

  test("a backoff may not end below its beginning", () => {
    const backoff = { type: "exponential", baseMs: 50, maxMs: 49 };
    expect(refusalOf({ backoff })).toMatch("backoff.maxMs");
    expect(refusalOf({ backoff: { ...backoff, maxMs: 50 } })).toBeNull();
  });
});
