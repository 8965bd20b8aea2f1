// Takes batches apart again: the same records in smaller batches, where a topic refused them as they were.

import type { RecordHeader } from "../../record/batch-builder.ts";
import { RecordCursor } from "../../record/record-cursor.ts";
import { RecordDraft } from "./record-draft.ts";
import { recordBytesBound, returnBuilder, takeBuilder } from "./staging.ts";

/**
 * The same records, in order, in batches of at most `bytesMax` bytes each, but for records that are larger by
 * themselves: each of those is alone in its batch. With 0, every record is.
 *
 * @param batches One or more whole batches built here.
 */
export function dividedBatches(
  batches: readonly Uint8Array[],
  bytesMax: number,
): readonly Uint8Array[] {
  const divided: Uint8Array[] = [];
  const builder = takeBuilder();
  const cursor = new RecordCursor();
  const draft = new RecordDraft();
  for (const batch of batches) {
    cursor.reset(batch);
    while (cursor.next()) {
      fill(draft, cursor);
      if (builder.count > 0 && builder.sizeBytes + recordBytesBound(draft) > bytesMax) {
        divided.push(builder.build());
        builder.reset();
      }
      builder.append(draft, draft.valueStart, draft.value === null ? -1 : draft.valueEnd);
    }
  }
  if (builder.count > 0) divided.push(builder.build());
  returnBuilder(builder);
  return divided;
}

function fill(draft: RecordDraft, cursor: RecordCursor): void {
  const { bytes } = cursor;
  draft.reset();
  draft.timestampMs = cursor.timestampMs;
  if (cursor.keyStart >= 0) draft.key = bytes.subarray(cursor.keyStart, cursor.keyEnd);
  if (cursor.valueStart >= 0) draft.setValue(bytes, cursor.valueStart, cursor.valueEnd);
  if (cursor.headerCount === 0) return;
  const headers: RecordHeader[] = [];
  while (cursor.nextHeader()) {
    const { headerKeyStart, headerKeyEnd, headerValueStart, headerValueEnd } = cursor;
    const key = Buffer.from(bytes.subarray(headerKeyStart, headerKeyEnd)).toString("utf8");
    const isNull = headerValueStart < 0;
    headers.push({ key, value: isNull ? null : bytes.subarray(headerValueStart, headerValueEnd) });
  }
  draft.headers = headers;
}
