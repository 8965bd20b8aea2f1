import { expect, test } from "vitest";
import { compressSnappy, decompressSnappy } from "../../src/record/snappy-codec.ts";

const magic = "82534e4150505900" + "00000001" + "00000001";
const hello = "051068656c6c6f";

function expand(hex: string, maxBytes = 1_000_000): string {
  return Buffer.from(decompressSnappy(Buffer.from(hex, "hex"), maxBytes)).toString();
}

test("snappy: a raw block as librdkafka sends it: is read", () => {
  expect(expand(hello)).toBe("hello");
});

test("snappy: xerial chunks as the Java client sends them: are joined", () => {
  const chunk = `00000007${hello}`;
  expect(expand(magic + chunk + chunk)).toBe("hellohello");
  expect(expand(magic)).toBe("");
});

test("snappy: written bytes: are xerial framing in chunks of 32 KiB", () => {
  const packed = Buffer.from(compressSnappy(Buffer.alloc(70_000, "ab")));
  expect(packed.toString("hex", 0, 16)).toBe(magic);
  let chunks = 0;
  for (let at = 16; at < packed.length; at += 4 + packed.readInt32BE(at)) chunks++;
  expect(chunks).toBe(3);
});

test.each([
  ["4 GiB declared by a few bytes", "ffffffff0f00"],
  ["60 MB declared by a few bytes", "80c6d71c00"],
  ["a size that never ends", "ffffffffffff"],
  ["no bytes", ""],
  ["the same inside a chunk", `${magic}0000000580c6d71c00`],
  ["a chunk past the end", `${magic}00000008${hello}`],
  ["more chunks than a producer writes", magic + `00000007${hello}`.repeat(4_097)],
  ["a negative chunk", `${magic}ffffffff${hello}`],
  ["half a chunk length", `${magic}0000`],
  ["a block that is shorter than declared", "061068656c6c6f"],
])("snappy: %s: is INVALID_RECORD", (_what, hex) => {
  expect(() => expand(hex)).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
});

test("snappy: chunks that together pass the limit: are MESSAGE_TOO_LARGE", () => {
  const hex = magic + `00000007${hello}`.repeat(3);
  expect(expand(hex, 15)).toBe("hello".repeat(3));
  expect(() => expand(hex, 14)).toThrow(expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }));
});
