import { describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import {
  attributesAt,
  baseOffsetAt,
  baseSequenceAt,
  baseTimestampAt,
  batchBytesAt,
  codecOf,
  crcAt,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetDeltaAt,
  leaderEpochAt,
  magicAt,
  maxTimestampAt,
  nextOffsetAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
  setBaseOffset,
  setCrc,
  setLeaderEpoch,
  setMaxTimestamp,
  stampAppendTime,
  updateCrc,
  withCodec,
  writeBatchHeader,
} from "../../src/record/batch-header.ts";
import { clientBatch, commitMarker } from "../support/batch-vectors.ts";

function crcHolds(batch: Uint8Array): boolean {
  return crcAt(viewOf(batch), 0) === crc32c(batch, 21);
}

describe("batch header: reading", () => {
  test("a marker behind another batch: every field is found at its place", () => {
    const view = viewOf(Buffer.concat([clientBatch, commitMarker]));
    const at = batchBytesAt(view, 0);
    expect(at).toBe(74);
    expect({
      baseOffset: baseOffsetAt(view, at),
      batchBytes: batchBytesAt(view, at),
      leaderEpoch: leaderEpochAt(view, at),
      magic: magicAt(view, at),
      crc: crcAt(view, at),
      attributes: attributesAt(view, at),
      lastOffsetDelta: lastOffsetDeltaAt(view, at),
      baseTimestampMs: baseTimestampAt(view, at),
      maxTimestampMs: maxTimestampAt(view, at),
      producerId: producerIdAt(view, at),
      producerEpoch: producerEpochAt(view, at),
      baseSequence: baseSequenceAt(view, at),
      recordCount: recordCountAt(view, at),
      nextOffset: nextOffsetAt(view, at),
    }).toEqual({
      baseOffset: 5,
      batchBytes: 78,
      leaderEpoch: 0,
      magic: 2,
      crc: 0x2d6ed699,
      attributes: 0x30,
      lastOffsetDelta: 0,
      baseTimestampMs: 1_700_000_000_000,
      maxTimestampMs: 1_700_000_000_000,
      producerId: 9,
      producerEpoch: 0,
      baseSequence: -1,
      recordCount: 1,
      nextOffset: 6,
    });
  });

  test("no producer: id, epoch and sequence are -1", () => {
    const view = viewOf(clientBatch);
    expect(producerIdAt(view, 0)).toBe(-1);
    expect(producerEpochAt(view, 0)).toBe(-1);
    expect(baseSequenceAt(view, 0)).toBe(-1);
  });

  test("every byte 0xff or 0x7f: reading a header does not throw", () => {
    for (const fill of [0xff, 0x7f, 0x80]) {
      const view = viewOf(new Uint8Array(61).fill(fill));
      expect(() => {
        baseOffsetAt(view, 0);
        producerIdAt(view, 0);
        baseTimestampAt(view, 0);
        maxTimestampAt(view, 0);
        nextOffsetAt(view, 0);
      }).not.toThrow();
    }
  });

  test("attribute bits: each is read by its own function", () => {
    const facts = (attributes: number): readonly (boolean | number)[] => [
      codecOf(attributes),
      isLogAppendTime(attributes),
      isTransactional(attributes),
      isControl(attributes),
      hasDeleteHorizon(attributes),
    ];
    expect(facts(0x07)).toEqual([7, false, false, false, false]);
    expect(facts(0x08)).toEqual([0, true, false, false, false]);
    expect(facts(0x10)).toEqual([0, false, true, false, false]);
    expect(facts(0x20)).toEqual([0, false, false, true, false]);
    expect(facts(0x40)).toEqual([0, false, false, false, true]);
    expect(withCodec(0x7d, 3)).toBe(0x7b);
  });
});

describe("batch header: writing", () => {
  test("offset and epoch of an append: change nothing else and leave the checksum valid", () => {
    const batch = clientBatch.slice();
    setBaseOffset(viewOf(batch), 0, 42);
    setLeaderEpoch(viewOf(batch), 0, 3);
    const rest = Buffer.from(clientBatch).toString("hex", 16);
    const expected = `000000000000002a0000003e00000003${rest}`;
    expect(Buffer.from(batch).toString("hex")).toBe(expected);
    expect(crcHolds(batch)).toBe(true);
  });

  test("a header written field by field: has the bytes of the known marker", () => {
    const batch = commitMarker.slice();
    batch.fill(0xaa, 0, 61);
    const view = viewOf(batch);
    writeBatchHeader(view, batch.length, {
      baseOffset: 5,
      leaderEpoch: 0,
      attributes: 0x30,
      lastOffsetDelta: 0,
      baseTimestampMs: 1_700_000_000_000,
      maxTimestampMs: 1_700_000_000_000,
      producerId: 9,
      producerEpoch: 0,
      baseSequence: -1,
      recordCount: 1,
    });
    setCrc(view, crc32c(batch, 21));
    expect(batch).toEqual(commitMarker);
  });

  test("append time: sets the bit and the time under a valid checksum, and keeps the codec", () => {
    const batch = clientBatch.slice();
    viewOf(batch).setUint16(21, 4);
    stampAppendTime(batch, 1_800_000_000_123);
    const view = viewOf(batch);
    expect(attributesAt(view, 0)).toBe(0x0c);
    expect(maxTimestampAt(view, 0)).toBe(1_800_000_000_123);
    expect(baseTimestampAt(view, 0)).toBe(1_700_000_000_000);
    expect(crcHolds(batch)).toBe(true);
  });

  test("a corrected maximum: is under a valid checksum", () => {
    const batch = clientBatch.slice();
    setMaxTimestamp(batch, 7);
    expect(maxTimestampAt(viewOf(batch), 0)).toBe(7);
    expect(crcHolds(batch)).toBe(true);
  });

  test("a changed byte: the checksum holds again only after the update", () => {
    const batch = clientBatch.slice();
    batch[batch.length - 1] = 0x32;
    expect(crcHolds(batch)).toBe(false);
    updateCrc(batch);
    expect(crcHolds(batch)).toBe(true);
  });
});
