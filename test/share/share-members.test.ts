import { describe, expect, test } from "vitest";
import type {
  ShareHeartbeatRequest,
  ShareHeartbeatResult,
  TopicListing,
} from "../../src/services.ts";
import { ShareMembers } from "../../src/share/share-members.ts";
import { FakeClock } from "../support/fake-clock.ts";

const accepts = { batchBytesMax: 1, timestampBeforeMsMax: 1, timestampAfterMsMax: 1 };

function world(counts: Record<string, number> = { t: 4, u: 1 }) {
  const clock = new FakeClock();
  const topic = (name: string): TopicListing | null => {
    const partitionCount = counts[name];
    if (partitionCount === undefined) return null;
    return { name, topicId: `id-${name}`, partitionCount, internal: false, accepts };
  };
  const members = new ShareMembers({ clock, topic });
  const beat = (
    memberId: string,
    memberEpoch: number,
    more: Partial<ShareHeartbeatRequest> = {},
  ): ShareHeartbeatResult =>
    members.heartbeat({
      group: "g",
      memberId,
      memberEpoch,
      rackId: null,
      subscribedTopics: memberEpoch === 0 ? ["t"] : null,
      clientId: "c",
      clientHost: "/h",
      ...more,
    });
  const assigned = (): Record<string, readonly unknown[]> =>
    Object.fromEntries(
      members.describe("g").members.map(({ memberId, assignment }) => [memberId, assignment]),
    );
  return { clock, counts, members, beat, assigned };
}

const failing = (code: string): unknown => expect.objectContaining({ code });

describe("share members", () => {
  test("one member has everything; two divide it; more than partitions share", () => {
    const { beat, assigned } = world({ t: 2 });
    const all = [{ topic: "t", partitions: [0, 1] }];
    expect(beat("a", 0)).toMatchObject({ memberEpoch: 1, assignment: all });
    beat("b", 0);
    expect(assigned()).toEqual({
      a: [{ topic: "t", partitions: [0] }],
      b: [{ topic: "t", partitions: [1] }],
    });
    beat("c", 0);
    expect(assigned()["c"]).toEqual([{ topic: "t", partitions: [0] }]);
  });

  test("an assignment: told once, and again when it has changed", () => {
    const { beat, counts } = world();
    const { memberEpoch } = beat("a", 0);
    expect(beat("a", memberEpoch)).toMatchObject({ memberEpoch, assignment: null });
    counts["t"] = 5;
    const changed = beat("a", memberEpoch);
    expect(changed.memberEpoch).toBe(memberEpoch + 1);
    expect(changed.assignment).toEqual([{ topic: "t", partitions: [0, 1, 2, 3, 4] }]);
    const both = beat("a", changed.memberEpoch, { subscribedTopics: ["u", "none"] });
    expect(both.assignment).toEqual([{ topic: "u", partitions: [0] }]);
  });

  test("an answer that was lost: the same request again is answered with the assignment", () => {
    const { beat } = world();
    const { memberEpoch } = beat("a", 0);
    beat("b", 0);
    beat("c", 0);
    const lost = beat("a", memberEpoch);
    expect(lost.memberEpoch).toBe(memberEpoch + 2);
    expect(beat("a", memberEpoch)).toEqual(lost);
    expect(beat("a", lost.memberEpoch).assignment).toBeNull();
  });

  test("epochs: another than the last is fenced, an unknown member is told so", () => {
    const { beat } = world();
    const { memberEpoch } = beat("a", 0);
    expect(() => beat("a", memberEpoch + 1)).toThrow(failing("FENCED_MEMBER_EPOCH"));
    expect(() => beat("b", 1)).toThrow(failing("UNKNOWN_MEMBER_ID"));
    expect(beat("a", 0)).toMatchObject({ memberEpoch, assignment: [{ topic: "t" }] });
  });

  test("leaving, and silence for the length of a session: others take over", () => {
    const { beat, members, clock } = world();
    beat("a", 0);
    beat("b", 0);
    beat("c", 0);
    expect(beat("a", -1)).toMatchObject({ memberEpoch: -1, assignment: null });
    expect(members.countOf("g")).toBe(2);
    clock.advance(44_000);
    expect(members.countOf("g")).toBe(2);
    const { memberEpoch } = beat("b", members.describe("g").members[0]?.memberEpoch ?? 0);
    clock.advance(44_000);
    expect(members.countOf("g")).toBe(1);
    expect(beat("b", memberEpoch).assignment).toEqual([{ topic: "t", partitions: [0, 1, 2, 3] }]);
    clock.advance(46_000);
    expect(members.countOf("g")).toBe(0);
  });

  test("what a member must say of itself", () => {
    const { beat } = world();
    expect(() => beat("", 0)).toThrow(failing("INVALID_REQUEST"));
    expect(() => beat("x".repeat(37), 0)).toThrow(failing("INVALID_REQUEST"));
    expect(() => beat("a", 0, { subscribedTopics: null })).toThrow(failing("INVALID_REQUEST"));
    expect(() => beat("a", 0, { subscribedTopics: [] })).toThrow(failing("INVALID_REQUEST"));
  });

  test("a group that is full: takes no new member, and those it has may join again", () => {
    const { beat } = world();
    for (let index = 0; index < 200; index++) beat(`m${index}`, 0);
    expect(() => beat("one more", 0)).toThrow(failing("GROUP_MAX_SIZE_REACHED"));
    expect(beat("m7", 0).assignment).toEqual([{ topic: "t", partitions: [3] }]);
  });
});
