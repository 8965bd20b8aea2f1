import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import type { JoinGroupRequest, SyncGroupRequest } from "../../../src/services.ts";
import { openTestEngine } from "../../support/engines.ts";
import { type Ask, servicesWith, talkTo } from "../../support/kafka-calls.ts";

const text = (value: string): Uint8Array => Buffer.from(value);

const asked: EncodableRequest<"joinGroup"> = {
  groupId: "g",
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  memberId: "",
  protocolType: "consumer",
  protocols: [
    { name: "range", metadata: text("of range") },
    { name: "roundrobin", metadata: text("of roundrobin") },
  ],
};

async function open(): Promise<Ask> {
  const { engine } = await openTestEngine({ settings: { groupInitialRebalanceDelayMs: 0 } });
  return talkTo(engine.services).ask;
}

describe("join group", () => {
  test("a new member: told its id first from version 4 on, and admitted at once before", async () => {
    const ask = await open();
    const first = await ask("joinGroup", 4, asked);
    expect(first).toMatchObject({ errorCode: 79, generationId: -1, protocolName: "", leader: "" });
    expect(first.memberId).toMatch(/^test-/);
    const { memberId } = first;
    const joined = await ask("joinGroup", 9, { ...asked, memberId });
    expect(joined).toMatchObject({
      errorCode: 0,
      generationId: 1,
      protocolType: "consumer",
      protocolName: "range",
      leader: memberId,
      memberId,
      skipAssignment: false,
    });
    const members = joined.members.map((member) => [
      member.memberId,
      Buffer.from(member.metadata).toString(),
    ]);
    expect(members).toEqual([[memberId, "of range"]]);
    const old = await ask("joinGroup", 0, { ...asked, groupId: "other" });
    expect(old).toMatchObject({ errorCode: 0, generationId: 1, leader: old.memberId });
  });

  test("a refusal: no protocol in new versions, an empty one in old ones", async () => {
    const ask = await open();
    const stranger = { ...asked, memberId: "nobody" };
    expect(await ask("joinGroup", 7, stranger)).toMatchObject({
      errorCode: 25,
      generationId: -1,
      protocolType: null,
      protocolName: null,
      memberId: "nobody",
      members: [],
    });
    expect((await ask("joinGroup", 5, stranger)).protocolName).toBe("");
    const hasty = { ...asked, sessionTimeoutMs: 1 };
    expect((await ask("joinGroup", 3, hasty)).errorCode).toBe(26);
    expect((await ask("joinGroup", 3, { ...asked, groupId: "" })).errorCode).toBe(24);
  });

  test("what each version says: nothing is asked of clients that do not know it", async () => {
    const joins: JoinGroupRequest[] = [];
    const join = (request: JoinGroupRequest) => {
      joins.push(request);
      return Promise.reject(new LogError("SERVER_STOPPING", "stopping"));
    };
    const { ask } = talkTo(servicesWith({ classicGroups: { join } }));
    for (const version of [0, 1, 4, 9]) {
      const answer = await ask("joinGroup", version, { ...asked, groupInstanceId: "i" });
      expect(answer.errorCode).toBe(16);
    }
    expect(
      joins.map((join) => [
        join.rebalanceTimeoutMs,
        join.requiresKnownMemberId,
        join.supportsSkipAssignment,
        join.groupInstanceId,
      ]),
    ).toEqual([
      [10_000, false, false, null],
      [30_000, false, false, null],
      [30_000, true, false, null],
      [30_000, true, true, "i"],
    ]);
    expect(joins[0]).toMatchObject({ clientId: "test", clientHost: "10.0.0.9" });
  });

  test("bytes that the group keeps: are its own, and no views of the request", async () => {
    const kept: Uint8Array[] = [];
    const join = ({ protocols }: JoinGroupRequest) => {
      kept.push(...protocols.map(({ metadata }) => metadata));
      return Promise.reject(new LogError("UNKNOWN_MEMBER_ID", "none"));
    };
    const sync = ({ assignments }: SyncGroupRequest) => {
      kept.push(...assignments.map(({ assignment }) => assignment));
      return Promise.reject(new LogError("UNKNOWN_MEMBER_ID", "none"));
    };
    const { ask } = talkTo(servicesWith({ classicGroups: { join, sync } }));
    await ask("joinGroup", 5, asked);
    const assignments = [{ memberId: "m", assignment: text("work") }];
    await ask("syncGroup", 3, { groupId: "g", generationId: 1, memberId: "m", assignments });
    for (const bytes of kept) expect(bytes.buffer.byteLength).toBe(bytes.length);
    expect(kept.map((bytes) => Buffer.from(bytes).toString())).toEqual([
      "of range",
      "of roundrobin",
      "work",
    ]);
  });
});

describe("the life of a member", () => {
  test("sync, heartbeat and leave; then it is unknown", async () => {
    const ask = await open();
    const { memberId } = await ask("joinGroup", 3, asked);
    const member = { groupId: "g", generationId: 1, memberId };
    const assignments = [{ memberId, assignment: text("work") }];
    const synced = await ask("syncGroup", 5, {
      ...member,
      protocolType: "consumer",
      protocolName: "range",
      assignments,
    });
    expect(synced).toMatchObject({
      errorCode: 0,
      protocolType: "consumer",
      protocolName: "range",
    });
    expect(Buffer.from(synced.assignment).toString()).toBe("work");
    expect((await ask("heartbeat", 4, member)).errorCode).toBe(0);
    expect((await ask("heartbeat", 0, { ...member, generationId: 9 })).errorCode).toBe(22);
    const stale = await ask("syncGroup", 3, { ...member, generationId: 9, assignments: [] });
    expect([stale.errorCode, stale.assignment.length]).toEqual([22, 0]);
    const batch = await ask("leaveGroup", 5, {
      groupId: "g",
      members: [
        { memberId: "nobody", groupInstanceId: null },
        { memberId, groupInstanceId: null, reason: "done" },
      ],
    });
    expect(batch).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      members: [
        { memberId: "nobody", groupInstanceId: null, errorCode: 25 },
        { memberId, groupInstanceId: null, errorCode: 0 },
      ],
    });
    expect((await ask("heartbeat", 4, member)).errorCode).toBe(25);
    // A lone member's error is that of the whole answer.
    expect(await ask("leaveGroup", 2, { groupId: "g", memberId })).toMatchObject({ errorCode: 25 });
  });
});

test("joins and syncs without end: end when the connection does", async () => {
  const forever = (): Promise<never> => new Promise(() => undefined);
  const { ask, disconnect } = talkTo(
    servicesWith({ classicGroups: { join: forever, sync: forever } }),
  );
  const member = { groupId: "g", generationId: 1, memberId: "m" };
  const joined = ask("joinGroup", 5, asked);
  const synced = ask("syncGroup", 3, { ...member, assignments: [] });
  disconnect();
  expect([(await joined).errorCode, (await synced).errorCode]).toEqual([16, 16]);
});
