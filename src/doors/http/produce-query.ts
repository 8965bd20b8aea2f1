// What a produce request says beside its records: acks, partition, condition, preferences, and the encoding of its
// reply.

import type { FastifyRequest } from "fastify";
import { LogError } from "../../base/error.ts";
import type { BatchProducer } from "../../record/batch-builder.ts";
import type { RequiredAcks } from "../../services.ts";
import type { Negotiated } from "./negotiation.ts";
import { integerIn, integerText, queryOf } from "./query.ts";
import { negotiateValue } from "./replies.ts";

/** The terms of one produce request. */
export interface ProduceTerms {
  readonly acks: RequiredAcks;
  /** `?partition=`, or null. */
  readonly partition: number | null;
  /** `If-Offset-Match`, or null. */
  readonly expectedEndOffset: number | null;
  /** `varve-producer-id`, `varve-producer-epoch` and `varve-sequence`: an idempotent request; or null. */
  readonly producer: BatchProducer | null;
  /** `Prefer: return=minimal` was given. */
  readonly isMinimal: boolean;
  readonly negotiated: Negotiated;
}

const acksByName: Readonly<Record<string, RequiredAcks>> = { "0": 0, "1": 1, all: -1, "-1": -1 };
const producerHeaders = [
  { name: "varve-producer-id", max: Number.MAX_SAFE_INTEGER },
  { name: "varve-producer-epoch", max: 2 ** 15 - 1 },
  { name: "varve-sequence", max: 2 ** 31 - 1 },
] as const;
const minimalPreference = /(?:^|[,;\s])return\s*=\s*"?minimal"?\s*(?:[,;]|$)/i;

/**
 * Reads the terms.
 *
 * @param extraNames Query parameters that the body's encoding adds.
 * @throws INVALID_REQUEST, INVALID_REQUIRED_ACKS, NOT_ACCEPTABLE
 */
export function produceTerms(request: FastifyRequest, extraNames: readonly string[]): ProduceTerms {
  const query = queryOf(request, extraNames);
  const named = query["acks"];
  const acks = named === undefined ? -1 : acksByName[named];
  if (acks === undefined) {
    throw new LogError("INVALID_REQUIRED_ACKS", "'acks' must be one of 0, 1 and all");
  }
  const expectedEndOffset = conditionOf(request.headers["if-offset-match"]);
  if (expectedEndOffset !== null && acks === 0) {
    throw new LogError("INVALID_REQUEST", "if-offset-match needs an answer: acks must not be 0");
  }
  const producer = producerOf(request);
  if (producer !== null && acks === 0) {
    throw new LogError("INVALID_REQUEST", "an idempotent request needs an answer: not acks=0");
  }
  if (producer !== null && expectedEndOffset !== null) {
    const detail = "if-offset-match and varve-sequence are two ways to say the same: give one";
    throw new LogError("INVALID_REQUEST", detail);
  }
  const { prefer } = request.headers;
  return {
    acks,
    partition: integerIn(query, "partition", { min: 0, max: 2 ** 31 - 1 }),
    expectedEndOffset,
    producer,
    isMinimal: prefer !== undefined && minimalPreference.test(String(prefer)),
    negotiated: negotiateValue(request),
  };
}

function conditionOf(header: string | string[] | undefined): number | null {
  if (header === undefined) return null;
  const value = typeof header === "string" && /^\d{1,16}$/.test(header) ? Number(header) : -1;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new LogError("INVALID_REQUEST", "if-offset-match must be one offset, an integer from 0");
}

function producerOf({ headers }: FastifyRequest): BatchProducer | null {
  const given = producerHeaders.filter(({ name }) => headers[name] !== undefined);
  if (given.length === 0) return null;
  const [producerId = -1, producerEpoch = -1, baseSequence = -1] = producerHeaders.map(
    ({ name, max }) => {
      const header = headers[name];
      const value = typeof header === "string" ? integerText(header) : null;
      if (value !== null && value <= max) return value;
      const say =
        header === undefined ? "is missing" : `must be an integer from 0 to ${String(max)}`;
      const all = producerHeaders.map((each) => each.name).join(", ");
      throw new LogError("INVALID_REQUEST", `${name} ${say}; ${all} go together`);
    },
  );
  return { producerId, producerEpoch, baseSequence };
}
