// What a receiver says of messages it holds, as its request states it.
//
// Answers are taken by kind (ack, nack, extend, reject) and within a kind in the order of the request; the results come
// in the same order. Of several answers for one message the first counts.

import type { ErrorName } from "../../base/error.ts";
import type { Static } from "../../base/schema.ts";
import type { Receipt, SettleAnswer } from "../../services.ts";
import { parseReceipt } from "./queue-receipts.ts";
import type { settleInput } from "./queue-schema.ts";

const reasonCharactersMax = 1000;

/** Answers as a request gives them. */
export type SettleBody = Static<typeof settleInput>;

/** The answers of one request: those that the queue is told, and all of them with their results. */
export class GivenAnswers {
  /** Those that the queue is told. */
  readonly answers: SettleAnswer[] = [];
  readonly #receipts: string[] = [];
  // Of each receipt; -1 where it can be none.
  readonly #answerOf: number[] = [];

  /** @param body Receipts that can be none are kept out of `answers`. */
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
