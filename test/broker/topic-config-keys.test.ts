import { describe, expect, test } from "vitest";
import { parseConfigs, settingsOf } from "../../src/broker/topic-config.ts";
import { topicConfigKeys } from "../../src/broker/topic-config-keys.ts";

const rows = Object.entries(topicConfigKeys);

describe("topic config keys", () => {
  test("every default: is a value its own key takes, in normal form", () => {
    for (const [name, { defaultValue }] of rows) {
      expect(parseConfigs({ [name]: defaultValue }), name).toEqual(new Map([[name, defaultValue]]));
    }
  });

  test("names and meanings: sorted, and each meaning is a sentence", () => {
    const names = rows.map(([name]) => name);
    expect(names).toEqual(names.toSorted());
    for (const [name, { meaning }] of rows) expect(meaning, name).toMatch(/^[A-Za-z].*\.$/);
  });

  test("defaults together: are Kafka's where durability does not ask for more", () => {
    const { log, append } = settingsOf(new Map(), new Map());
    expect(log).toMatchObject({
      segmentBytes: 2 ** 30,
      segmentMs: 604_800_000,
      retentionMs: 604_800_000,
      retentionBytes: -1,
      deleteByRetention: true,
      compaction: null,
      durability: "fsync",
      flushMs: 1000,
      flushMessages: Infinity,
    });
    expect(append).toEqual({
      batchBytesMax: 1_048_588,
      usesAppendTime: false,
      timestampBeforeMsMax: Infinity,
      timestampAfterMsMax: 3_600_000,
      isKeyRequired: false,
      codec: "producer",
      codecLevel: null,
    });
  });
});
