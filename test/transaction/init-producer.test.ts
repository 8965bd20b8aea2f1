import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { ProducerIdentity } from "../../src/services.ts";
import { checkInitRequest, decideInit } from "../../src/transaction/init-producer.ts";
import type { Transaction } from "../../src/transaction/transaction.ts";
import { initOf, transactionOf } from "../support/transaction-world.ts";

/** What the request comes to: the pair or the error, and what the transactional id becomes. */
function decide(known: Transaction | null, named?: ProducerIdentity) {
  try {
    const context = { known, nowMs: 2000, takeProducerId: () => 77 };
    const { next, reply } = decideInit(initOf("a", named), context);
    const answer =
      reply instanceof LogError ? reply.code : `${reply.producerId}/${reply.producerEpoch}`;
    return { answer, next };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { answer: error.code, next: null };
  }
}

const pair = (producerId: number, producerEpoch: number) => ({ producerId, producerEpoch });

function codeOf(work: () => void): string {
  try {
    work();
    return "ok";
  } catch (error) {
    return error instanceof LogError ? error.code : String(error);
  }
}

describe("init producer: the request", () => {
  test.each([
    ["a timeout within bounds", { transactionTimeoutMs: 900_000 }, "ok"],
    ["too long", { transactionTimeoutMs: 900_001 }, "INVALID_TRANSACTION_TIMEOUT"],
    ["none", { transactionTimeoutMs: 0 }, "INVALID_TRANSACTION_TIMEOUT"],
    ["an empty id", { transactionalId: "" }, "INVALID_REQUEST"],
    ["a long id", { transactionalId: "x".repeat(513) }, "INVALID_REQUEST"],
    ["an id without epoch", { producerId: 1 }, "INVALID_REQUEST"],
    ["an epoch without id", { producerEpoch: 1 }, "INVALID_REQUEST"],
    [
      "no id: the timeout does not matter",
      { transactionalId: null, transactionTimeoutMs: 0 },
      "ok",
    ],
  ])("%s", (_, differing, code) => {
    expect(codeOf(() => checkInitRequest({ ...initOf("a"), ...differing }, 900_000))).toBe(code);
  });
});

describe("init producer: who starts", () => {
  test("a new transactional id: epoch 0 of a new producer id", () => {
    const { answer, next } = decide(null);
    expect(answer).toBe("77/0");
    expect(next).toMatchObject({ state: "Empty", timeoutMs: 60_000, updatedAtMs: 2000 });
  });

  test.each(["Empty", "CompleteCommit", "CompleteAbort"] as const)(
    "%s: the next epoch",
    (state) => {
      const { answer, next } = decide(transactionOf({ state, timeoutMs: 1 }));
      expect(answer).toBe("5/4");
      expect(next).toMatchObject({ state: "Empty", previous: null, timeoutMs: 60_000 });
    },
  );

  test("ongoing: aborted at the next epoch first", () => {
    const { answer, next } = decide(transactionOf({ state: "Ongoing" }));
    expect(answer).toBe("CONCURRENT_TRANSACTIONS");
    expect(next).toMatchObject({ state: "PrepareAbort", producerEpoch: 4, previous: null });
  });

  test.each(["PrepareCommit", "PrepareAbort"] as const)("%s: has to wait", (state) => {
    expect(decide(transactionOf({ state }))).toEqual({
      answer: "CONCURRENT_TRANSACTIONS",
      next: null,
    });
  });

  test("epochs are used up: a new producer id", () => {
    expect(decide(transactionOf({ producerEpoch: 32_765 })).answer).toBe("5/32766");
    expect(decide(transactionOf({ producerEpoch: 32_766 })).answer).toBe("77/0");
    // The one that only fences.
    expect(decide(transactionOf({ producerEpoch: 32_767 })).answer).toBe("77/0");
  });
});

describe("init producer: who goes on", () => {
  test("the pair in use: the next epoch, and what it was given it for", () => {
    const { answer, next } = decide(transactionOf(), pair(5, 3));
    expect(answer).toBe("5/4");
    expect(next?.previous).toEqual(pair(5, 3));
  });

  test("the pair before: the same answer, nothing is changed", () => {
    const known = transactionOf({ previous: pair(5, 2) });
    expect(decide(known, pair(5, 2))).toEqual({ answer: "5/3", next: null });
  });

  test("any other pair: fenced", () => {
    expect(decide(transactionOf(), pair(5, 2)).answer).toBe("PRODUCER_FENCED");
    expect(decide(transactionOf(), pair(5, 4)).answer).toBe("PRODUCER_FENCED");
    expect(decide(transactionOf(), pair(6, 3)).answer).toBe("PRODUCER_FENCED");
    expect(decide(transactionOf({ state: "PrepareAbort" }), pair(5, 1)).answer).toBe(
      "PRODUCER_FENCED",
    );
  });

  test("its own open transaction: aborted, and the epoch of that is its own then", () => {
    const { answer, next } = decide(transactionOf({ state: "Ongoing" }), pair(5, 3));
    expect(answer).toBe("CONCURRENT_TRANSACTIONS");
    expect(next).toMatchObject({ producerEpoch: 4, previous: pair(5, 3) });
    const aborted = transactionOf({ ...next, state: "CompleteAbort" });
    expect(decide(aborted, pair(5, 3))).toEqual({ answer: "5/4", next: null });
  });

  test("epochs are used up: a new producer id, and the same again", () => {
    const { answer, next } = decide(transactionOf({ producerEpoch: 32_766 }), pair(5, 32_766));
    expect(answer).toBe("77/0");
    expect(next?.previous).toEqual(pair(5, 32_766));
    expect(decide(next, pair(5, 32_766))).toEqual({ answer: "77/0", next: null });
  });

  test("its own abort used them up: a new producer id", () => {
    const known = transactionOf({ producerEpoch: 32_767, previous: pair(5, 32_766) });
    const { answer, next } = decide(known, pair(5, 32_766));
    expect(answer).toBe("77/0");
    expect(next?.previous).toEqual(pair(5, 32_766));
  });

  test("the id has expired: a new producer id, and the same again", () => {
    const { answer, next } = decide(null, pair(5, 3));
    expect(answer).toBe("77/0");
    expect(decide(next, pair(5, 3)).answer).toBe("77/0");
  });
});
