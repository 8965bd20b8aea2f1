import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { GroupServicesOver } from "../../src/group/group-services.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { beat, codeOf, GroupClient, namesOf, openGroups } from "../support/group-world.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

const offsets = [{ topic: "t", partition: 0, offset: 5, metadata: "m" }];
const anonymous = { group: "g", memberId: "", memberEpoch: -1 };

async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = "waiting";
  void codeOf(promise).then((code) => (state = code));
  await settle();
  return state;
}

async function openOn(log = new MemoryStateLog()) {
  const opened = await openGroups({ log });
  const client = (memberId: string): GroupClient => new GroupClient(memberId, () => opened.groups);
  return { ...opened, log, client };
}

describe("group services: members", () => {
  test("a member without a name: is given one", async () => {
    const { groups } = await openOn();
    const request = beat({ memberId: "", subscribedTopics: ["t"], ownedPartitions: [] });
    const { memberId, assignment } = await groups.heartbeat(request);
    expect(memberId).toMatch(/^[0-9a-f-]{36}$/);
    expect(namesOf(assignment ?? []).length).toBe(4);
    const other = await groups.heartbeat(request);
    expect(other.memberId).not.toBe(memberId);
    expect(await codeOf(groups.heartbeat({ ...request, memberEpoch: 3 }))).toBe("INVALID_GROUP_ID");
  });

  test("nothing is answered before it is durable, queries included", async () => {
    const { groups, log } = await openOn();
    log.autoSync = false;
    const joined = groups.heartbeat(
      beat({ memberId: "a", subscribedTopics: ["t"], ownedPartitions: [] }),
    );
    const described = groups.describe("g");
    const listed = groups.list();
    expect(await stateOf(Promise.race([joined, described, listed]))).toBe("waiting");
    log.sync();
    expect((await described).members.length).toBe(1);
    expect((await joined).memberEpoch).toBe(1);
  });
});

describe("group services: waiting for a change", () => {
  test("another member joins: wakes who has to give up, then who can take over", async () => {
    const { groups, client } = await openOn();
    const [a, b] = [client("a"), client("b")];
    const { signal } = new AbortController();
    await a.join({ subscribedTopics: ["t"] });
    const first = groups.assignmentChanged("g", "a", signal);
    expect(await stateOf(first)).toBe("waiting");
    await b.join({ subscribedTopics: ["t"] });
    expect(await stateOf(first)).toBe("ok");
    await a.heartbeat();
    const [again, second] = ["a", "b"].map((id) => groups.assignmentChanged("g", id, signal));
    expect(await stateOf(Promise.race([again, second]))).toBe("waiting");
    a.letGo();
    await a.heartbeat();
    expect(await stateOf(second ?? Promise.reject(new Error()))).toBe("ok");
    await b.heartbeat();
    expect([...a.reading, ...b.reading].length).toBe(4);
    expect(groups.waiterCount).toBe(1);
  });

  test("the member is removed, or all is closed: wakes", async () => {
    const { groups, client } = await openOn();
    const { signal } = new AbortController();
    for (const id of ["a", "b"]) await client(id).join({ subscribedTopics: [] });
    const removed = groups.assignmentChanged("g", "a", signal);
    const closed = groups.assignmentChanged("g", "b", signal);
    await client("a").leave();
    expect(await stateOf(removed)).toBe("ok");
    expect(await stateOf(closed)).toBe("waiting");
    await groups.close();
    expect(await stateOf(closed)).toBe("ok");
    expect(await stateOf(groups.assignmentChanged("g", "b", signal))).toBe("ok");
    expect(groups.waiterCount).toBe(0);
  });
});

describe("group services: transactions", () => {
  const producer = { producerId: 7, producerEpoch: 1 };
  const places = [{ topic: "t", partition: 0 }];
  const stable = { member: null, requireStable: true };

  function pend(groups: GroupServicesOver) {
    const naming = { transactionalId: "tx", ...producer, memberId: "", groupInstanceId: null };
    return groups.commitTransactional({
      group: "g",
      ...naming,
      generationIdOrMemberEpoch: -1,
      offsets,
    });
  }

  test("pending over a restart: settled after it, and answered when durable", async () => {
    const { groups, log, topics, clock } = await openOn();
    expect(await pend(groups)).toEqual([{ topic: "t", partition: 0, error: null }]);
    await groups.close();
    const survivor = log.afterCrash();
    const { groups: again } = await openGroups({ log: survivor, topics, clock });
    expect((await again.committedOffsets("g", places, stable))[0]?.error).toBe(
      "UNSTABLE_OFFSET_COMMIT",
    );
    survivor.autoSync = false;
    const ended = again.endTransaction("g", producer, true);
    expect(await stateOf(ended)).toBe("waiting");
    survivor.sync();
    await ended;
    expect(await again.committedOffsets("g", places, stable)).toMatchObject([
      { offset: 5, metadata: "m", error: null },
    ]);
  });

  test("its topic was made anew while the server was down: nothing is left to commit", async () => {
    const { groups, log, topics, clock } = await openOn();
    await pend(groups);
    await groups.close();
    topics.topics.delete("t");
    topics.set("t", 4);
    const { groups: again } = await openGroups({ log: log.afterCrash(), topics, clock });
    await settle();
    await again.endTransaction("g", producer, true);
    expect(await again.committedOffsets("g", null, stable)).toEqual([]);
  });
});

describe("group services: static members", () => {
  test("away: reserved for its session time from when it left, restarts included", async () => {
    const { groups, log, topics, clock, client } = await openOn();
    const a = client("a1");
    a.instanceId = "a";
    await a.join({ subscribedTopics: ["t"], sessionTimeoutMs: 1000 });
    await clock.run(900);
    await a.leave(-2);
    await clock.run(900);
    await groups.close();
    const { groups: again } = await openGroups({ log: log.afterCrash(), topics, clock });
    await clock.run(900);
    const members = async () => (await again.describe("g")).members.map(({ memberId }) => memberId);
    expect(await members()).toEqual(["a1"]);
    await clock.run(101);
    expect(await members()).toEqual([]);
  });
});

describe("group services: topics by regular expressions", () => {
  test("made and deleted: those that match are read, from the next heartbeat on", async () => {
    const { groups, topics, client } = await openOn();
    const a = client("a");
    await a.join({ subscribedTopics: [], subscribedTopicRegex: "u.*" });
    expect(a.reading.size).toBe(0);
    const news = groups.assignmentChanged("g", "a", new AbortController().signal);
    topics.set("other", 1);
    groups.topicChanged("other");
    expect(await stateOf(news)).toBe("waiting");
    topics.set("u1", 2);
    groups.topicChanged("u1");
    expect(await stateOf(news)).toBe("ok");
    await a.heartbeat();
    expect([...a.reading].sort()).toEqual(["u1-0", "u1-1"]);
    expect((await groups.list())[0]?.topics).toEqual(["u1"]);
    await groups.commitOffsets({
      group: "g",
      memberId: "a",
      memberEpoch: a.epoch,
      offsets: [{ topic: "u1", partition: 0, offset: 1, metadata: "" }],
    });
    const [deleted] = await groups.deleteOffsets("g", [{ topic: "u1", partition: 0 }]);
    expect(deleted?.error).toBe("GROUP_SUBSCRIBED_TO_TOPIC");
    const topicId = topics.lookup("u1")?.topicId ?? "";
    topics.topics.delete("u1");
    groups.topicDeleted("u1", topicId);
    await a.heartbeat();
    a.letGo();
    await a.heartbeat();
    expect(a.reading.size).toBe(0);
    const bad = a.join({ subscribedTopicRegex: "(" });
    expect(await codeOf(bad)).toBe("INVALID_REGULAR_EXPRESSION");
  });
});

describe("group services: topics", () => {
  test("made, widened, deleted: readers get a new target, commits of what is gone go", async () => {
    const { groups, topics, client } = await openOn();
    const a = client("a");
    await a.join({ subscribedTopics: ["t", "u"] });
    await groups.commitOffsets({ group: "g", memberId: "a", memberEpoch: 1, offsets });
    topics.set("u", 2);
    groups.topicChanged("u");
    await a.heartbeat();
    expect([...a.reading].sort()).toEqual(["t-0", "t-1", "t-2", "t-3", "u-0", "u-1"]);
    const topicId = topics.lookup("t")?.topicId ?? "";
    topics.topics.delete("t");
    groups.topicDeleted("t", topicId);
    await a.heartbeat();
    a.letGo();
    await a.heartbeat();
    expect([...a.reading].sort()).toEqual(["u-0", "u-1"]);
    expect(await groups.committedOffsets("g", null)).toEqual([]);
  });

  test("changed while the server was down: made good at the start", async () => {
    const { groups, topics, log, client, clock } = await openOn();
    await client("a").join({ subscribedTopics: ["t"] });
    await groups.commitOffsets({ ...anonymous, group: "h", offsets });
    await groups.close();
    topics.topics.delete("t");
    topics.set("t", 6);
    const again = await openGroups({ log: log.afterCrash(), topics, clock });
    await settle();
    expect(await again.groups.committedOffsets("h", null)).toEqual([]);
    const { members } = await again.groups.describe("g");
    expect(namesOf(members[0]?.targetAssignment ?? []).length).toBe(6);
  });

  test("no room to write it down: done as soon as there is", async () => {
    const { groups, topics, log, clock, client } = await openOn();
    const a = client("a");
    await a.join({ subscribedTopics: ["t"] });
    log.refusal = new LogError("SERVER_OVERLOADED", "full");
    topics.set("t", 5);
    groups.topicChanged("t");
    await settle();
    log.refusal = null;
    await clock.run(2500);
    await a.heartbeat();
    expect(a.reading.size).toBe(5);
  });
});

describe("group services: failures", () => {
  test("no room: what was not kept is undone; members stay, waiters look again", async () => {
    const { groups, log, clock, client } = await openOn();
    const a = client("a");
    await a.join({ subscribedTopics: ["t"], sessionTimeoutMs: 1000 });
    const parked = groups.assignmentChanged("g", "a", new AbortController().signal);
    log.autoSync = false;
    const lost = [
      groups.commitOffsets({ group: "g", memberId: "a", memberEpoch: 1, offsets }),
      client("b").join({ subscribedTopics: ["t"] }),
    ].map(codeOf);
    log.fail(new LogError("DISK_FULL", "no room"));
    expect(await Promise.all(lost)).toEqual(["DISK_FULL", "DISK_FULL"]);
    await settle();
    expect(await stateOf(parked)).toBe("ok");
    log.autoSync = true;
    expect(groups.state).toBe("ready");
    expect(await groups.committedOffsets("g", null)).toEqual([]);
    expect((await groups.describe("g")).members.map(({ memberId }) => memberId)).toEqual(["a"]);
    expect((await a.heartbeat()).assignment).toBe(null);
    await clock.run(1001);
    expect((await groups.describe("g")).members).toEqual([]);
  });

  test("the disk failed: refused from then on; closing still ends", async () => {
    const { groups, log } = await openOn();
    log.autoSync = false;
    const commit = codeOf(groups.commitOffsets({ ...anonymous, offsets }));
    log.fail(new LogError("KAFKA_STORAGE_ERROR", "sync failed"));
    expect(await commit).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(await codeOf(groups.list())).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(groups.state).toBe("failed");
    await groups.close();
  });
});

describe("group services: upkeep", () => {
  test("lapsed offsets: forgotten in time, with the group", async () => {
    const { groups, clock } = await openOn();
    await groups.commitOffsets({ ...anonymous, offsets });
    await clock.run(7 * 86_400_000 - 1_000);
    expect((await groups.committedOffsets("g", null)).length).toBe(1);
    await clock.run(2 * 600_000 + 1_000);
    expect(await groups.committedOffsets("g", null)).toEqual([]);
    expect(await groups.list()).toEqual([]);
    await groups.close();
    expect(clock.timerCount).toBe(0);
  });

  test("a hundred thousand commits: the log stays small and holds the last of each", async () => {
    const log = new MemoryStateLog();
    const { groups, topics } = await openGroups({ log, snapshotGrowthBytes: 200_000 });
    topics.set("wide", 10);
    let largest = 0;
    for (let round = 0; round < 100; round++) {
      const commits = Array.from({ length: 100 }, (_, turn) => {
        const many = Array.from({ length: 10 }, (__, index) => {
          const offset = round * 1000 + turn * 10 + index;
          return { topic: "wide", partition: index, offset, metadata: "" };
        });
        return groups.commitOffsets({ ...anonymous, offsets: many });
      });
      await Promise.all(commits);
      largest = Math.max(largest, log.sizeBytes);
    }
    expect(largest).toBeLessThan(700_000);
    expect(log.trimCount).toBeGreaterThan(20);
    const last = await groups.committedOffsets("g", null);
    expect(last.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 10 }, (_, index) => 99_990 + index),
    );
    await groups.close();
    const again = await openGroups({ log: log.afterCrash(), topics, clock: new FakeClock() });
    expect(await again.groups.committedOffsets("g", null)).toEqual(last);
  });
});
