import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { seededRandom } from "../../src/base/random.ts";
import {
  codecIdOf,
  codecNameOf,
  codecNames,
  compress,
  decompress,
  prepareCompression,
} from "../../src/record/compression.ts";

beforeAll(prepareCompression);

const codecs = codecNames.slice(1);
const runs = { seed: 5, numRuns: 100 };
const limit = 1_000_000;

// Text, noise and runs: what codecs treat differently.
const content = fc.oneof(
  fc.uint8Array({ maxLength: 3_000 }),
  fc.string({ maxLength: 3_000 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.nat(3_000)).map(([piece, times]) => {
    const bytes = new Uint8Array(piece.length * times);
    for (let index = 0; index < bytes.length; index++) {
      bytes[index] = piece[index % piece.length] ?? 0;
    }
    return bytes;
  }),
);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return error.code;
  }
  return "none";
}

describe("compression", () => {
  test("ids: are Kafka's, and only those", () => {
    expect(codecNames.map(codecIdOf)).toEqual([0, 1, 2, 3, 4]);
    expect([0, 1, 2, 3, 4].map(codecNameOf)).toEqual([...codecNames]);
    expect([5, 6, 7].map(codecNameOf)).toEqual([null, null, null]);
  });

  test.each(codecNames)("any bytes, %s: come back under a limit of exactly their size", (codec) => {
    const property = fc.property(content, (bytes) => {
      const packed = compress(codec, bytes, null);
      expect(Buffer.compare(decompress(codec, packed, bytes.length), bytes)).toBe(0);
    });
    fc.assert(property, { ...runs, examples: [[new Uint8Array(0)], [new Uint8Array(70_000)]] });
  });

  test.each(codecs)("a part of a larger buffer, %s: is packed and unpacked alone", (codec) => {
    const around = seededRandom(4).bytes(5_000);
    const packed = compress(codec, around.subarray(1_001, 3_001), null);
    const padded = Buffer.concat([around.subarray(0, 3), packed, around]);
    const inner = padded.subarray(3, 3 + packed.length);
    const back = decompress(codec, inner, limit);
    expect(Buffer.compare(back, around.subarray(1_001, 3_001))).toBe(0);
  });

  test.each(codecs)("one byte above the limit, %s: is MESSAGE_TOO_LARGE", (codec) => {
    for (const size of [1, 100, 70_000, 300_000]) {
      for (const bytes of [new Uint8Array(size).fill(65), seededRandom(size).bytes(size)]) {
        const packed = compress(codec, bytes, null);
        expect(codeOf(() => decompress(codec, packed, size - 1))).toBe("MESSAGE_TOO_LARGE");
        expect(codeOf(() => decompress(codec, packed, size))).toBe("none");
      }
    }
  });

  test.each(codecs)("a bomb, %s: is refused without the memory it would take", (codec) => {
    const packed = compress(codec, new Uint8Array(64 * 1024 * 1024), null);
    const before = process.memoryUsage();
    expect(codeOf(() => decompress(codec, packed, limit))).toBe("MESSAGE_TOO_LARGE");
    const after = process.memoryUsage();
    const taken = after.external + after.arrayBuffers - before.external - before.arrayBuffers;
    expect(taken).toBeLessThan(8 * limit);
  });

  test.each(codecs)("cut off anywhere, %s: never gives all the bytes, fails by name", (codec) => {
    const bytes = Buffer.from("some text, some text, some more text. ".repeat(20));
    const packed = compress(codec, bytes, null);
    for (let length = 0; length < packed.length; length++) {
      const code = codeOf(() => {
        const back = decompress(codec, packed.subarray(0, length), limit);
        expect(back.length).toBeLessThan(bytes.length);
      });
      expect(["INVALID_RECORD", "none"]).toContain(code);
    }
  });

  test.each(codecs)(
    "mutated or random bytes, %s: fail by name, and the codec works on",
    (codec) => {
      const random = seededRandom(codecIdOf(codec));
      const bytes = Buffer.from(Array.from({ length: 300 }, (_, index) => `row ${index}`).join());
      const packed = compress(codec, bytes, null);
      const known = ["INVALID_RECORD", "MESSAGE_TOO_LARGE", "none"];
      for (let run = 0; run < 1_000; run++) {
        const mutated = Uint8Array.from(packed);
        for (let change = random.below(3); change >= 0; change--) {
          mutated[random.below(mutated.length)] = random.below(256);
        }
        const hostile = run % 3 === 0 ? random.bytes(random.below(60)) : mutated;
        expect(known).toContain(codeOf(() => decompress(codec, hostile, limit)));
      }
      expect(Buffer.compare(decompress(codec, packed, limit), bytes)).toBe(0);
    },
  );
});
