// The step from one stored batch to the next, for readers that hold bytes of a log: it always goes on, or refuses.

import { LogError } from "../base/error.ts";
import { batchBytesAt, batchHeaderBytes } from "./batch-header.ts";

/**
 * Bytes of the batch that begins at `at` and is whole in the view.
 * @throws CORRUPT_MESSAGE when none is: a length that rotted would send a reader back, or nowhere, for ever.
 */
export function wholeBatchBytes(view: DataView, at: number): number {
  const room = view.byteLength - at;
  const batchBytes = room < batchHeaderBytes ? 0 : batchBytesAt(view, at);
  if (batchBytes >= batchHeaderBytes && batchBytes <= room) return batchBytes;
  const facts = { position: at, batchBytes, room };
  throw new LogError("CORRUPT_MESSAGE", `stored bytes at ${at} are no whole batch`, { facts });
}
