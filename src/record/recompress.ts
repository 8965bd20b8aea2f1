// Changes the codec of a batch, for topics whose compression.type is not `producer`.

import { assert } from "../base/assert.ts";
import { viewOf } from "../base/bytes.ts";
import {
  attributesAt,
  batchHeaderBytes,
  batchPrefixBytes,
  codecOf,
  updateCrc,
  withCodec,
} from "./batch-header.ts";
import {
  type CodecName,
  codecIdOf,
  codecNameOf,
  compress,
  decompress,
  decompressedBytesMax,
} from "./compression.ts";

/**
 * The same records under another codec; offsets, timestamps and the producer's fields stay, the checksum is new.
 *
 * @param batch One whole batch that passed `checkBatch`.
 * @param level The codec's level, null for its default.
 * @returns     A new batch, or `batch` itself when it has that codec already.
 * @throws      UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD, MESSAGE_TOO_LARGE as `decompress`.
 */
export function recompressBatch(
  batch: Uint8Array,
  codec: CodecName,
  level: number | null,
): Uint8Array {
  const from = codecNameOf(codecOf(attributesAt(viewOf(batch), 0)));
  assert(from !== null, "a batch with an unknown codec cannot be recompressed");
  if (from === codec) return batch;
  const records = decompress(from, batch.subarray(batchHeaderBytes), decompressedBytesMax);
  return joinBatch(batch.subarray(0, batchHeaderBytes), codec, compress(codec, records, level));
}

/**
 * A new batch of a header and compressed records: length, codec bits and checksum are set, all else stays.
 *
 * @param header 61 bytes; they are copied.
 */
export function joinBatch(header: Uint8Array, codec: CodecName, records: Uint8Array): Uint8Array {
  const batch = new Uint8Array(batchHeaderBytes + records.length);
  batch.set(header);
  batch.set(records, batchHeaderBytes);
  const view = viewOf(batch);
  view.setInt32(8, batch.length - batchPrefixBytes);
  view.setUint16(21, withCodec(attributesAt(view, 0), codecIdOf(codec)));
  updateCrc(batch);
  return batch;
}
