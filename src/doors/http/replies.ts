// Sends replies: values in the encoding the client asked for, prebuilt bytes, and problems.

import type { FastifyReply, FastifyRequest } from "fastify";
import { Packr } from "msgpackr";
import type { Encoding, Negotiated } from "./negotiation.ts";
import { negotiate } from "./negotiation.ts";
import { problemOf, problemType } from "./problem.ts";

/** What endpoints without records of their own answer in. */
export const valueEncodings: readonly Encoding[] = ["json", "msgpack"];

// Other languages cannot read msgpackr's record extension.
const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true });

/** MessagePack of a plain value. */
export function packValue(value: unknown): Buffer {
  return packr.pack(value);
}

/** The encoding of the reply to a request on an endpoint of plain values. @throws NOT_ACCEPTABLE */
export function negotiateValue(request: FastifyRequest): Negotiated {
  return negotiate(request.headers.accept, valueEncodings);
}

/** Sends a plain value; 200 unless the reply's status was set. */
export function sendValue(reply: FastifyReply, negotiated: Negotiated, value: unknown): void {
  const body = negotiated.encoding === "msgpack" ? packValue(value) : JSON.stringify(value);
  reply.type(negotiated.mediaType).send(body);
}

/** Sends an error as its problem document. */
export function sendProblem(reply: FastifyReply, error: unknown): void {
  const { status, retryAfterSeconds, body } = problemOf(
    error,
    `urn:varve:request:${reply.request.id}`,
  );
  if (retryAfterSeconds !== null) reply.header("retry-after", String(retryAfterSeconds));
  reply.code(status).type(problemType).send(body);
}
