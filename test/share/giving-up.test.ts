import { expect, test } from "vitest";
import { PartitionChanges } from "../../src/share/changes.ts";
import { givenUp, givenUpExpired } from "../../src/share/giving-up.ts";
import type { GivenSettings } from "../../src/share/share-settings.ts";
import { fateOf, ShareState } from "../support/share-states.ts";

/** What becomes of three records that are given up; without a reason because they expired. */
function outcomeOf(settings: GivenSettings, reason: string | null) {
  const state = new ShareState(settings);
  const fate = fateOf({ phase: "leased", deliveries: 2, dueMs: 99, owner: "m" });
  state.partition.assign({ first: 0, last: 2 }, fate);
  const changes = new PartitionChanges("g", state.partition);
  const run = { first: 0, last: 2, fate };
  const { group } = state;
  if (reason === null) givenUpExpired(changes, run, group);
  else givenUp(changes, run, { group, reason });
  state.apply(changes);
  const { dead, expired } = state.partition.header.counts;
  return { fate: state.partition.find(1)?.fate ?? null, counts: { dead, expired } };
}

const queue = { topic: "t", deadLetterTopic: "t.dead" };

test("with dead letters: leaves, tells why, and belongs to nobody any more", () => {
  const { fate, counts } = outcomeOf(queue, "it broke");
  expect(fate).toEqual(
    fateOf({ phase: "leaving", deliveries: 2, dueMs: 0, owner: "", reason: "it broke" }),
  );
  expect(counts).toEqual({ dead: 3, expired: 0 });
});

test("without dead letters: is settled, and counted as dead", () => {
  expect(outcomeOf({}, "it broke")).toEqual({ fate: null, counts: { dead: 3, expired: 0 } });
});

test("expired: a dead letter like others, or dropped where the queue says so", () => {
  const letter = outcomeOf(queue, null);
  expect([letter.fate?.phase, letter.fate?.reason]).toEqual(["leaving", "expired"]);
  expect(letter.counts).toEqual({ dead: 3, expired: 3 });
  const gone = { fate: null, counts: { dead: 0, expired: 3 } };
  expect(outcomeOf({ ...queue, expired: "drop" }, null)).toEqual(gone);
  expect(outcomeOf({}, null)).toEqual(gone);
});

test("whatever a receiver says: only time makes a record expire", () => {
  const { fate, counts } = outcomeOf({ ...queue, expired: "drop" }, "expired");
  expect([fate?.phase, counts]).toEqual(["leaving", { dead: 3, expired: 0 }]);
});
