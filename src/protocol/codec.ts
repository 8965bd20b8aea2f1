// Whole frames: a header and a body, read and written by the tables. What is made of a table for one version is made
// once, when it is first needed.

import { LogError } from "../base/error.ts";
import { isFlexible } from "./api.ts";
import {
  type ApiName,
  apis,
  type EncodableRequest,
  type EncodableResponse,
  type RequestOf,
  type ResponseOf,
} from "./apis.ts";
import { type Decode, skipTags, structDecoder } from "./decoder.ts";
import { type Encode, structEncoder } from "./encoder.ts";
import type { Fields } from "./field.ts";
import { FrameReader } from "./frame-reader.ts";
import { type FrameChunks, FrameWriter } from "./frame-writer.ts";

export { zeroUuid } from "./field.ts";
export type { FrameChunks } from "./frame-writer.ts";

/** Which call a response answers. */
export interface CallHeader {
  readonly apiVersion: number;
  /** Chosen by the client; comes back in the response. */
  readonly correlationId: number;
}

/** What a request says before its body, as a client gives it. */
export interface ClientHeader extends CallHeader {
  readonly clientId: string | null;
}

/** What a request says before its body. */
export interface RequestHeader extends ClientHeader {
  readonly apiKey: number;
  /** Index in the frame where the body begins. Of use only when the tables have the key and the version. */
  readonly bodyAt: number;
}

interface MessageCodec {
  readonly decode: Decode;
  readonly encode: Encode;
}

const roomBytes = 512;
const codecs = new Map<Fields, Map<number, MessageCodec>>();
const namesByKey = new Map(
  Object.entries(apis).map(([name, table]) => [table.key, name as ApiName]),
);

/** Name of the API with a key; null when the tables do not have it. */
export function apiNameOf(apiKey: number): ApiName | null {
  return namesByKey.get(apiKey) ?? null;
}

/** True when the tables have a version of an API. */
export function hasVersion(name: ApiName, version: number): boolean {
  return version >= apis[name].minVersion && version <= apis[name].maxVersion;
}

/**
 * Reads the header of a request. A key or version that the tables lack is no error here: its header is read as far as
 * the client id.
 *
 * @param frame A frame without its size.
 * @throws INVALID_REQUEST when the header is broken.
 */
export function decodeRequestHeader(frame: Uint8Array): RequestHeader {
  const reader = new FrameReader(frame, 0);
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const idBytes = reader.checkCount(reader.int16(), 1);
  const clientId = idBytes < 0 ? null : reader.text(idBytes);
  const name = apiNameOf(apiKey);
  if (name !== null && hasVersion(name, apiVersion) && isFlexible(apis[name], apiVersion)) {
    skipTags(reader);
  }
  return { apiKey, apiVersion, correlationId, clientId, bodyAt: reader.at };
}

/**
 * Reads the body of a request. Bytes after it are not looked at, as Apache Kafka does it: librdkafka 2.16 sends three
 * too many when it asks Metadata for all topics.
 *
 * @param name   The API; it must have `header.apiVersion`.
 * @param header What `decodeRequestHeader` answered.
 * @param frame  The same frame; fields of bytes are views of it.
 * @throws INVALID_REQUEST when the body is broken; UNSUPPORTED_VERSION.
 */
export function decodeRequest<N extends ApiName>(
  name: N,
  header: Pick<RequestHeader, "apiVersion" | "bodyAt">,
  frame: Uint8Array,
): RequestOf<N> {
  const reader = new FrameReader(frame, header.bodyAt);
  return requestCodec(name, header.apiVersion).decode(reader) as RequestOf<N>;
}

/**
 * Writes a response as a whole frame, its size in front.
 *
 * @param name   The API; it must have `header.apiVersion`.
 * @param header The header of the request that is answered.
 * @param body   Bytes of 1 KiB and more become chunks of their own without a copy.
 * @throws INVALID_REQUEST when a text is longer than the version can say; UNSUPPORTED_VERSION.
 */
export function encodeResponse<N extends ApiName>(
  name: N,
  header: CallHeader,
  body: EncodableResponse<N>,
): FrameChunks {
  const codec = responseCodec(name, header.apiVersion);
  const writer = new FrameWriter(roomBytes);
  writer.int32(0);
  writer.int32(header.correlationId);
  if (hasResponseTags(name, header.apiVersion)) writer.uvarint(0);
  codec.encode(writer, body);
  return writer.finishFrame();
}

/** Writes a request as a whole frame, its size in front. @throws INVALID_REQUEST as `encodeResponse` does. */
export function encodeRequest<N extends ApiName>(
  name: N,
  header: ClientHeader,
  body: EncodableRequest<N>,
): FrameChunks {
  const codec = requestCodec(name, header.apiVersion);
  const writer = new FrameWriter(roomBytes);
  writer.int32(0);
  writer.int16(apis[name].key);
  writer.int16(header.apiVersion);
  writer.int32(header.correlationId);
  if (header.clientId === null) writer.int16(-1);
  else writer.text(header.clientId, false);
  if (isFlexible(apis[name], header.apiVersion)) writer.uvarint(0);
  codec.encode(writer, body);
  return writer.finishFrame();
}

/**
 * Reads a response.
 *
 * @param frame A frame without its size; fields of bytes are views of it.
 * @throws INVALID_REQUEST when the response is broken, or bytes are left after it; UNSUPPORTED_VERSION.
 */
export function decodeResponse<N extends ApiName>(
  name: N,
  version: number,
  frame: Uint8Array,
): { readonly correlationId: number; readonly body: ResponseOf<N> } {
  const codec = responseCodec(name, version);
  const reader = new FrameReader(frame, 0);
  const correlationId = reader.int32();
  if (hasResponseTags(name, version)) skipTags(reader);
  const body = codec.decode(reader) as ResponseOf<N>;
  if (reader.at !== reader.end) throw reader.broken("bytes are left after the message");
  return { correlationId, body };
}

// A client must be able to read an ApiVersions response before it knows what versions there are.
function hasResponseTags(name: ApiName, version: number): boolean {
  return name !== "apiVersions" && isFlexible(apis[name], version);
}

function requestCodec(name: ApiName, version: number): MessageCodec {
  return codecOf(name, version, apis[name].request);
}

function responseCodec(name: ApiName, version: number): MessageCodec {
  return codecOf(name, version, apis[name].response);
}

function codecOf(name: ApiName, version: number, fields: Fields): MessageCodec {
  const known = codecs.get(fields)?.get(version);
  if (known !== undefined) return known;
  if (!hasVersion(name, version)) {
    throw new LogError("UNSUPPORTED_VERSION", `${name} has no version ${version}`);
  }
  const encoding = { version, isFlexible: isFlexible(apis[name], version) };
  const made = {
    decode: structDecoder(fields, encoding),
    encode: structEncoder(fields, encoding),
  };
  const versions = codecs.get(fields) ?? new Map<number, MessageCodec>();
  codecs.set(fields, versions.set(version, made));
  return made;
}
