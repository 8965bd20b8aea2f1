import { expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { AbortedFilter } from "../../src/record/aborted-filter.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
import { batchBytesAt, setBaseOffset } from "../../src/record/batch-header.ts";
import { batchOf } from "../support/batches.ts";

type Step = readonly [kind: "plain" | "open" | "commit" | "abort", producerId: number];

/** The log of the steps, a batch of two records or a marker each, from the offset on. */
function logOf(steps: readonly Step[], from = 0): Uint8Array {
  let offset = from;
  const batches = steps.map(([kind, producerId]) => {
    const isMarker = kind === "commit" || kind === "abort";
    const marker = {
      producerId,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      isCommit: kind === "commit",
    };
    const producer = { producerId, producerEpoch: 0, baseSequence: 0 };
    const batch = isMarker
      ? buildMarkerBatch(marker, 0)
      : batchOf([{ value: "a" }, { value: "b" }], { producer, isTransactional: kind === "open" });
    setBaseOffset(viewOf(batch), 0, offset);
    offset += isMarker ? 1 : 2;
    return batch;
  });
  return Buffer.concat(batches);
}

function hidden(
  log: Uint8Array,
  aborted: readonly { readonly producerId: number; readonly firstOffset: number }[],
): string {
  const filter = new AbortedFilter(aborted);
  const view = viewOf(log);
  let seen = "";
  for (let at = 0; at < log.length; at += batchBytesAt(view, at)) {
    seen += filter.isAborted(view, at) ? "x" : ".";
  }
  return seen;
}

test("an aborted transaction: its batches up to its marker, nobody else's", () => {
  const steps: readonly Step[] = [
    ["open", 1],
    ["open", 2],
    ["plain", 3],
    ["open", 1],
    ["abort", 1],
    ["open", 1],
    ["commit", 1],
    ["commit", 2],
  ];
  expect(hidden(logOf(steps), [{ producerId: 1, firstOffset: 0 }])).toBe("x..x....");
});

test("two of one producer, one behind the other: both, and the committed one between is shown", () => {
  const steps: readonly Step[] = [
    ["open", 1],
    ["abort", 1],
    ["open", 1],
    ["commit", 1],
    ["open", 1],
    ["abort", 1],
  ];
  const aborted = [
    { producerId: 1, firstOffset: 0 },
    { producerId: 1, firstOffset: 6 },
  ];
  expect(hidden(logOf(steps), aborted)).toBe("x...x.");
});

test("a reply that begins in the middle of a transaction, and one that ends there", () => {
  const aborted = [{ producerId: 1, firstOffset: 10 }];
  expect(
    hidden(
      logOf(
        [
          ["open", 1],
          ["abort", 1],
          ["open", 1],
        ],
        30,
      ),
      aborted,
    ),
  ).toBe("x..");
  expect(
    hidden(
      logOf(
        [
          ["open", 1],
          ["open", 1],
        ],
        10,
      ),
      aborted,
    ),
  ).toBe("xx");
});

test("a producer's batches outside of transactions are shown whatever was aborted", () => {
  const steps: readonly Step[] = [
    ["open", 1],
    ["plain", 1],
  ];
  expect(hidden(logOf(steps), [{ producerId: 1, firstOffset: 0 }])).toBe("x.");
  expect(hidden(logOf(steps), [])).toBe("..");
});
