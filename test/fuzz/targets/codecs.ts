// Compressed records, whatever a client says they are: expanded within a bound or refused.

import { type CodecName, compress, decompress } from "../../../src/record/compression.ts";
import { type FuzzTarget, holds, sameBytes } from "../target.ts";

const expandedBytesMax = 64 * 1024;

const texts: readonly Uint8Array[] = [
  new Uint8Array(0),
  Buffer.from("a"),
  Buffer.from("some records, some records, some records"),
  new Uint8Array(300).fill(120),
  Buffer.from(Array.from({ length: 200 }, (_, index) => (index * 73) & 0xff)),
  new Uint8Array(40_000),
];

const snappyHead = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];

function codecTarget(
  codec: Exclude<CodecName, "none">,
  own: Pick<FuzzTarget, "words" | "weight"> & {
    readonly more?: readonly Uint8Array[];
    readonly fixedBytes: number;
  },
): FuzzTarget {
  const { more = [], fixedBytes, ...rest } = own;
  return {
    name: codec,
    bound: {
      text: `${fixedBytes >> 10} KiB of the codec's own, three times what they may expand to (${expandedBytesMax}), 8 bytes a byte`,
      bytes: (length) => fixedBytes + 3 * expandedBytesMax + 8 * length,
    },
    refusals: ["INVALID_RECORD", "MESSAGE_TOO_LARGE"],
    isNoted: true,
    ...rest,
    samples: () => [...texts.map((text) => compress(codec, text, null)), ...more],
    run(input) {
      const expanded = decompress(codec, input, expandedBytesMax);
      holds(expanded.length <= expandedBytesMax, "more than it may expand to");
      // Half of what can be read is written and read again.
      if ((input[input.length - 1] ?? 0) % 2 === 0) return 1;
      const again = decompress(codec, compress(codec, expanded, null), expandedBytesMax);
      sameBytes(again, expanded, "other bytes after they were compressed again");
      return 2;
    },
  };
}

/** gzip */
export const gzip = codecTarget("gzip", {
  fixedBytes: 512 * 1024,
  weight: 0.1,
  words: [Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.from([0, 0, 0xff, 0xff]), Buffer.from([3, 0])],
});

/** snappy, as one block and in frames of the Java library. */
export const snappy = codecTarget("snappy", {
  fixedBytes: 128 * 1024,
  words: [Buffer.from(snappyHead), Buffer.from([0xfe, 1, 0]), Buffer.from([0, 0, 0, 3])],
  // A block by itself, as librdkafka writes it: its length, then a literal.
  more: [Buffer.concat([Buffer.from([5, 16]), Buffer.from("hello")]), Buffer.from([0])],
});

/** lz4 frames. */
export const lz4 = codecTarget("lz4", {
  fixedBytes: 512 * 1024,
  weight: 0.5,
  words: [
    Buffer.from([0x04, 0x22, 0x4d, 0x18]),
    Buffer.from([0x60, 0x40]),
    Buffer.from([0x64, 0x70]),
    Buffer.from([0, 0, 0, 0]),
    Buffer.from([5, 0, 0, 0x80]),
  ],
});

/** zstd frames. */
export const zstd = codecTarget("zstd", {
  fixedBytes: 512 * 1024,
  weight: 0.3,
  words: [
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    Buffer.from([1, 0, 0]),
    Buffer.from([0x20, 5]),
    Buffer.from([3, 0xff, 0x0f]),
    Buffer.from([2, 0xff, 0x0f, 0x41]),
  ],
});
