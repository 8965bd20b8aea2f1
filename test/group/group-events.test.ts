import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { assignmentOf } from "../../src/group/assignment.ts";
import {
  decodeGroupEvent,
  encodeGroupEvent,
  type GroupEvent,
} from "../../src/group/group-events.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const integer = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const assignment = fc
  .array(fc.record({ topic: text, partitions: fc.array(fc.nat(99)) }), { maxLength: 4 })
  .map(assignmentOf);

const committedFields = {
  offset: integer,
  metadata: text,
  committedAtMs: integer,
  topicId: text,
  leaderEpoch: fc.integer({ min: -1, max: 9 }),
};

const anyEvent: fc.Arbitrary<GroupEvent> = fc.oneof(
  fc.record({
    kind: fc.constant("group" as const),
    group: text,
    header: fc.option(
      fc.record({
        epoch: integer,
        assignmentEpoch: integer,
        topicsDigest: text,
        emptySinceMs: fc.option(integer, { nil: null }),
      }),
      { nil: null },
    ),
  }),
  fc
    .record({
      kind: fc.constant("member" as const),
      group: text,
      member: fc.record({
        memberId: text,
        instanceId: fc.option(text, { nil: null }),
        memberEpoch: fc.integer({ min: -2 }),
        previousEpoch: integer,
        clientId: text,
        clientHost: text,
        subscribedTopics: fc.array(text),
        subscribedTopicRegex: fc.option(text, { nil: null }),
        assignor: fc.constantFrom("range" as const, "uniform" as const, null),
        sessionTimeoutMs: integer,
        rebalanceTimeoutMs: integer,
        assigned: assignment,
        revoking: assignment,
      }),
    })
    .map((event) => ({ ...event, memberId: event.member.memberId })),
  fc.record({
    kind: fc.constant("target" as const),
    group: text,
    memberId: text,
    target: assignment,
  }),
  fc.record({
    kind: fc.constant("offset" as const),
    group: text,
    topic: text,
    partition: integer,
    committed: fc.option(fc.record(committedFields), { nil: null }),
  }),
  fc.record({
    kind: fc.constant("pending" as const),
    group: text,
    producerId: integer,
    topic: text,
    partition: integer,
    pending: fc.option(
      fc.record({ ...committedFields, producerEpoch: integer, sequence: integer }),
      { nil: null },
    ),
  }),
  fc.record({ kind: fc.constant("topic" as const), topic: text, topicId: text }),
);

function stored(key: unknown, value: unknown): ReturnType<typeof decodeGroupEvent> {
  const bytes = value === null ? null : Buffer.from(JSON.stringify(value));
  return decodeGroupEvent(Buffer.from(JSON.stringify(key)), bytes);
}

describe("group events", () => {
  test("any event: comes back as it was", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { key, value } = encodeGroupEvent(event);
        expect(decodeGroupEvent(key, value)).toEqual(event);
      }),
    );
  });

  test("on disk: JSON text that can be read in a dump, and stays as it is", () => {
    const fields = { offset: 17, metadata: "é", committedAtMs: 1, topicId: "x" };
    const committed = { ...fields, leaderEpoch: 4 };
    const event: GroupEvent = { kind: "offset", group: "g", topic: "t", partition: 3, committed };
    const { key, value } = encodeGroupEvent(event);
    expect(Buffer.from(key).toString()).toBe(
      '{"kind":"offset","group":"g","topic":"t","partition":3}',
    );
    expect(Buffer.from(value ?? []).toString()).toBe(
      '{"version":1,"offset":17,"metadata":"é","committedAtMs":1,"topicId":"x","leaderEpoch":4}',
    );
    const older = stored({ ...event, committed: undefined }, { version: 1, ...fields });
    expect(older).toEqual({ ...event, committed: { ...fields, leaderEpoch: -1 } });
  });

  test("of an older program: what it did not write is what there was not then", () => {
    const value = {
      version: 1,
      memberEpoch: 3,
      previousEpoch: 2,
      clientId: "",
      clientHost: "",
      subscribedTopics: ["t"],
      assignor: null,
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 1,
      assigned: [],
      revoking: [],
    };
    expect(stored({ kind: "member", group: "g", member: "m" }, value)).toMatchObject({
      member: { memberId: "m", instanceId: null, subscribedTopicRegex: null, memberEpoch: 3 },
    });
  });

  test("of a newer program: a kind or version not known is skipped", () => {
    expect(stored({ kind: "lease", group: "g" }, { version: 1 })).toBe(null);
    expect(stored({ kind: "group", group: "g" }, { version: 2, shape: "other" })).toBe(null);
  });

  test("damaged: refused by name", () => {
    const bad: [unknown, unknown][] = [
      [{ kind: "group" }, { version: 1 }],
      [
        { kind: "group", group: "g" },
        { version: 1, epoch: "1" },
      ],
      [{ kind: "offset", group: "g", topic: "t", partition: 0.5 }, null],
      [
        { kind: "target", group: "g", member: "m" },
        { version: 1, partitions: [{ topic: 1 }] },
      ],
      [[], null],
      ["text", null],
      [{ kind: "group", group: "g" }, { epoch: 1 }],
    ];
    for (const [key, value] of bad) expect(() => stored(key, value)).toThrow(LogError);
    expect(() => decodeGroupEvent(Buffer.from([0xff, 0x7b]), null)).toThrow(LogError);
  });
});
