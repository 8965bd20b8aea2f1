// What a client's batches go through before they are appended: every check a topic asks for, then what the server
// rewrites. All batches of an append pass, or none of them does.

import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import { builtBatch } from "../record/batch-builder.ts";
import { checkBatch, checkRecords, type RecordRules } from "../record/batch-check.ts";
import { crcAt, maxTimestampAt, setMaxTimestamp, stampAppendTime } from "../record/batch-header.ts";
import { recompressBatch } from "../record/recompress.ts";
import type { AppendRules } from "./topic-config.ts";

/**
 * Checks batches and makes them what the topic stores: true maximum timestamp or append time, the topic's codec.
 *
 * @param chunks Each holds one or more whole v2 batches back to back. They may be changed in place.
 * @returns      The batches one by one: views of the chunks, or new bytes where the codec changed.
 * @throws       CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_RECORD, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE
 * @see          Kafka `LogValidator`
 */
export function prepareBatches(
  chunks: readonly Uint8Array[],
  rules: AppendRules,
  nowMs: number,
): readonly Uint8Array[] {
  const batches: Uint8Array[] = [];
  for (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      const batchBytes = checkBatch(chunk, at, rules);
      const batch = batchBytes === chunk.length ? chunk : chunk.subarray(at, at + batchBytes);
      batches.push(prepareBatch(batch, rules, nowMs));
      at += batchBytes;
    }
  }
  if (batches.length === 0) throw new LogError("INVALID_RECORD", "there is no batch to append");
  return batches;
}

function prepareBatch(batch: Uint8Array, rules: AppendRules, nowMs: number): Uint8Array {
  const view = viewOf(batch);
  const limits: RecordRules = {
    isKeyRequired: rules.isKeyRequired,
    timestampMinMs: rules.usesAppendTime ? -Infinity : nowMs - rules.timestampBeforeMsMax,
    timestampMaxMs: rules.usesAppendTime ? Infinity : nowMs + rules.timestampAfterMsMax,
  };
  if (!isKnownGood(batch, view, limits)) {
    const maxTimestampMs = checkRecords(batch, limits);
    const isTrue = maxTimestampMs === maxTimestampAt(view, 0);
    if (!isTrue && !rules.usesAppendTime) setMaxTimestamp(batch, maxTimestampMs);
  }
  const stored = recode(batch, rules);
  if (rules.usesAppendTime) stampAppendTime(stored, nowMs);
  return stored;
}

// A batch of this process's own builder, unchanged (its checksum was compared a moment ago): its records are sound and
// its maximum timestamp is true, so only the topic's limits are left to look at. What is in doubt takes the long way,
// which names the record.
function isKnownGood(batch: Uint8Array, view: DataView, limits: RecordRules): boolean {
  const built = builtBatch(batch);
  if (built === null || built.crc !== crcAt(view, 0)) return false;
  if (limits.isKeyRequired && !built.areKeyed) return false;
  return (
    built.minTimestampMs >= Math.max(0, limits.timestampMinMs) &&
    maxTimestampAt(view, 0) <= limits.timestampMaxMs
  );
}

function recode(batch: Uint8Array, { codec, codecLevel, batchBytesMax }: AppendRules): Uint8Array {
  if (codec === "producer") return batch;
  const recoded = recompressBatch(batch, codec === "uncompressed" ? "none" : codec, codecLevel);
  if (recoded.length <= batchBytesMax) return recoded;
  const detail = `batch is ${recoded.length} bytes as ${codec}, above the limit of ${batchBytesMax}`;
  throw new LogError("MESSAGE_TOO_LARGE", detail, {
    facts: { batchBytes: recoded.length, batchBytesMax },
  });
}
