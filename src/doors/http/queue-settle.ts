// POST /v1/queues/{queue}/settle: everything a receiver has to say of messages it holds, in one call.
//
// Answers are taken by kind (ack, nack, extend, reject) and within a kind in the order of the request; the results come
// in the same order. Of several answers for one message the first counts.

import type { FastifyInstance } from "fastify";
import type { Static } from "../../base/schema.ts";
import type { ErrorName } from "../../base/error.ts";
import type { Receipt, SettleAnswer } from "../../services.ts";
import type { HttpContext } from "./http-context.ts";
import { queryOf } from "./query.ts";
import { parseReceipt } from "./queue-receipts.ts";
import { settleInput, settleOutput } from "./queue-schema.ts";
import { needQueue, type QueueParams } from "./queue-view.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";

const path = "/v1/queues/:queue/settle";
const schema = routeSchema(path, {
  tag: "queues",
  summary: "Settle messages: results by kind (ack, nack, extend, reject), in the order given",
  body: settleInput,
  replies: { 200: settleOutput },
});

const reasonCharactersMax = 1000;

type SettleBody = Static<typeof settleInput>;

/** Registers the endpoint. */
export async function queueSettlePlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const { services } = context;
  app.post<{ Params: QueueParams; Body: SettleBody }>(path, { schema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const { queue } = request.params;
    needQueue(services, queue);
    const given = new GivenAnswers(request.body);
    const { answers } = given;
    const errors = answers.length === 0 ? [] : await services.queues.settle(queue, answers);
    sendValue(reply, negotiated, { results: given.results(errors) });
    return reply;
  });
}

/** The answers of one request: those that the queue is told, and all of them with their results. */
class GivenAnswers {
  readonly answers: SettleAnswer[] = [];
  readonly #receipts: string[] = [];
  // Of each receipt; -1 where it can be none.
  readonly #answerOf: number[] = [];

  constructor({ ack = [], nack = [], extend = [], reject = [] }: SettleBody) {
    for (const text of ack) this.#add(text, (receipt) => ({ kind: "ack", receipt }));
    for (const { receipt: text, delayMs = null, reason = "" } of nack) {
      const cut = cutReason(reason);
      this.#add(text, (receipt) => ({ kind: "nack", receipt, delayMs, reason: cut }));
    }
    for (const { receipt: text, leaseMs } of extend) {
      this.#add(text, (receipt) => ({ kind: "extend", receipt, leaseMs }));
    }
    for (const { receipt: text, reason = "" } of reject) {
      const cut = cutReason(reason);
      this.#add(text, (receipt) => ({ kind: "reject", receipt, reason: cut }));
    }
  }

  /** The result of every receipt. @param errors One an answer. */
  results(errors: readonly (ErrorName | null)[]): readonly object[] {
    return this.#receipts.map((receipt, index) => {
      const answer = this.#answerOf[index] ?? -1;
      const code = answer < 0 ? "INVALID_RECORD_STATE" : (errors[answer] ?? null);
      return code === null ? { receipt, ok: true } : { receipt, ok: false, code };
    });
  }

  #add(text: string, answer: (receipt: Receipt) => SettleAnswer): void {
    const receipt = parseReceipt(text);
    this.#receipts.push(text);
    this.#answerOf.push(receipt === null ? -1 : this.answers.length);
    if (receipt !== null) this.answers.push(answer(receipt));
  }
}

// Not through the middle of a surrogate pair.
function cutReason(reason: string): string {
  if (reason.length <= reasonCharactersMax) return reason;
  return reason.slice(0, reasonCharactersMax).replace(/[\ud800-\udbff]$/, "");
}
