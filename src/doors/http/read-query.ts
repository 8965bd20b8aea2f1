// What a read of records says in its query and headers, whichever encoding it asks for.

import type { FastifyRequest } from "fastify";
import type { IsolationLevel } from "../../services.ts";
import type { HttpContext } from "./http-context.ts";
import { isolationIn } from "./isolation.ts";
import type { Encoding, Negotiated } from "./negotiation.ts";
import { negotiate } from "./negotiation.ts";
import { badQuery, booleanIn, integerIn, queryOf, wordIn } from "./query.ts";
import type { ValueForm } from "./record-writer.ts";
import { valueForms } from "./record-writer.ts";

/** The terms of one read. */
export interface ReadTerms {
  readonly negotiated: Negotiated;
  /** The position as it was written; `Last-Event-ID` of a reconnecting event stream stands before `from`. */
  readonly from: string;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly waitMs: number;
  /** The form values are asked for in; null: the first that fits. */
  readonly form: ValueForm | null;
  readonly isolation: IsolationLevel;
  /** True: the reply goes on for ever. */
  readonly isFollowing: boolean;
}

const readNames = [
  "from",
  "maxRecords",
  "maxBytes",
  "waitMs",
  "as",
  "follow",
  "isolation",
] as const;
const maxRecordsDefault = 500;
const maxBytesDefault = 1024 * 1024;

/**
 * Reads the terms.
 * @throws INVALID_REQUEST, NOT_ACCEPTABLE
 */
export function readTerms(
  request: FastifyRequest,
  encodings: readonly Encoding[],
  { limits }: HttpContext,
): ReadTerms {
  const negotiated = negotiate(request.headers.accept, encodings);
  const { encoding } = negotiated;
  const query = queryOf(request, readNames);
  const form = wordIn(query, "as", valueForms);
  if (form !== null && (encoding === "msgpack" || encoding === "batches")) {
    throw badQuery("as", "is for JSON replies; this encoding has bytes");
  }
  const follow = booleanIn(query, "follow");
  if (follow === true && encoding !== "ndjson" && encoding !== "sse") {
    throw badQuery("follow", "needs accept: application/x-ndjson or text/event-stream");
  }
  const lastEventId = encoding === "sse" ? request.headers["last-event-id"] : undefined;
  const from = typeof lastEventId === "string" && lastEventId !== "" ? lastEventId : query["from"];
  const maxRecords = integerIn(query, "maxRecords", { min: 1, max: Number.MAX_SAFE_INTEGER });
  const maxBytes = integerIn(query, "maxBytes", { min: 1, max: Number.MAX_SAFE_INTEGER });
  return {
    negotiated,
    from: from ?? "earliest",
    // A reply may always hold less than was asked for, so that more than the server gives is no error.
    maxRecords: Math.min(maxRecords ?? maxRecordsDefault, limits.maxRecordsMax),
    maxBytes: Math.min(maxBytes ?? maxBytesDefault, limits.maxBytesMax),
    waitMs: integerIn(query, "waitMs", { min: 0, max: limits.waitMsMax }) ?? 0,
    form,
    isolation: isolationIn(query),
    isFollowing: follow ?? encoding === "sse",
  };
}
