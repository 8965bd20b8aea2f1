import { expect, test } from "vitest";
import { committedView } from "../../src/group/committed-view.ts";
import { Group } from "../../src/group/group.ts";

const plain = { member: null, requireStable: false };

test("committed view: no group has no commits; an unknown group checks no member", () => {
  const asking = { member: { memberId: "a", memberEpoch: 1 }, requireStable: true };
  expect(committedView(null, null, asking)).toEqual([]);
  expect(committedView(null, [{ topic: "t", partition: 0 }], asking)).toEqual([
    {
      topic: "t",
      partition: 0,
      offset: -1,
      metadata: "",
      leaderEpoch: -1,
      committedAtMs: -1,
      error: null,
    },
  ]);
  expect(() => committedView(new Group("g"), null, asking)).toThrow("no member a");
});

test("committed view: all by topic and partition, as numbers", () => {
  const group = new Group("g");
  const fields = { metadata: "", committedAtMs: 1, topicId: "id", leaderEpoch: -1 };
  for (const [topic, partition] of [
    ["u", 0],
    ["t", 10],
    ["t", 9],
  ] as const) {
    group.offsets.put(topic, partition, { offset: partition, ...fields });
  }
  const all = committedView(group, null, plain);
  expect(all.map(({ topic, partition }) => `${topic}-${partition}`)).toEqual([
    "t-9",
    "t-10",
    "u-0",
  ]);
});
