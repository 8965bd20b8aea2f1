// The compression codecs of record batches: names, ids, and one synchronous compress and decompress for all of them.
//
// What a batch expands to is bounded, by its own declared sizes before memory is taken where the format has them. The
// code of a codec is loaded at its first use.

import { gunzipSync, gzipSync } from "node:zlib";
import { LogError } from "../base/error.ts";
import { compressLz4, decompressLz4 } from "./lz4-codec.ts";
import { compressSnappy, decompressSnappy } from "./snappy-codec.ts";
import { compressZstd, decompressZstd, prepareZstd } from "./zstd-codec.ts";

/** Codecs by id, as the low three attribute bits name them. */
export const codecNames = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** A codec by name; `none` stores the records as they are. */
export type CodecName = (typeof codecNames)[number];

/** What the records of one batch may expand to unless the caller says otherwise. */
export const decompressedBytesMax = 64 * 1024 * 1024;

/** The codec of an id, null for ids 5 to 7 that no codec has. */
export function codecNameOf(codecId: number): CodecName | null {
  return codecNames[codecId] ?? null;
}

/** The id of a codec, 0 to 4. */
export function codecIdOf(codec: CodecName): number {
  return codecNames.indexOf(codec);
}

/**
 * Loads what cannot be loaded at first use: on a Node without zstd in zlib, the WebAssembly that has it. To be awaited
 * once before batches are handled; harmless when repeated.
 */
export function prepareCompression(): Promise<void> {
  return prepareZstd();
}

/**
 * Compresses the records of a batch.
 *
 * @param level Of gzip (-1 to 9) and zstd (up to 22), null for the codec's default; the others have none.
 * @returns     New bytes; for `none` the same bytes.
 * @throws      UNSUPPORTED_COMPRESSION_TYPE where the codec's code cannot be loaded.
 */
export function compress(codec: CodecName, bytes: Uint8Array, level: number | null): Uint8Array {
  switch (codec) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes, { level: level ?? -1 });
    case "snappy":
      return compressSnappy(bytes);
    case "lz4":
      return compressLz4(bytes);
    case "zstd":
      return compressZstd(bytes, level);
  }
}

/**
 * Expands the records of a batch.
 *
 * @param maxBytes What the result may take.
 * @returns        New bytes; for `none` the same bytes.
 * @throws         MESSAGE_TOO_LARGE when they expand to more than `maxBytes`; INVALID_RECORD when the bytes are not
 *                 of this codec; UNSUPPORTED_COMPRESSION_TYPE where the codec's code cannot be loaded.
 */
export function decompress(codec: CodecName, bytes: Uint8Array, maxBytes: number): Uint8Array {
  switch (codec) {
    case "none":
      return bytes;
    case "gzip":
      return decompressGzip(bytes, maxBytes);
    case "snappy":
      return decompressSnappy(bytes, maxBytes);
    case "lz4":
      return decompressLz4(bytes, maxBytes);
    case "zstd":
      return decompressZstd(bytes, maxBytes);
  }
}

function decompressGzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  try {
    // The limit of zlib is at least 1.
    const expanded = gunzipSync(bytes, { maxOutputLength: Math.max(1, maxBytes) });
    if (expanded.length <= maxBytes) return expanded;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") {
      throw new LogError("INVALID_RECORD", "records cannot be read as gzip", { cause });
    }
  }
  throw new LogError("MESSAGE_TOO_LARGE", `records expand to more than ${maxBytes} bytes`);
}
