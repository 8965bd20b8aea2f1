import { beforeAll, expect, test } from "vitest";
import { compressZstd, decompressZstd, prepareZstd } from "../../src/record/zstd-codec.ts";

beforeAll(prepareZstd);

const magic = "28b52ffd";
// One raw block "hello", the last of its frame.
const last = "290000" + Buffer.from("hello").toString("hex");
const sized = `${magic}2005${last}`;
// As streaming clients write it: a window of 1 MiB and no content size.
const unsized = `${magic}0050${last}`;

function expand(hex: string, maxBytes = 1_000_000): string {
  return Buffer.from(decompressZstd(Buffer.from(hex, "hex"), maxBytes)).toString();
}

// A block that repeats one byte `size` times: 4 bytes in the frame.
function runBlock(size: number, isLast: boolean): string {
  const header = Buffer.alloc(4, "a");
  header.writeUIntLE((size << 3) | 2 | (isLast ? 1 : 0), 0, 3);
  return header.toString("hex");
}

test("zstd: frames with and without a content size: are read, alone and in a row", () => {
  expect(expand(sized)).toBe("hello");
  expect(expand(unsized)).toBe("hello");
  expect(expand(sized + unsized + sized)).toBe("hello".repeat(3));
});

test("zstd: the limit: holds for the sum of frames, sized or not", () => {
  for (const hex of [sized + sized, unsized + unsized, sized + unsized, unsized + sized]) {
    expect(expand(hex, 10)).toBe("hellohello");
    expect(() => expand(hex, 9)).toThrow(expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }));
  }
});

test("zstd: a compressed frame whose content size is left out: is read within its limit", () => {
  const text = Buffer.from(Array.from({ length: 9_000 }, (_, index) => `row ${index}`).join());
  const packed = Buffer.from(compressZstd(text, null));
  // Single segment with a content size of 2 or 4 bytes, turned into a window of 1 MiB without one.
  const sizeBytes = packed.readUInt8(4) >> 6 === 1 ? 2 : 4;
  const stripped = Buffer.concat([
    packed.subarray(0, 4),
    Buffer.of(packed.readUInt8(4) & 0x04, 0x50),
    packed.subarray(5 + sizeBytes),
  ]);
  const hex = stripped.toString("hex");
  expect(expand(hex, text.length)).toBe(text.toString());
  expect(() => expand(hex, text.length - 1)).toThrow(
    expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
  );
});

test.each([
  ["an exabyte declared by a few bytes", `${magic}e0${"ff".repeat(7)}0f${last}`],
  ["60 MB declared by a few bytes", `${magic}a000879303${last}`],
  ["no bytes", ""],
  ["another magic", `29b52ffd2005${last}`],
  ["a reserved bit", `${magic}2805${last}`],
  ["a dictionary", `${magic}210105${last}`],
  ["a block of a reserved type", `${magic}20052f0000`],
  ["a block past the end", `${magic}2005290000686566`],
  ["no last block", `${magic}2005280000${Buffer.from("hello").toString("hex")}`],
  ["a checksum that is missing", `${magic}2405${last}`],
  ["a wrong checksum", `${magic}2405${last}00000000`],
  ["a declared size that is not met", `${magic}2004${last}`],
  ["more frames than a producer writes", sized.repeat(65)],
  ["bytes after the frame", `${sized}00`],
])("zstd: %s: is INVALID_RECORD", (_what, hex) => {
  expect(() => expand(hex)).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
});

test("zstd: gigabytes of one byte in a frame of 40 KB: are refused before they are written", () => {
  const blocks = runBlock(128 * 1024, false).repeat(10_000) + runBlock(1, true);
  const before = process.memoryUsage();
  expect(() => expand(`${magic}0050${blocks}`, 64 * 1024 * 1024)).toThrow(
    expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
  );
  const after = process.memoryUsage();
  const taken = after.external + after.arrayBuffers - before.external - before.arrayBuffers;
  expect(taken).toBeLessThan(8 * 1024 * 1024);
});
