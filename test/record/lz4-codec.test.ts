import { expect, test } from "vitest";
import { compressLz4, decompressLz4 } from "../../src/record/lz4-codec.ts";

// Magic, FLG (version 1, independent blocks), BD (64 KiB), header checksum.
const header = "04224d18" + "6040" + "82";
const end = "00000000";
const stored = "05000080" + Buffer.from("hello").toString("hex");

function expand(hex: string, maxBytes = 1_000_000): string {
  return Buffer.from(decompressLz4(Buffer.from(hex, "hex"), maxBytes)).toString();
}

function littleEndian(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString("hex");
}

// One literal 'a', then a match of the given length at distance 1, then five literals 'b'.
function runBlock(matchLength: number): string {
  const extra = matchLength - 4 - 15;
  const lengths = `${"ff".repeat(Math.floor(extra / 255))}${Buffer.of(extra % 255).toString("hex")}`;
  const data = `1f61${"0100"}${lengths}50${"62".repeat(5)}`;
  return littleEndian(data.length / 2) + data;
}

test("lz4: a stored block under the header that Kafka writes: is read", () => {
  expect(expand(header + stored + stored + end)).toBe("hellohello");
});

test("lz4: a compressed block made by hand: is read, its size known before", () => {
  const hex = header + runBlock(1_000) + end;
  const text = `${"a".repeat(1_001)}bbbbb`;
  expect(expand(hex, text.length)).toBe(text);
  expect(() => expand(hex, text.length - 1)).toThrow(
    expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
  );
});

test("lz4: written bytes: are one frame of independent blocks, as Kafka's reader asks", () => {
  const packed = Buffer.from(compressLz4(Buffer.alloc(200_000, "abc")));
  expect(packed.readUInt32LE(0)).toBe(0x184d2204);
  // Version 1, independent, no dictionary, reserved bit clear.
  expect(packed.readUInt8(4) & 0xe3).toBe(0x60);
  expect((packed.readUInt8(5) >> 4) & 7).toBeGreaterThanOrEqual(4);
});

test.each([
  ["no bytes", ""],
  ["another magic", `05224d18604082${end}`],
  ["version 2", `04224d18a04082${end}`],
  ["a dictionary", `04224d18614082${end}`],
  ["a block size that does not exist", `04224d18603082${end}`],
  ["a wrong header checksum", `04224d18604083${stored}${end}`],
  ["no end", header + stored],
  ["a block past the end", `${header}06000080${"61".repeat(5)}`],
  ["a block above 64 KiB", `${header}01000100${"61".repeat(65_537)}${end}`],
  ["bytes after the end", `${header}${stored}${end}00`],
  ["a declared size of 2^40", `04224d18684000000000000100008200${stored}${end}`],
  ["a match before the beginning", `${header}${littleEndian(4)}10610900${end}`],
  ["a block that yields more than 64 KiB", `${header}${runBlock(70_000)}${end}`],
])("lz4: %s: is INVALID_RECORD", (_what, hex) => {
  expect(() => expand(hex)).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
});

test("lz4: many blocks of the largest expansion: are refused by their sum", () => {
  const hex = header + runBlock(60_000).repeat(1_200) + end;
  expect(() => expand(hex)).toThrow(expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }));
});
