import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { defaultKafkaLimits } from "../../../src/doors/kafka/kafka-limits.ts";
import { ShareSessions, shareSessionsOver } from "../../../src/doors/kafka/share-sessions.ts";
import { settle } from "../../support/fake-clock.ts";

const member = { group: "g", memberId: "m" };
const place = (partition: number, topicId = "t") => ({ topicId, partition });
const places = (count: number) => Array.from({ length: count }, (_, index) => place(index));
const none = { added: [], removed: [] };

function codeOf(work: () => unknown): string {
  try {
    work();
    return "ok";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function make({ sessionsMax = 10, partitionsMax = 100 } = {}) {
  const released: string[] = [];
  const warnings: string[] = [];
  const state = { failure: null as Error | null };
  const sessions = new ShareSessions({
    sessionsMax,
    partitionsMax,
    release: async (group, memberId) => {
      released.push(`${group} ${memberId}`);
      if (state.failure !== null) throw state.failure;
    },
    logger: { ...silentLogger, warn: (_facts, message) => warnings.push(message) },
  });
  const connection = new AbortController();
  const open = (who = member, added = places(1)) => sessions.open(who, added, connection);
  return { sessions, connection, open, released, warnings, state };
}

describe("epochs", () => {
  test("one after the other; a refused one changes nothing", () => {
    const { sessions, open } = make();
    expect(codeOf(() => sessions.next(member, 1, none))).toBe("SHARE_SESSION_NOT_FOUND");
    const session = open();
    for (const epoch of [0, 2, -1]) {
      const changes = { added: places(5), removed: [] };
      const refused = codeOf(() => sessions.next(member, epoch, changes));
      expect(refused).toBe("INVALID_SHARE_SESSION_EPOCH");
    }
    expect([...session.partitions()]).toEqual(places(1));
    expect(sessions.next(member, 1, none)).toBe(session);
    expect(codeOf(() => sessions.next(member, 1, none))).toBe("INVALID_SHARE_SESSION_EPOCH");
    expect(sessions.next(member, 2, none)).toBe(session);
  });

  test("sessions are of a member in a group, whatever the names are made of", () => {
    const { sessions, open } = make();
    open({ group: "b", memberId: "a" });
    open({ group: "2 a b", memberId: "x" });
    for (const other of [
      { group: "a", memberId: "b" },
      { group: "a b", memberId: "" },
      { group: "b", memberId: "x" },
    ]) {
      expect(codeOf(() => sessions.next(other, 1, none))).toBe("SHARE_SESSION_NOT_FOUND");
    }
    expect(sessions.size).toBe(2);
  });
});

describe("partitions", () => {
  test("added once, removed once, in the order they came", () => {
    const { sessions, open } = make();
    const session = open(member, [place(1), place(0), place(1), place(0, "u")]);
    expect([...session.partitions()]).toEqual([place(1), place(0), place(0, "u")]);
    const changes = { added: [place(2)], removed: [place(1), place(9), place(0, "u")] };
    sessions.next(member, 1, changes);
    expect([...session.partitions()]).toEqual([place(0), place(2)]);
  });

  test("what is forgotten and asked for in one request stays", () => {
    const { sessions, open } = make();
    const session = open();
    sessions.next(member, 1, { added: [place(0)], removed: [place(0)] });
    expect([...session.partitions()]).toEqual([place(0)]);
  });
});

describe("ends", () => {
  test("closed: it is gone and its member keeps what it holds", () => {
    const { sessions, connection, open, released } = make();
    const session = open();
    expect(session.isOpen).toBe(true);
    expect(sessions.close(member)).toBe(session);
    expect([session.isOpen, sessions.size]).toEqual([false, 0]);
    expect(codeOf(() => sessions.close(member))).toBe("SHARE_SESSION_NOT_FOUND");
    connection.abort();
    expect(released).toEqual([]);
  });

  test("the connection ends: what its members hold is released, of nobody else", () => {
    const { sessions, connection, open, released } = make();
    const session = open();
    open({ ...member, memberId: "n" });
    const other = new AbortController();
    sessions.open({ ...member, memberId: "o" }, [], other);
    connection.abort();
    expect(released).toEqual(["g m", "g n"]);
    expect([session.isOpen, sessions.size]).toEqual([false, 1]);
  });

  test("a connection that has ended already holds no session", () => {
    const { sessions, connection, open, released } = make();
    connection.abort();
    expect(open().isOpen).toBe(false);
    expect([released, sessions.size]).toEqual([["g m"], 0]);
  });

  test("one that took another's place outlives the other's connection", () => {
    const { sessions, connection, open, released } = make();
    const first = open();
    const second = sessions.open(member, [], new AbortController());
    expect([first.isOpen, second.isOpen]).toEqual([false, true]);
    connection.abort();
    sessions.end(first);
    expect([second.isOpen, sessions.size, released]).toEqual([true, 1, []]);
    sessions.end(second);
    expect([second.isOpen, sessions.size]).toEqual([false, 0]);
  });

  test("a release that fails is logged", async () => {
    const { connection, open, warnings, state } = make();
    state.failure = new Error("no disk");
    open();
    connection.abort();
    await settle();
    expect(warnings).toHaveLength(1);
  });
});

describe("bounds", () => {
  test("of sessions: those that are there go on and may begin anew", () => {
    const { sessions, open } = make({ sessionsMax: 1 });
    open();
    const other = { ...member, memberId: "n" };
    expect(codeOf(() => open(other))).toBe("SHARE_SESSION_LIMIT_REACHED");
    open();
    sessions.next(member, 1, none);
    sessions.close(member);
    expect(codeOf(() => open(other))).toBe("ok");
  });

  test("of partitions: of all sessions together, and free again when one ends", () => {
    const { sessions, open } = make({ partitionsMax: 4 });
    open(member, places(3));
    const other = { ...member, memberId: "n" };
    expect(codeOf(() => open(other, places(2)))).toBe("SHARE_SESSION_LIMIT_REACHED");
    open(other, places(1));
    const more = { added: [place(8)], removed: [] };
    expect(codeOf(() => sessions.next(member, 1, more))).toBe("SHARE_SESSION_LIMIT_REACHED");
    sessions.next(member, 1, { added: [place(8)], removed: [place(0)] });
    sessions.close(other);
    sessions.next(member, 2, { added: [place(9)], removed: [] });
    sessions.close(member);
    expect(codeOf(() => open(other, places(4)))).toBe("ok");
  });
});

test("of a door: within its limits, over its services", async () => {
  const released: string[] = [];
  const releaseAll = async (group: string, memberId: string) => {
    released.push(`${group} ${memberId}`);
  };
  const limits = { ...defaultKafkaLimits, shareSessionsMax: 0 };
  const closed = shareSessionsOver({ releaseAll }, { limits, logger: silentLogger });
  const connection = new AbortController();
  expect(codeOf(() => closed.open(member, [], connection))).toBe("SHARE_SESSION_LIMIT_REACHED");
  const usual = { limits: defaultKafkaLimits, logger: silentLogger };
  shareSessionsOver({ releaseAll }, usual).open(member, [], connection);
  connection.abort();
  expect(released).toEqual(["g m"]);
});
