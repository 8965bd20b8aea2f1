import { expect, test } from "vitest";
import { content, Story } from "./story.ts";

const compacted = (): Story =>
  new Story()
    .tell({ type: "compacted", place: "t/0", keepDeletionsMs: 500 })
    .send([content("A", "k"), content("B", "l")], 0)
    .send([content("C", "k")], 2);

test("a compacted log: only what a later record of the key stands for may be missing", () => {
  const kept = compacted().read({ 1: content("B", "l"), 2: content("C", "k") });
  expect(kept.rules).toEqual([]);
  const lost = compacted().read({ 0: content("A", "k"), 2: content("C", "k") });
  expect(lost.rules).toEqual(["the latest record of a key stays"]);
});

const deletion = content(null, "k");
const deleted = (): Story => compacted().send([deletion], 3);
const rest = { 1: content("B", "l") };

test("a deletion: stays for a while, and goes then", () => {
  expect(deleted().pass(500).read(rest, { end: 4 }).rules).toEqual([]);
  expect(deleted().pass(400).read(rest, { end: 4 }).rules).toEqual([
    "the latest record of a key stays",
  ]);
  // Some clock may have thought that it was older.
  expect(deleted().wall(100).pass(400).read(rest, { end: 4 }).rules).toEqual([]);
});

test("a deletion that nobody saw may have come and gone", () => {
  const unseen = compacted().send([deletion], null);
  expect(unseen.pass(500).read(rest, { end: 4 }).rules).toEqual([]);
});

test("a deletion that has gone: what it deleted is gone as well", () => {
  const back = { ...rest, 2: content("C", "k") };
  expect(
    deleted()
      .pass(500)
      .read({ ...back, 3: deletion }).rules,
  ).toEqual([]);
  expect(deleted().pass(500).read(back, { end: 4 }).rules).toEqual(["a deleted key stays deleted"]);
});
