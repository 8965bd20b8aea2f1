import { beforeAll, describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { LogError } from "../../src/base/error.ts";
import { seededRandom } from "../../src/base/random.ts";
import { checkBatch, checkRecords } from "../../src/record/batch-check.ts";
import { baseOffsetAt, leaderEpochAt, updateCrc } from "../../src/record/batch-header.ts";
import { codecNames, prepareCompression } from "../../src/record/compression.ts";
import { joinBatch, recompressBatch } from "../../src/record/recompress.ts";
import { clientBatch, commitMarker } from "../support/batch-vectors.ts";
import { batchOf } from "../support/batches.ts";

beforeAll(prepareCompression);

const limits = { batchBytesMax: 1_000_000 };
const anything = { isKeyRequired: false, timestampMinMs: -Infinity, timestampMaxMs: Infinity };

function refusal(work: () => unknown): LogError {
  try {
    work();
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

// The known batch with some header bytes changed and a valid checksum.
function changed(change: (view: DataView) => void, batch: Uint8Array = clientBatch): Uint8Array {
  const copy = batch.slice();
  change(viewOf(copy));
  updateCrc(copy);
  return copy;
}

function headerRefusal(change: (view: DataView) => void): string {
  const batch = changed(change);
  return refusal(() => checkBatch(batch, 0, limits)).code;
}

describe("batch check: header", () => {
  test("batches back to back: each is checked at its place and its size returned", () => {
    const bytes = Buffer.concat([clientBatch, batchOf([{ value: "x" }]), clientBatch]);
    const first = checkBatch(bytes, 0, limits);
    const second = checkBatch(bytes, first, limits);
    expect([first, checkBatch(bytes, first + second, limits)]).toEqual([74, 74]);
  });

  test("any base offset and leader epoch: are accepted", () => {
    const batch = changed((view) => view.setBigInt64(0, 77n));
    expect(checkBatch(batch, 0, limits)).toBe(74);
  });

  test.each([
    ["fewer bytes than a header", clientBatch.subarray(0, 60)],
    ["a batch cut off", clientBatch.subarray(0, 73)],
    ["a length below a header", changed((view) => view.setInt32(8, 48))],
    ["a negative length", changed((view) => view.setInt32(8, -1))],
    ["a length near 2^31", changed((view) => view.setInt32(8, 0x7fffffff))],
  ])("%s: is CORRUPT_MESSAGE", (_what, bytes) => {
    expect(refusal(() => checkBatch(bytes, 0, limits)).code).toBe("CORRUPT_MESSAGE");
  });

  test("older formats: are INVALID_RECORD", () => {
    for (const magic of [0, 1, 3]) {
      expect(headerRefusal((view) => view.setInt8(16, magic))).toBe("INVALID_RECORD");
    }
  });

  test("the size limit: is the last size accepted", () => {
    expect(checkBatch(clientBatch, 0, { batchBytesMax: 74 })).toBe(74);
    const error = refusal(() => checkBatch(clientBatch, 0, { batchBytesMax: 73 }));
    expect(error.code).toBe("MESSAGE_TOO_LARGE");
    expect(error.facts).toEqual({ batchBytes: 74, batchBytesMax: 73 });
  });

  test.each([
    ["a codec that does not exist", 0x05, "UNSUPPORTED_COMPRESSION_TYPE"],
    ["a control batch", 0x30, "INVALID_RECORD"],
    ["a transactional batch", 0x10, "INVALID_RECORD"],
    ["a delete horizon", 0x40, "INVALID_RECORD"],
    ["an unknown attribute", 0x80, "INVALID_RECORD"],
    ["an unknown high attribute", 0x8000, "INVALID_RECORD"],
    ["append time", 0x08, "INVALID_TIMESTAMP"],
  ])("%s: is refused by name", (_what, attributes, code) => {
    expect(headerRefusal((view) => view.setUint16(21, attributes))).toBe(code);
  });

  test("the marker of a transaction: is not for clients to write", () => {
    expect(refusal(() => checkBatch(commitMarker, 0, limits)).code).toBe("INVALID_RECORD");
  });

  test.each([
    ["no records", 0, -1],
    ["a negative count", -1, -2],
    ["a count below the last offset", 1, 1],
    ["a count above the last offset", 2, 0],
    ["more records than the bytes can hold", 3, 2],
    ["the largest count", 0x7fffffff, 0x7ffffffe],
  ])("%s: is INVALID_RECORD", (_what, recordCount, lastOffsetDelta) => {
    const code = headerRefusal((view) => {
      view.setInt32(57, recordCount);
      view.setInt32(23, lastOffsetDelta);
    });
    expect(code).toBe("INVALID_RECORD");
  });

  test("times below -1 or beyond 2^53: are INVALID_TIMESTAMP", () => {
    for (const at of [27, 35]) {
      for (const time of [-2n, 2n ** 53n, 2n ** 63n - 1n]) {
        const code = headerRefusal((view) => view.setBigInt64(at, time));
        expect(code).toBe("INVALID_TIMESTAMP");
      }
    }
  });

  test("producer fields: only -1 or three that belong together", () => {
    const withProducer = (id: bigint, epoch: number, sequence: number) => (view: DataView) => {
      view.setBigInt64(43, id);
      view.setInt16(51, epoch);
      view.setInt32(53, sequence);
    };
    for (const [id, epoch, sequence] of [
      [9n, 0, -1],
      [9n, -1, 0],
      [-2n, 0, 0],
      [2n ** 53n, 0, 0],
    ] as const) {
      expect(headerRefusal(withProducer(id, epoch, sequence))).toBe("INVALID_RECORD");
    }
    for (const [id, epoch, sequence] of [
      [9n, 0, 0],
      // Some clients send epoch 0 without a producer.
      [-1n, 0, -1],
    ] as const) {
      expect(checkBatch(changed(withProducer(id, epoch, sequence)), 0, limits)).toBe(74);
    }
  });

  test("one flipped bit anywhere: is found, or shows in the offset or epoch of the chain", () => {
    for (const codec of codecNames) {
      const batch = batchOf([{ key: "k", value: "some value" }, { value: "x" }], {
        codec,
        baseOffset: 42,
        leaderEpoch: 0,
      });
      const bytes = Buffer.concat([batch, batch]);
      for (let bit = 0; bit < batch.length * 8; bit++) {
        const at = bit >> 3;
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7));
        const view = viewOf(damaged);
        if (at < 8) expect(baseOffsetAt(view, 0)).not.toBe(42);
        else if (at >= 12 && at < 16) expect(leaderEpochAt(view, 0)).not.toBe(0);
        else refusal(() => checkBatch(damaged, 0, limits));
      }
    }
  });

  test("random bytes: are refused by name", () => {
    const random = seededRandom(3);
    for (let run = 0; run < 5_000; run++) {
      const bytes = random.bytes(random.below(100));
      const error = refusal(() => checkBatch(bytes, 0, limits));
      expect(["CORRUPT_MESSAGE", "INVALID_RECORD"]).toContain(error.code);
    }
  });
});

describe("batch check: records", () => {
  test.each(codecNames)("good records, %s: give the largest timestamp", (codec) => {
    const given = [5, 900, 3].map((timestampMs) => ({ timestampMs, key: "k" }));
    expect(checkRecords(batchOf(given, { codec }), { ...anything, isKeyRequired: true })).toBe(900);
  });

  test("the header's maximum: is not believed", () => {
    const batch = changed((view) => view.setBigInt64(35, 9_999_999_999_999n));
    expect(checkRecords(batch, anything)).toBe(1_700_000_000_000);
  });

  test("a record without a key: only compacted topics refuse it, by its index", () => {
    const batch = batchOf([{ key: "" }, { key: null }]);
    expect(() => checkRecords(batch, anything)).not.toThrow();
    const error = refusal(() => checkRecords(batch, { ...anything, isKeyRequired: true }));
    expect([error.code, error.facts]).toEqual(["INVALID_RECORD", { index: 1 }]);
  });

  test("times at the limits: are accepted, one beyond is refused by its index", () => {
    const rules = { ...anything, timestampMinMs: 100, timestampMaxMs: 200 };
    const times = (...list: readonly number[]): Uint8Array =>
      batchOf(list.map((timestampMs) => ({ timestampMs })));
    expect(checkRecords(times(100, 200), rules)).toBe(200);
    for (const late of [99, 201]) {
      const error = refusal(() => checkRecords(times(150, 150, late), rules));
      expect(error.code).toBe("INVALID_TIMESTAMP");
      expect(error.facts["index"]).toBe(2);
    }
  });

  test("no timestamp (-1): is accepted everywhere, -2 nowhere", () => {
    const rules = { ...anything, timestampMinMs: 100, timestampMaxMs: 200 };
    expect(checkRecords(batchOf([{ timestampMs: -1 }]), rules)).toBe(-1);
    const batch = batchOf([{ timestampMs: 5 }, { timestampMs: -2 }]);
    expect(refusal(() => checkRecords(batch, anything)).code).toBe("INVALID_TIMESTAMP");
  });

  test.each([
    ["a gap in the offsets", "0c000000010100" + "0c000004010100", [2, 2]],
    ["offsets that begin at one", "0c000002010100" + "0c000004010100", [2, 2]],
    ["fewer records than declared", "0c000000010100", [2, 1]],
    ["more records than declared", "0c000000010100" + "0c000002010100", [1, 1]],
    ["an attribute on a record", "0c010000010100", [1, 0]],
    ["a broken header", "10000000010102" + "0101", [1, 0]],
  ] as const)("%s: is INVALID_RECORD under every codec", (_what, hex, counts) => {
    const [recordCount, lastOffsetDelta] = counts;
    for (const codec of codecNames) {
      const header = changed((view) => {
        view.setInt32(57, recordCount);
        view.setInt32(23, lastOffsetDelta);
      }).subarray(0, 61);
      const plain = joinBatch(header, "none", Buffer.from(hex, "hex"));
      const batch = recompressBatch(plain, codec, null);
      expect(refusal(() => checkRecords(batch, anything)).code).toBe("INVALID_RECORD");
    }
  });

  test("records that expand past the limit: are MESSAGE_TOO_LARGE", () => {
    const given = [{ value: "a".repeat(10_000) }];
    for (const codec of codecNames.slice(1)) {
      const rules = { ...anything, maxDecompressedBytes: 5_000 };
      const error = refusal(() => checkRecords(batchOf(given, { codec }), rules));
      expect(error.code).toBe("MESSAGE_TOO_LARGE");
    }
  });
});
