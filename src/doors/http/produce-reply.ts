// Answers produce requests: offsets for each record, or in minimal form for each partition; or the problem.

import type { FastifyReply } from "fastify";
import type { LogError } from "../../base/error.ts";
import { LogError as NamedError } from "../../base/error.ts";
import type { ProducePartitionResult } from "../../services.ts";
import type { RecordWaiter } from "./packer.ts";
import type { ProduceTerms } from "./produce-query.ts";
import { sendProblem, sendValue } from "./replies.ts";
import { produceError, weakestDurability } from "./staging.ts";

/** Waits for the one record of a request and answers it. */
export class SingleAnswer implements RecordWaiter {
  readonly #reply: FastifyReply;
  readonly #terms: ProduceTerms;

  /**
   * @param reply Answered exactly once.
   * @param terms How.
   */
  constructor(reply: FastifyReply, terms: ProduceTerms) {
    this.#reply = reply;
    this.#terms = terms;
  }

  /** Sends the reply. */
  settle(result: ProducePartitionResult, offset: number): void {
    const error = produceError(result);
    if (error !== null) {
      sendProblem(this.#reply, error);
      return;
    }
    const { partition, durability } = result;
    const { isMinimal, negotiated } = this.#terms;
    if (isMinimal) {
      const partitions = [{ partition, baseOffset: offset, count: 1 }];
      sendMinimal(this.#reply, this.#terms, { partitions, durability });
    } else if (negotiated.encoding === "json") {
      // The one reply worth building by hand: every single-record produce ends here.
      const place = `{"partition":${partition},"offset":${offset}}`;
      const body = `{"results":[${place}],"durability":"${durability}"}`;
      this.#reply.type(negotiated.mediaType).send(body);
    } else {
      sendValue(this.#reply, negotiated, { results: [{ partition, offset }], durability });
    }
  }
}

/** What a produce of several records has come to. */
export interface SeveralAnswer {
  readonly terms: ProduceTerms;
  readonly results: readonly ProducePartitionResult[];
  /** What holds for records that were there before and are answered again; absent when there are none. */
  readonly known?: "fsync" | "written" | null;
  /** Records of each partition, and where each record of the request went. */
  readonly staging: {
    countOf(partition: number): number;
    placesOf(
      results: readonly ProducePartitionResult[],
    ): readonly { readonly partition: number; readonly offset: number }[];
  };
}

/** Answers a request of several records. */
export function answerSeveral(reply: FastifyReply, answer: SeveralAnswer): void {
  const { terms, results, staging, known = null } = answer;
  const error = severalError(answer);
  if (error !== null) {
    sendProblem(reply, error);
    return;
  }
  const durability = known === "written" ? known : weakestDurability(results);
  const isDuplicate = known !== null || results.some((result) => result.isDuplicate);
  if (isDuplicate) reply.header("varve-duplicate", "true");
  const duplicate = isDuplicate ? ({ duplicate: true } as const) : {};
  if (terms.isMinimal) {
    const partitions = results.map(({ partition, baseOffset }) => {
      return { partition, baseOffset, count: staging.countOf(partition) };
    });
    sendMinimal(reply, terms, { partitions, durability, ...duplicate });
  } else {
    const places = staging.placesOf(results);
    sendValue(reply, terms.negotiated, { results: places, durability, ...duplicate });
  }
}

// Partitions succeed or fail each for itself; the first error speaks, and says how much was appended all the same.
function severalError({ results, staging }: SeveralAnswer): LogError | null {
  let first: LogError | null = null;
  let appendedRecords = 0;
  for (const result of results) {
    const error = produceError(result);
    if (error === null) appendedRecords += staging.countOf(result.partition);
    else first ??= error;
  }
  if (first === null || appendedRecords === 0) return first;
  return new NamedError(first.code, first.message, { facts: { ...first.facts, appendedRecords } });
}

/** The minimal form of a produce reply. */
export interface MinimalAnswer {
  readonly partitions: readonly {
    readonly partition: number;
    readonly baseOffset: number;
    readonly count: number;
  }[];
  readonly durability: "fsync" | "written";
  /** Only of an idempotent request that was appended before: these are its first offsets. */
  readonly duplicate?: true;
}

/** Sends the minimal form and says that the preference was honoured. */
export function sendMinimal(reply: FastifyReply, terms: ProduceTerms, answer: MinimalAnswer): void {
  reply.header("preference-applied", "return=minimal");
  sendValue(reply, terms.negotiated, answer);
}

/** Answers acks=0: taken, with no promise. */
export function sendAccepted(reply: FastifyReply): void {
  reply.code(202).send();
}
