import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ErrorName } from "../../src/base/error.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import type { AcknowledgementBatch, Receipt, SettleAnswer } from "../../src/services.ts";
import {
  backoffMs,
  decideAcknowledge,
  decideRelease,
  decideSettle,
  decideSweep,
} from "../../src/share/settling.ts";
import type { GivenSettings } from "../../src/share/share-settings.ts";
import { ShareState } from "../support/share-states.ts";

const random = seededRandom(1);
const lockMs = 1000;

/** Five records held for a while, each at its first delivery. */
function heldState(settings: GivenSettings = {}, owner = ""): ShareState {
  const state = new ShareState({ topic: "t", ...settings }, 5);
  state.found(0, 5, { phase: "leased", deliveries: 1, owner, dueMs: state.nowMs + lockMs });
  return state;
}

const receiptOf = (offset: number, differing: Partial<Receipt> = {}): Receipt => ({
  partition: 0,
  offset,
  deliveries: 1,
  epoch: 1,
  ...differing,
});

function settle(
  state: ShareState,
  answers: readonly SettleAnswer[],
): readonly (ErrorName | null)[] {
  return state.run((nowMs) => decideSettle(state.group, answers, { nowMs, random }));
}

const nack = (offset: number, delayMs: number | null, reason = ""): SettleAnswer => ({
  kind: "nack",
  receipt: receiptOf(offset),
  delayMs,
  reason,
});

describe("settling: verdicts", () => {
  test("ack: settled; extend: held from now on for the time asked", () => {
    const state = heldState();
    const answers: readonly SettleAnswer[] = [
      { kind: "ack", receipt: receiptOf(0) },
      { kind: "extend", receipt: receiptOf(1), leaseMs: 9000 },
    ];
    expect(settle(state, answers)).toEqual([null, null]);
    expect(state.partition.find(0)).toBeNull();
    expect(state.partition.find(1)?.fate).toMatchObject({
      phase: "leased",
      dueMs: state.nowMs + 9000,
    });
    expect(state.partition.header.counts).toMatchObject({ acked: 1, nacked: 0 });
  });

  test("nack: waits for its own delay or for the backoff, at once with none", () => {
    const backoff = { type: "fixed" as const, baseMs: 700, maxMs: 700, jitter: 0 };
    const state = heldState({ backoff });
    expect(settle(state, [nack(0, 50, "why"), nack(1, null), nack(2, 0)])).toEqual([
      null,
      null,
      null,
    ]);
    const { nowMs, partition } = state;
    const waiting = { phase: "waiting", deliveries: 1, owner: "" };
    expect(partition.find(0)?.fate).toMatchObject({ ...waiting, dueMs: nowMs + 50, reason: "why" });
    expect(partition.find(1)?.fate).toMatchObject({ ...waiting, dueMs: nowMs + 700 });
    expect(partition.find(2)?.fate).toMatchObject({ ...waiting, dueMs: 0 });
    expect(partition.header.counts.nacked).toBe(3);
  });

  test("reject: given up at once, for the reason said", () => {
    const state = heldState({ deadLetterTopic: "t.dead" });
    const reject = (offset: number, reason: string): SettleAnswer => ({
      kind: "reject",
      receipt: receiptOf(offset),
      reason,
    });
    settle(state, [reject(0, "poison"), reject(1, "")]);
    expect(state.partition.find(0)?.fate).toMatchObject({ phase: "leaving", reason: "poison" });
    expect(state.partition.find(1)?.fate).toMatchObject({ phase: "leaving", reason: "rejected" });
    expect(state.partition.header.counts).toMatchObject({ nacked: 2, dead: 2 });
  });

  test("nack at the last delivery: given up, not waiting", () => {
    const state = heldState({ deadLetterTopic: "t.dead", maxDeliveries: 1 });
    settle(state, [nack(0, 50, "why"), nack(1, null)]);
    expect(state.partition.find(0)?.fate).toMatchObject({ phase: "leaving", reason: "why" });
    expect(state.partition.find(1)?.fate.reason).toBe("not acknowledged");
  });
});

describe("settling: receipts", () => {
  test("of another delivery, of what is settled, named twice: that one alone is refused", () => {
    const state = heldState();
    const ack = (receipt: Receipt): SettleAnswer => ({ kind: "ack", receipt });
    const answers = [
      ack(receiptOf(0, { deliveries: 2 })),
      ack(receiptOf(1, { epoch: 0 })),
      ack(receiptOf(2)),
      ack(receiptOf(2)),
      ack(receiptOf(99)),
      ack(receiptOf(3, { partition: 7 })),
      ack(receiptOf(4)),
    ];
    const refused = "INVALID_RECORD_STATE";
    expect(settle(state, answers)).toEqual([
      refused,
      refused,
      null,
      refused,
      refused,
      refused,
      null,
    ]);
    expect(settle(state, [ack(receiptOf(2))])).toEqual([refused]);
    expect(state.partition.counts.leased).toBe(3);
  });

  test("the lease is over: refused from that instant on, even if no sweep has come by", () => {
    const state = heldState();
    state.nowMs += lockMs - 1;
    expect(settle(state, [{ kind: "ack", receipt: receiptOf(0) }])).toEqual([null]);
    state.nowMs += 1;
    expect(settle(state, [{ kind: "ack", receipt: receiptOf(1) }])).toEqual([
      "INVALID_RECORD_STATE",
    ]);
  });
});

describe("settling: acknowledge", () => {
  function acknowledge(state: ShareState, batches: readonly AcknowledgementBatch[], owner = "m") {
    const { group, partition } = state;
    return state.run((nowMs) => {
      const events = decideAcknowledge(group, { partition, owner, batches }, { nowMs, random });
      return { events: events ?? [], reply: events !== null };
    });
  }

  test("one type for a range, or one an offset", () => {
    const state = heldState({ isolation: "read_committed", leaseMs: 7000 }, "m");
    const batches: readonly AcknowledgementBatch[] = [
      { firstOffset: 0, lastOffset: 1, types: ["accept"] },
      { firstOffset: 2, lastOffset: 4, types: ["release", "renew", "gap"] },
    ];
    expect(acknowledge(state, batches)).toBe(true);
    const { partition, nowMs } = state;
    expect([0, 1, 4].map((offset) => partition.find(offset))).toEqual([null, null, null]);
    expect(partition.find(2)?.fate).toMatchObject({ phase: "waiting", owner: "", deliveries: 1 });
    expect(partition.find(3)?.fate).toMatchObject({ phase: "leased", dueMs: nowMs + 7000 });
    expect(partition.header.counts).toMatchObject({ acked: 3, nacked: 1 });
  });

  test("reject: archived where there are no dead letters", () => {
    const state = heldState({}, "m");
    acknowledge(state, [{ firstOffset: 0, lastOffset: 4, types: ["reject"] }]);
    expect(state.partition.runCount).toBe(0);
    expect(state.partition.header.counts.dead).toBe(5);
  });

  test.each<[string, AcknowledgementBatch]>([
    ["beyond the last", { firstOffset: 0, lastOffset: 5, types: ["accept"] }],
    ["without end", { firstOffset: 0, lastOffset: Number.MAX_SAFE_INTEGER, types: ["accept"] }],
    ["of nothing", { firstOffset: 90, lastOffset: Number.MAX_SAFE_INTEGER, types: ["accept"] }],
  ])("a range %s: nothing holds, not even what came before it", (_, batch) => {
    const state = heldState({}, "m");
    const first: AcknowledgementBatch = { firstOffset: 0, lastOffset: 0, types: ["accept"] };
    expect(acknowledge(state, [first, batch])).toBe(false);
    expect(state.partition.counts.leased).toBe(5);
    expect(state.partition.header.counts.acked).toBe(0);
  });

  test("held by another, settled in the middle, or lapsed: nothing holds", () => {
    const all: AcknowledgementBatch = { firstOffset: 0, lastOffset: 4, types: ["accept"] };
    const state = heldState({}, "m");
    expect(acknowledge(state, [all], "other")).toBe(false);
    state.partition.assign({ first: 2, last: 2 }, null);
    expect(acknowledge(state, [all])).toBe(false);
    const rest: AcknowledgementBatch = { firstOffset: 3, lastOffset: 4, types: ["accept"] };
    state.nowMs += lockMs;
    expect(acknowledge(state, [rest])).toBe(false);
    state.nowMs -= 1;
    expect(acknowledge(state, [rest])).toBe(true);
  });
});

describe("settling: what nobody answered", () => {
  test("release: all that a member holds, and nothing of others", () => {
    const state = heldState({ maxDeliveries: 2 }, "m");
    state.found(5, 1, { phase: "leased", deliveries: 2, owner: "m", dueMs: 2e9 });
    state.found(6, 1, { phase: "leased", deliveries: 1, owner: "n", dueMs: 2e9 });
    state.run((nowMs) => decideRelease(state.group, "m", { nowMs, random }));
    expect(state.partition.counts).toMatchObject({ waiting: 5, delayed: 0, leased: 1 });
    expect(state.partition.find(5)).toBeNull();
    expect(state.partition.find(6)?.fate.owner).toBe("n");
  });

  test("sweep: lapsed leases wait again or are given up, expired records go", () => {
    const state = heldState({ deadLetterTopic: "t.dead", maxDeliveries: 2 });
    state.found(5, 1, { phase: "leased", deliveries: 2, dueMs: state.nowMs + lockMs });
    state.found(6, 1, { expiresAtMs: state.nowMs + lockMs });
    state.nowMs += lockMs;
    state.partition.tick(state.nowMs);
    state.run(() => decideSweep(state.group, state.partition, 100));
    expect(state.partition.find(0)?.fate).toMatchObject({
      phase: "waiting",
      dueMs: 0,
      reason: "lease lapsed",
    });
    expect(state.partition.find(5)?.fate).toMatchObject({
      phase: "leaving",
      reason: "lease lapsed",
    });
    expect(state.partition.find(6)?.fate).toMatchObject({ phase: "leaving", reason: "expired" });
    expect(state.partition.header.counts).toMatchObject({ lapsed: 6, expired: 1, dead: 2 });
  });

  test("sweep: so many runs at once, the rest the next time", () => {
    const state = heldState();
    for (const owner of ["a", "b", "c"]) {
      const at = "abc".indexOf(owner);
      state.found(at, 1, { phase: "leased", deliveries: 1, owner, dueMs: state.nowMs + 1 });
    }
    state.nowMs += lockMs;
    state.partition.tick(state.nowMs);
    const left = [1, 2, 3].map(() => {
      state.run(() => decideSweep(state.group, state.partition, 2));
      return state.partition.counts.leased;
    });
    expect(left).toEqual([3, 1, 0]);
  });
});

describe("settling: backoff", () => {
  const none: Random = { below: () => 0, bytes: (count) => new Uint8Array(count) };
  const most: Random = { ...none, below: (bound) => bound - 1 };

  test("fixed stays, exponential doubles up to its most", () => {
    const waits = (type: "fixed" | "exponential"): readonly number[] =>
      [1, 2, 3, 4, 5, 2000].map((deliveries) =>
        backoffMs({ type, baseMs: 100, maxMs: 1000, jitter: 0 }, deliveries, most),
      );
    expect(waits("fixed")).toEqual([100, 100, 100, 100, 100, 100]);
    expect(waits("exponential")).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  test("property: jitter takes off up to its share and adds nothing", () => {
    fc.assert(
      fc.property(
        fc.nat(366 * 24 * 3_600_000),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer(),
        (baseMs, jitter, seed) => {
          const backoff = { type: "fixed" as const, baseMs, maxMs: baseMs, jitter };
          const waitMs = backoffMs(backoff, 1, seededRandom(seed));
          expect(waitMs).toBeLessThanOrEqual(baseMs);
          expect(waitMs).toBeGreaterThanOrEqual(Math.floor(baseMs * (1 - jitter)));
          expect(Number.isInteger(waitMs)).toBe(true);
        },
      ),
    );
    const half = { type: "fixed" as const, baseMs: 1000, maxMs: 1000, jitter: 0.5 };
    expect([backoffMs(half, 1, none), backoffMs(half, 1, most)]).toEqual([1000, 500]);
  });
});
