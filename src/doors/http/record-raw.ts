// A body that is one record's value, verbatim; key, time and headers come from the request around it.

import type { IncomingMessage } from "node:http";
import type { RecordHeader } from "../../record/batch-builder.ts";
import type { Query } from "./query.ts";
import { integerIn } from "./query.ts";
import type { RecordDraft } from "./record-draft.ts";

/** Query parameters of a raw produce beside those of every produce. */
export const rawQueryNames = ["key", "timestampMs"] as const;

const headerPrefix = "varve-header-";

/** Fills a draft from a raw request. @throws INVALID_REQUEST */
export function readRawRecord(
  draft: RecordDraft,
  body: Uint8Array,
  around: { readonly query: Query; readonly raw: IncomingMessage },
): void {
  const { query, raw } = around;
  draft.reset();
  draft.setValue(body, 0, body.length);
  const key = query["key"];
  if (key !== undefined) draft.key = Buffer.from(key);
  const stated = integerIn(query, "timestampMs", { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (stated !== null) draft.timestampMs = stated;
  draft.headers = headersOf(raw);
}

// Names in lower case, as HTTP compares them; values as the bytes that were sent, which Node shows as Latin-1.
function headersOf(raw: IncomingMessage): readonly RecordHeader[] {
  const headers: RecordHeader[] = [];
  const contentType = raw.headers["content-type"];
  if (contentType !== undefined) {
    headers.push({ key: "content-type", value: Buffer.from(contentType, "latin1") });
  }
  const pairs = raw.rawHeaders;
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const given = pairs[index] ?? "";
    if (given.length <= headerPrefix.length) continue;
    const name = given.toLowerCase();
    if (!name.startsWith(headerPrefix)) continue;
    const value = Buffer.from(pairs[index + 1] ?? "", "latin1");
    headers.push({ key: name.slice(headerPrefix.length), value });
  }
  return headers;
}
