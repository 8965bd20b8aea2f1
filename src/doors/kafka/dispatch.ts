// From the bytes of a frame to its handler, and from the handler's answer to bytes.

import { LogError } from "../../base/error.ts";
import type { ApiName, EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import {
  apiNameOf,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  hasVersion,
  type RequestHeader,
} from "../../protocol/codec.ts";
import type { EncodedAnswer } from "./answer-queue.ts";
import { kafkaErrorCode } from "./error-code.ts";
import type { Answer, KafkaCall, KafkaContext, ServingTable } from "./handler.ts";

/** An answer with what there is to count of it. */
export interface CountedAnswer {
  /** Null: the request has no answer. */
  readonly frame: EncodedAnswer | null;
  /** Every code in the body that is not 0, repeated as it is there. */
  readonly errorCodes: readonly number[];
}

/** A request ready to be handled. */
export interface IncomingRequest {
  readonly name: ApiName;
  readonly version: number;
  /** Empty when there was none. */
  readonly clientId: string;
  readonly beginsInTurn: boolean;
  /** Handles it; synchronous up to the handler's first wait. Rejects when the connection must be closed. */
  answer(call: KafkaCall, context: KafkaContext): Promise<CountedAnswer>;
}

/**
 * Reads a frame.
 *
 * @param frame Without its size; the request's bytes are views of it.
 * @throws INVALID_REQUEST or UNSUPPORTED_VERSION, naming key, version and client: as with Kafka there is no answer to
 *         such a request, and the connection is of no use any more.
 */
export function readRequest(serving: ServingTable, frame: Uint8Array): IncomingRequest {
  const header = decodeRequestHeader(frame);
  const name = apiNameOf(header.apiKey);
  const row = name === null ? undefined : serving[name];
  if (name === null || row === undefined) {
    throw new LogError("UNSUPPORTED_VERSION", `API key ${shown(header)} is not served`);
  }
  const isServed = hasVersion(name, header.apiVersion) && header.apiVersion <= row.max;
  if (!isServed && name === "apiVersions") return refusedApiVersions(header, row);
  if (!isServed) {
    const detail = `${name} ${shown(header)} is not served: versions are ${row.min} to ${row.max}`;
    throw new LogError("UNSUPPORTED_VERSION", detail);
  }
  return decoded(serving, { name, header, frame });
}

function decoded<Name extends ApiName>(
  serving: ServingTable,
  from: { readonly name: Name; readonly header: RequestHeader; readonly frame: Uint8Array },
): IncomingRequest {
  const { name, header, frame } = from;
  const row = serving[name];
  if (row === undefined) throw new LogError("UNSUPPORTED_VERSION", `${name} is not served`);
  const request = decodedBody(name, header, frame);
  return {
    name,
    version: header.apiVersion,
    clientId: header.clientId ?? "",
    beginsInTurn: row.beginsInTurn ?? false,
    answer: async (call, context) => {
      const body = await row.handle(request, call, context);
      return body === null ? { frame: null, errorCodes: [] } : encoded(name, header, body);
    },
  };
}

function decodedBody<Name extends ApiName>(
  name: Name,
  header: RequestHeader,
  frame: Uint8Array,
): RequestOf<Name> {
  try {
    return decodeRequest(name, header, frame);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const detail = `${name} ${shown(header)} cannot be read: ${error.message}`;
    throw new LogError(error.code, detail, { cause: error });
  }
}

// KIP-511: a client that asks in a version from the future is told, in the oldest one, which versions there are.
function refusedApiVersions(
  header: RequestHeader,
  { min, max }: { readonly min: number; readonly max: number },
): IncomingRequest {
  const version0 = { apiVersion: 0, correlationId: header.correlationId };
  const body = {
    errorCode: kafkaErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: header.apiKey, minVersion: min, maxVersion: max }],
  };
  return {
    name: "apiVersions",
    version: header.apiVersion,
    clientId: header.clientId ?? "",
    beginsInTurn: false,
    answer: async () => encoded("apiVersions", version0, body),
  };
}

function encoded<Name extends ApiName>(
  name: Name,
  header: Pick<RequestHeader, "apiVersion" | "correlationId">,
  body: Answer<Name>,
): CountedAnswer {
  const errorCodes: number[] = [];
  gatherCodes(body, errorCodes);
  // What is left out is written as its default: nobody is throttled.
  const complete = body as EncodableResponse<Name>;
  return { frame: encodeResponse(name, header, complete), errorCodes };
}

// Bodies are a few levels deep; bytes are skipped, numbers cost a comparison.
function gatherCodes(value: unknown, found: number[]): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value)) {
    for (const element of value) {
      if (typeof element !== "object") return;
      gatherCodes(element, found);
    }
    return;
  }
  for (const [name, part] of Object.entries(value)) {
    if (typeof part === "object") gatherCodes(part, found);
    else if (name === "errorCode" && typeof part === "number" && part !== 0) found.push(part);
  }
}

function shown({ apiKey, apiVersion, clientId }: RequestHeader): string {
  return `${apiKey} version ${apiVersion} of client '${clientId ?? ""}'`;
}
