import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import {
  type StoredState,
  type Transaction,
  withPartitions,
} from "../../src/transaction/transaction.ts";
import {
  addGroup,
  addPartitions,
  checkGroup,
  checkProducer,
  complete,
  end,
  fence,
  groupsMax,
  newPartitions,
  partitionsMax,
} from "../../src/transaction/transaction-rules.ts";
import { places, transactionOf } from "../support/transaction-world.ts";

function codeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error instanceof LogError ? error.code : error;
  }
}

const ongoing = transactionOf({
  state: "Ongoing",
  startedAtMs: 1500,
  partitions: withPartitions(new Map(), places(0)),
  groups: new Set(["g"]),
});
const inState = (state: StoredState): Transaction => ({ ...ongoing, state });

describe("transaction rules: whose it is", () => {
  test.each([
    ["its own", "5/3", undefined],
    ["another id", "6/3", "INVALID_PRODUCER_ID_MAPPING"],
    ["an older epoch", "5/2", "PRODUCER_FENCED"],
    ["a newer epoch", "5/4", "PRODUCER_FENCED"],
  ])("%s", (_, pair, code) => {
    const [producerId = 0, producerEpoch = 0] = pair.split("/").map(Number);
    const known = transactionOf();
    const found = codeOf(() => checkProducer(known, { producerId, producerEpoch }));
    expect(found).toBe(code ?? known);
  });

  test("unknown", () => {
    expect(codeOf(() => checkProducer(null, transactionOf()))).toBe("INVALID_PRODUCER_ID_MAPPING");
  });
});

describe("transaction rules: what takes part", () => {
  test.each(["Empty", "CompleteCommit", "CompleteAbort"] as const)("%s: begins", (state) => {
    const previous = { producerId: 5, producerEpoch: 2 };
    const begun = addPartitions(transactionOf({ state, previous }), places(1, 2), 2000);
    expect(begun).toMatchObject({
      state: "Ongoing",
      startedAtMs: 2000,
      updatedAtMs: 2000,
      previous: null,
      partitions: new Map([["t", new Set([1, 2])]]),
    });
    expect(addGroup(transactionOf({ state }), "g", 2000)).toMatchObject({
      state: "Ongoing",
      startedAtMs: 2000,
      groups: new Set(["g"]),
    });
  });

  test("ongoing: more of them; its time goes on", () => {
    expect(addPartitions(ongoing, places(0, 1), 2000)).toMatchObject({
      startedAtMs: 1500,
      partitions: new Map([["t", new Set([0, 1])]]),
      groups: new Set(["g"]),
    });
    expect(addGroup(ongoing, "h", 2000)?.groups).toEqual(new Set(["g", "h"]));
  });

  test("nothing new: nothing happens", () => {
    expect(addPartitions(ongoing, places(0), 2000)).toBe(null);
    expect(addPartitions(transactionOf(), [], 2000)).toBe(null);
    expect(addGroup(ongoing, "g", 2000)).toBe(null);
    expect(newPartitions(ongoing, places(0, 1))).toEqual(places(1));
  });

  test.each(["PrepareCommit", "PrepareAbort"] as const)("%s: ask again", (state) => {
    const code = "CONCURRENT_TRANSACTIONS";
    expect(codeOf(() => addPartitions(inState(state), places(0), 1))).toBe(code);
    expect(codeOf(() => addGroup(inState(state), "g", 1))).toBe(code);
    expect(codeOf(() => checkGroup(inState(state), "g"))).toBe(code);
  });

  test("bounds", () => {
    const many = Array.from({ length: partitionsMax }, (_, partition) => partition);
    const full = addPartitions(transactionOf(), places(...many), 1);
    if (full === null) throw new Error("they are new");
    expect(codeOf(() => addPartitions(full, places(partitionsMax), 1))).toBe("POLICY_VIOLATION");
    const groups = new Set(Array.from({ length: groupsMax }, (_, index) => `g${index}`));
    expect(codeOf(() => addGroup({ ...ongoing, groups }, "g", 1))).toBe("POLICY_VIOLATION");
    expect(addGroup({ ...ongoing, groups }, "g1", 1)).toBe(null);
  });

  test("offsets: of a group that takes part", () => {
    expect(codeOf(() => checkGroup(ongoing, "g"))).toBe(undefined);
    expect(codeOf(() => checkGroup(ongoing, "h"))).toBe("INVALID_TXN_STATE");
    expect(codeOf(() => checkGroup(transactionOf(), "g"))).toBe("INVALID_TXN_STATE");
  });
});

describe("transaction rules: how it ends", () => {
  test.each<[StoredState, string | null, string | null]>([
    ["Empty", "INVALID_TXN_STATE", "INVALID_TXN_STATE"],
    ["Ongoing", "PrepareCommit", "PrepareAbort"],
    ["PrepareCommit", "CONCURRENT_TRANSACTIONS", "INVALID_TXN_STATE"],
    ["PrepareAbort", "INVALID_TXN_STATE", "CONCURRENT_TRANSACTIONS"],
    ["CompleteCommit", null, "INVALID_TXN_STATE"],
    ["CompleteAbort", "INVALID_TXN_STATE", null],
  ])("%s: commit is %s, abort is %s", (state, committed, aborted) => {
    const outcomeOf = (isCommit: boolean): unknown => {
      const result = codeOf(() => end(inState(state), isCommit, 2000));
      return typeof result === "string" ? result : ((result as Transaction | null)?.state ?? null);
    };
    expect([outcomeOf(true), outcomeOf(false)]).toEqual([committed, aborted]);
  });

  test("a decision keeps what has to hear of it, a completion forgets it", () => {
    const prepared = end(ongoing, true, 2000);
    if (prepared === null) throw new Error("it is decided");
    expect(prepared).toEqual({ ...ongoing, state: "PrepareCommit", updatedAtMs: 2000 });
    expect(complete(prepared, prepared, 3000)).toEqual({
      ...transactionOf(),
      state: "CompleteCommit",
      updatedAtMs: 3000,
    });
    expect(complete(inState("PrepareAbort"), inState("PrepareAbort"), 1)?.state).toBe(
      "CompleteAbort",
    );
  });

  test("a completion of something else: nothing happens", () => {
    const prepared = inState("PrepareCommit");
    expect(complete(null, prepared, 1)).toBe(null);
    expect(complete(inState("CompleteCommit"), prepared, 1)).toBe(null);
    expect(complete(inState("PrepareAbort"), prepared, 1)).toBe(null);
    expect(complete({ ...prepared, producerEpoch: 4 }, prepared, 1)).toBe(null);
    expect(complete({ ...prepared, producerId: 6 }, prepared, 1)).toBe(null);
  });

  test("a fence: the next epoch, which only the owner may have", () => {
    expect(fence(ongoing, 2000, false)).toEqual({
      ...ongoing,
      state: "PrepareAbort",
      producerEpoch: 4,
      previous: null,
      updatedAtMs: 2000,
    });
    expect(fence(ongoing, 2000, true).previous).toEqual({ producerId: 5, producerEpoch: 3 });
  });
});
