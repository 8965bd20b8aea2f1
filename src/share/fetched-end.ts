// Where the batches of a fetch's reply end.

import { viewOf } from "../base/bytes.ts";
import { nextOffsetAt } from "../record/batch-header.ts";
import { wholeBatchBytes } from "../record/batch-size.ts";

/**
 * The offset behind the last of whole batches back to back; `from` when there is none.
 * @throws CORRUPT_MESSAGE
 */
export function nextFetchedOffset(batches: Uint8Array, from: number): number {
  const view = viewOf(batches);
  let nextOffset = from;
  for (let at = 0; at < batches.length; at += wholeBatchBytes(view, at)) {
    nextOffset = nextOffsetAt(view, at);
  }
  return nextOffset;
}
