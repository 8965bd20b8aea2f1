// MessagePack both ways: request bodies and replies, with byte values as `bin`.

import { Packr } from "msgpackr";

/** The media type of requests and wished-for replies. */
export const mediaType = "application/msgpack";

// Plain maps only: the extension that shares record structures is msgpackr's own and nobody else reads it.
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: "number" });

/** Encodes a request body. Fields must be absent rather than undefined. The bytes are the caller's. */
export function encodeBody(value: unknown): Uint8Array {
  return packr.pack(value);
}

/**
 * Decodes a reply by its content type.
 *
 * @returns null for an empty body, undefined for one that is neither MessagePack nor JSON or is broken. Byte values
 *          are views of `bytes`.
 */
export function decodeBody(bytes: Uint8Array, contentType: string): unknown {
  if (bytes.length === 0) return null;
  try {
    if (/^application\/(x-|vnd\.)?msgpack\b/i.test(contentType)) {
      return packr.unpack(bytes) as unknown;
    }
    if (/^application\/([\w.-]+\+)?json\b/i.test(contentType)) {
      return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    }
  } catch {
    // A body cut short or of another kind: the caller names the server and the status.
  }
  return undefined;
}
