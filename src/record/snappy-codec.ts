// Snappy as record batches carry it, in two forms that a reader must both know:
//
//   raw:    one snappy block (a varint of its expanded size, then the data)
//   xerial: 82 'S' 'N' 'A' 'P' 'P' 'Y' 00, int32 version, int32 compatible version, then chunks of
//           int32 length + one raw block. Big-endian.
//
// xerial is written, because every Kafka client reads it.

import { createRequire } from "node:module";
import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";

interface SnappyPackage {
  compressSync(input: Uint8Array): Uint8Array;
  uncompressSync(input: Uint8Array): Uint8Array;
}

const require = createRequire(import.meta.url);
const xerialMagic = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00] as const;
const xerialHeaderBytes = 16;
const xerialChunkBytes = 32 * 1024;
// Enough for 128 MiB in chunks of the usual size; a million tiny chunks would hold up everybody for a second.
const xerialChunksMax = 4096;
// No element of the format yields more than 64 bytes from 3.
const expansionMax = 22;

let loaded: SnappyPackage | null = null;

function snappy(): SnappyPackage {
  try {
    loaded ??= require("snappy") as SnappyPackage;
    return loaded;
  } catch (cause) {
    throw new LogError("UNSUPPORTED_COMPRESSION_TYPE", "snappy cannot be loaded", { cause });
  }
}

/** Compresses to xerial framing. @throws UNSUPPORTED_COMPRESSION_TYPE where snappy cannot be loaded. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const codec = snappy();
  const header = Buffer.alloc(xerialHeaderBytes);
  header.set(xerialMagic);
  header.writeInt32BE(1, 8);
  header.writeInt32BE(1, 12);
  const parts: Uint8Array[] = [header];
  for (let at = 0; at < bytes.length; at += xerialChunkBytes) {
    const chunk = codec.compressSync(bytes.subarray(at, at + xerialChunkBytes));
    const length = Buffer.alloc(4);
    length.writeInt32BE(chunk.length);
    parts.push(length, chunk);
  }
  return Buffer.concat(parts);
}

/** Expands either form. @throws as `decompress` in `compression.ts`. */
export function decompressSnappy(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const blocks = blocksOf(bytes);
  let total = 0;
  for (const block of blocks) total += expandedSizeOf(block);
  if (total > maxBytes) {
    throw new LogError("MESSAGE_TOO_LARGE", `records expand to more than ${maxBytes} bytes`);
  }
  const codec = snappy();
  try {
    const [only] = blocks;
    if (blocks.length === 1 && only !== undefined) return codec.uncompressSync(only);
    return Buffer.concat(blocks.map((block) => codec.uncompressSync(block)));
  } catch (cause) {
    throw new LogError("INVALID_RECORD", "records cannot be read as snappy", { cause });
  }
}

function blocksOf(bytes: Uint8Array): readonly Uint8Array[] {
  if (!xerialMagic.every((byte, index) => bytes[index] === byte)) return [bytes];
  const view = viewOf(bytes);
  const blocks: Uint8Array[] = [];
  let at = xerialHeaderBytes;
  while (at < bytes.length) {
    const length = at + 4 <= bytes.length ? view.getInt32(at) : -1;
    if (length < 0 || at + 4 + length > bytes.length) {
      throw new LogError("INVALID_RECORD", `snappy chunk at ${at} passes the end of the records`);
    }
    if (blocks.length === xerialChunksMax) {
      throw new LogError("INVALID_RECORD", `more than ${xerialChunksMax} snappy chunks`);
    }
    blocks.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

// The size a raw block declares; one that its data cannot yield is refused before memory is taken for it.
function expandedSizeOf(block: Uint8Array): number {
  let size = 0;
  for (let index = 0; index < 5; index++) {
    const byte = block[index];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) {
      if (size <= block.length * expansionMax) return size;
      break;
    }
  }
  throw new LogError("INVALID_RECORD", "snappy block declares a size it cannot have");
}
