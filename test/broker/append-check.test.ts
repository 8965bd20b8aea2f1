import { describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { prepareBatches } from "../../src/broker/append-check.ts";
import { parseConfigs, settingsOf, type AppendRules } from "../../src/broker/topic-config.ts";
import {
  attributesAt,
  baseSequenceAt,
  checksummedFrom,
  codecOf,
  isLogAppendTime,
  isTransactional,
  maxTimestampAt,
  producerEpochAt,
  producerIdAt,
  setCrc,
  setMaxTimestamp,
} from "../../src/record/batch-header.ts";
import { prepareCompression } from "../../src/record/compression.ts";
import { batchOf, recordsOf } from "../support/batches.ts";

const nowMs = 1_700_000_000_000;

function rulesOf(configs: Record<string, string> = {}): AppendRules {
  return settingsOf(parseConfigs(configs), new Map()).append;
}

function codeOf(chunks: readonly Uint8Array[], rules = rulesOf()): string {
  try {
    prepareBatches(chunks, rules, nowMs);
    return "ok";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function joined(...batches: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(batches));
}

describe("append check: batches", () => {
  test("several batches in one chunk: are taken apart, in order", () => {
    const one = batchOf([{ value: "a" }]);
    const two = batchOf([{ value: "b" }, { value: "c" }]);
    const batches = prepareBatches([joined(one, two), one], rulesOf(), nowMs);
    expect(batches.map((batch) => batch.length)).toEqual([one.length, two.length, one.length]);
  });

  test("nothing, an empty chunk, a batch cut short: refused", () => {
    expect(codeOf([])).toBe("INVALID_RECORD");
    expect(codeOf([new Uint8Array(0)])).toBe("INVALID_RECORD");
    expect(codeOf([batchOf([{ value: "a" }]).subarray(0, 60)])).toBe("CORRUPT_MESSAGE");
    expect(codeOf([joined(batchOf([{ value: "a" }]), new Uint8Array(3))])).toBe("CORRUPT_MESSAGE");
  });

  test("a compacted topic: every record needs a key, in a batch of this process too", () => {
    const rules = rulesOf({ "cleanup.policy": "compact" });
    const keyed = batchOf([{ key: "k", value: "v" }]);
    const mixed = batchOf([{ key: "k" }, { value: "v" }]);
    expect(codeOf([keyed], rules)).toBe("ok");
    expect(codeOf([mixed], rules)).toBe("INVALID_RECORD");
    expect(codeOf([Uint8Array.from(mixed)], rules)).toBe("INVALID_RECORD");
    expect(codeOf([mixed])).toBe("ok");
  });

  test("larger than max.message.bytes: refused, exactly at it taken", () => {
    const batch = batchOf([{ value: "x".repeat(500) }]);
    expect(codeOf([batch], rulesOf({ "max.message.bytes": String(batch.length) }))).toBe("ok");
    expect(codeOf([batch], rulesOf({ "max.message.bytes": String(batch.length - 1) }))).toBe(
      "MESSAGE_TOO_LARGE",
    );
  });

  test("a producer id: taken, and kept where the codec or the time changes", () => {
    const producer = { producerId: 5, producerEpoch: 3, baseSequence: 77 };
    const batch = batchOf([{ value: "a" }], { producer, isTransactional: true });
    const rules = rulesOf({
      "compression.type": "gzip",
      "message.timestamp.type": "LogAppendTime",
    });
    const [stored = batch] = prepareBatches([batch], rules, nowMs);
    const view = viewOf(stored);
    expect(codecOf(attributesAt(view, 0))).toBe(1);
    expect(isTransactional(attributesAt(view, 0))).toBe(true);
    expect(producerIdAt(view, 0)).toBe(5);
    expect(producerEpochAt(view, 0)).toBe(3);
    expect(baseSequenceAt(view, 0)).toBe(77);
  });

  test("a transaction without a producer: refused", () => {
    const batch = batchOf([{ value: "a" }], { isTransactional: true });
    expect(codeOf([batch])).toBe("INVALID_RECORD");
  });
});

describe("append check: timestamps", () => {
  test("outside what the topic allows: refused at either end, none at all is taken", () => {
    const rules = rulesOf({
      "message.timestamp.before.max.ms": "100",
      "message.timestamp.after.max.ms": "10",
    });
    const at = (timestampMs: number): string => codeOf([batchOf([{ timestampMs }])], rules);
    expect(at(nowMs + 10)).toBe("ok");
    expect(at(nowMs + 11)).toBe("INVALID_TIMESTAMP");
    expect(at(nowMs - 100)).toBe("ok");
    expect(at(nowMs - 101)).toBe("INVALID_TIMESTAMP");
    expect(at(-1)).toBe("ok");
  });

  test("a maximum that is not true: is set right, because the time index trusts it", () => {
    const batch = batchOf([{ timestampMs: nowMs - 5 }, { timestampMs: nowMs - 9 }]);
    setMaxTimestamp(batch, nowMs + 999_999_999);
    const [stored] = prepareBatches([batch], rulesOf(), nowMs);
    expect(maxTimestampAt(viewOf(stored ?? batch), 0)).toBe(nowMs - 5);
    expect(codeOf([stored ?? batch])).toBe("ok");
  });

  test("append time: every record takes it, whatever the client said", () => {
    const rules = rulesOf({ "message.timestamp.type": "LogAppendTime" });
    const batch = batchOf([{ timestampMs: 5 }, { timestampMs: nowMs * 2 }]);
    const [stored = batch] = prepareBatches([batch], rules, nowMs);
    expect(isLogAppendTime(attributesAt(viewOf(stored), 0))).toBe(true);
    expect(recordsOf(stored).map((record) => record.timestampMs)).toEqual([nowMs, nowMs]);
  });
});

describe("append check: batches of this process's own builder", () => {
  const rules = rulesOf({
    "message.timestamp.before.max.ms": "100",
    "message.timestamp.after.max.ms": "10",
  });

  // A batch whose second record says that it is longer than the batch, with a true checksum.
  function broken(): Uint8Array {
    const batch = batchOf([{ value: "a" }, { value: "b" }]);
    batch[batch.length - 8] = 100;
    resealed(batch);
    return batch;
  }

  function resealed(batch: Uint8Array): void {
    setCrc(viewOf(batch), crc32c(batch, checksummedFrom));
  }

  test("as built: taken, and every rule of the topic holds for every record", () => {
    const at = (...times: readonly number[]): string =>
      codeOf([batchOf(times.map((timestampMs) => ({ timestampMs })))], rules);
    expect(at(nowMs, nowMs - 100, nowMs + 10)).toBe("ok");
    expect(at(nowMs, nowMs - 101, nowMs)).toBe("INVALID_TIMESTAMP");
    expect(at(nowMs, nowMs + 11, nowMs)).toBe("INVALID_TIMESTAMP");
    expect(at(nowMs, -1, nowMs)).toBe("ok");
    expect(at(nowMs, -2, nowMs)).toBe("INVALID_TIMESTAMP");
    const batch = batchOf([{}]);
    const small = rulesOf({ "max.message.bytes": String(batch.length - 1) });
    expect(codeOf([batch], small)).toBe("MESSAGE_TOO_LARGE");
  });

  test("changed since it was built: checked like anybody's", () => {
    const damaged = batchOf([{ value: "a" }]);
    damaged[damaged.length - 2] = 0x62;
    expect(codeOf([damaged])).toBe("CORRUPT_MESSAGE");
    expect(codeOf([broken()])).toBe("INVALID_RECORD");
  });

  test("the same bytes from outside: checked record by record", () => {
    const [copy, part] = [broken(), broken()].map((batch) => Uint8Array.from(batch));
    expect(codeOf([copy ?? new Uint8Array()])).toBe("INVALID_RECORD");
    expect(codeOf([joined(batchOf([{}]), part ?? new Uint8Array())])).toBe("INVALID_RECORD");
    const late = Uint8Array.from(batchOf([{ timestampMs: nowMs }, { timestampMs: nowMs - 101 }]));
    expect(codeOf([late], rules)).toBe("INVALID_TIMESTAMP");
  });

  test("stamped with the append time and sent again: refused as from any client", () => {
    const batch = batchOf([{}]);
    const stamping = rulesOf({ "message.timestamp.type": "LogAppendTime" });
    expect(codeOf([batch], stamping)).toBe("ok");
    expect(codeOf([batch], stamping)).toBe("INVALID_TIMESTAMP");
  });
});

describe("append check: codec of the topic", () => {
  const records = [{ value: "x".repeat(300) }, { key: "k", value: "y".repeat(300) }];

  test("each codec: the records stay the same under it, with append time as well", async () => {
    await prepareCompression();
    const ids = { uncompressed: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
    for (const [codec, id] of Object.entries(ids)) {
      const rules = rulesOf({
        "compression.type": codec,
        "message.timestamp.type": "LogAppendTime",
      });
      for (const sent of ["none", "gzip"] as const) {
        const [stored = new Uint8Array()] = prepareBatches(
          [batchOf(records, { codec: sent })],
          rules,
          nowMs,
        );
        expect(codecOf(attributesAt(viewOf(stored), 0))).toBe(id);
        expect(recordsOf(stored).map(({ value }) => value)).toEqual(records.map((r) => r.value));
        expect(recordsOf(stored)[1]?.timestampMs).toBe(nowMs);
      }
    }
  });

  test("too large once uncompressed: refused", () => {
    const sent = batchOf([{ value: "x".repeat(5000) }], { codec: "gzip" });
    const limits = { "max.message.bytes": "1000" };
    expect(codeOf([sent], rulesOf(limits))).toBe("ok");
    expect(codeOf([sent], rulesOf({ ...limits, "compression.type": "uncompressed" }))).toBe(
      "MESSAGE_TOO_LARGE",
    );
  });
});
