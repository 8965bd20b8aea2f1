// CRC-32C (Castagnoli), the checksum of record batches: reflected polynomial 0x82F63B78, initial value and final xor
// 0xFFFFFFFF; crc32c("123456789") = 0xE3069283. The native code is used where it loads and where it pays.

import { createRequire } from "node:module";

type ChecksumFunction = (bytes: Uint8Array, seed: number) => number;

const require = createRequire(import.meta.url);
const portable = require("crc-32/crc32c.js") as { buf: ChecksumFunction };

// A native call costs about 0.4 us before its first byte; the script takes that long for 200 to 300 bytes.
const nativeBytesMin = 256;

/**
 * The native implementation, or null where the platform has none.
 *
 * @see `crc32c`, which picks; exported so that both can be held to the same answers.
 */
export const nativeCrc32c: ChecksumFunction | null = loadNative();

function loadNative(): ChecksumFunction | null {
  try {
    return (require("@node-rs/crc32") as { crc32c: ChecksumFunction }).crc32c;
  } catch {
    return null;
  }
}

/** The implementation in JavaScript, always there; `seed` is the checksum of what came before, else 0. */
export function portableCrc32c(bytes: Uint8Array, seed: number): number {
  return portable.buf(bytes, seed) >>> 0;
}

/**
 * CRC-32C of `bytes[start, end)` as an unsigned 32-bit number.
 *
 * @param start First index, 0 by default.
 * @param end   Index after the last, the whole length by default.
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const isWhole = start === 0 && end === bytes.length;
  return extendCrc32c(0, isWhole ? bytes : bytes.subarray(start, end));
}

/**
 * Continues a checksum: `extendCrc32c(crc32c(a), b)` is the checksum of `a` followed by `b`.
 *
 * @param crc Checksum of everything before `bytes`; 0 when there is nothing before.
 */
export function extendCrc32c(crc: number, bytes: Uint8Array): number {
  if (nativeCrc32c === null || bytes.length < nativeBytesMin) return portableCrc32c(bytes, crc);
  return nativeCrc32c(bytes, crc);
}
