import { expect, test } from "vitest";
import { content, Story } from "./story.ts";

const compacted = (): Story =>
  new Story()
    .tell({ type: "compacted", place: "t/0" })
    .send([content("A", "k"), content("B", "l")], 0)
    .send([content("C", "k")], 2);

test("a compacted log: only what a later record of the key stands for may be missing", () => {
  const kept = compacted().read({ 1: content("B", "l"), 2: content("C", "k") });
  expect(kept.rules).toEqual([]);
  const lost = compacted().read({ 0: content("A", "k"), 2: content("C", "k") });
  expect(lost.rules).toEqual(["the latest record of a key stays"]);
});
