import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GroupEvent } from "../../src/group/group-events.ts";
import { GroupMachine } from "../../src/group/group-machine.ts";
import { defaultGroupLimits, type GroupLimits } from "../../src/group/group-context.ts";
import { beat, TopicTable } from "../support/group-world.ts";
import { refusalOf, runOn } from "../support/machine-run.ts";

function newMachine(limits: Partial<GroupLimits> = {}) {
  const topics = new TopicTable();
  topics.set("t", 4);
  topics.set("u", 3);
  const machine = new GroupMachine({
    topics: topics.lookup,
    topicNames: topics.names,
    limits: { ...defaultGroupLimits, ...limits },
  });
  return { topics, machine };
}

function join(
  machine: GroupMachine,
  memberId: string,
  { group = "g", nowMs }: { readonly group?: string; readonly nowMs?: number } = {},
): void {
  const request = beat({ group, memberId, subscribedTopics: ["t"], ownedPartitions: [] });
  runOn(machine, machine.heartbeat(request), nowMs);
}

function leave(machine: GroupMachine, memberId: string, nowMs?: number): void {
  runOn(machine, machine.heartbeat(beat({ memberId, memberEpoch: -1 })), nowMs);
}

interface CommitFields {
  readonly group?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly nowMs?: number;
}

function commit(machine: GroupMachine, fields: CommitFields = {}): void {
  const { group = "g", topic = "t", partition = 0, offset = 1, nowMs } = fields;
  const offsets = [{ topic, partition, offset, metadata: "" }];
  runOn(machine, machine.offsets.commit({ group, memberId: "", memberEpoch: -1, offsets }), nowMs);
}

function byText(left: unknown, right: unknown): number {
  return JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;
}

function stateOf(machine: GroupMachine): unknown {
  return machine
    .list()
    .map(({ group }) => [
      machine.describe(group, () => 0),
      machine.find(group)?.header,
      machine.committedOffsets(group, null),
      [...(machine.find(group)?.pending.entries() ?? [])].sort(byText),
    ]);
}

describe("group machine: groups", () => {
  test("listed by name with state, members and topics read or committed", () => {
    const { machine } = newMachine();
    commit(machine, { group: "z", topic: "u" });
    join(machine, "a");
    const consumer = { kind: "consumer", protocolType: "consumer" };
    const simple = { kind: "classic", protocolType: "" };
    expect(machine.list()).toEqual([
      { group: "g", ...consumer, state: "STABLE", memberCount: 1, topics: ["t"] },
      { group: "z", ...simple, state: "EMPTY", memberCount: 0, topics: ["u"] },
    ]);
  });

  test("described: what each member has and should have", () => {
    const { machine } = newMachine();
    join(machine, "b");
    join(machine, "a");
    const { members, groupEpoch, state } = machine.describe("g", (_, id) => id.length);
    expect([groupEpoch, state]).toEqual([2, "RECONCILING"]);
    expect(members.map(({ memberId }) => memberId)).toEqual(["a", "b"]);
    const [first, second] = members;
    expect(first).toMatchObject({ memberEpoch: 2, assignment: [], lastSeenMs: 1 });
    expect(first?.targetAssignment[0]?.partitions.length).toBe(2);
    expect(second?.assignment[0]?.partitions.length).toBe(4);
    expect(refusalOf(machine, () => ({ events: [], reply: machine.describe("x", () => 0) }))).toBe(
      "GROUP_ID_NOT_FOUND",
    );
  });

  test("deleted: with its offsets, once its members have gone", () => {
    const { machine } = newMachine();
    expect(refusalOf(machine, machine.delete("g"))).toBe("GROUP_ID_NOT_FOUND");
    commit(machine);
    join(machine, "a");
    expect(refusalOf(machine, machine.delete("g"))).toBe("NON_EMPTY_GROUP");
    leave(machine, "a");
    runOn(machine, machine.delete("g"));
    expect(machine.find("g")).toBe(null);
    expect(machine.committedOffsets("g", null)).toEqual([]);
  });

  test("as many as there may be: no new one, by joining or committing; the others go on", () => {
    const { machine } = newMachine({ groupCountMax: 1 });
    join(machine, "a", { group: "one" });
    const request = beat({
      group: "two",
      memberId: "b",
      subscribedTopics: ["t"],
      ownedPartitions: [],
    });
    expect(refusalOf(machine, machine.heartbeat(request))).toBe("POLICY_VIOLATION");
    const offsets = [{ topic: "t", partition: 0, offset: 1, metadata: "" }];
    expect(refusalOf(machine, machine.offsets.alter("two", offsets))).toBe("POLICY_VIOLATION");
    join(machine, "b", { group: "one" });
  });
});

describe("group machine: snapshot", () => {
  const kinds = ["join", "leave", "commit", "delete", "expire", "beat", "txn", "end", "abort"];
  const step = fc.record({
    kind: fc.constantFrom(...kinds),
    group: fc.constantFrom("g", "h"),
    who: fc.constantFrom("a", "b", "c"),
    partition: fc.nat(3),
  });

  function take(
    machine: GroupMachine,
    {
      kind,
      group,
      who,
      partition,
    }: { kind: string; group: string; who: string; partition: number },
  ): readonly GroupEvent[] {
    const member = machine.find(group)?.members.get(who);
    const joining = { subscribedTopics: ["t"], ownedPartitions: [] };
    const owned = [...(member?.assigned ?? [])].map(([topic, partitions]) => ({
      topic,
      partitions,
    }));
    const offsets = [{ topic: "t", partition, offset: partition, metadata: who }];
    const memberEpoch = member?.memberEpoch ?? 0;
    const run = () => {
      if (kind === "join") return machine.heartbeat(beat({ group, memberId: who, ...joining }));
      if (kind === "leave")
        return machine.heartbeat(beat({ group, memberId: who, memberEpoch: -1 }));
      if (kind === "commit")
        return machine.offsets.commit({ group, memberId: who, memberEpoch: -1, offsets });
      if (kind === "delete") return machine.delete(group);
      if (kind === "expire") return machine.offsets.expire(group);
      const producer = { producerId: who.charCodeAt(0), producerEpoch: 0 };
      if (kind === "end" || kind === "abort") {
        return machine.offsets.endTransaction(group, producer, kind === "end");
      }
      if (kind === "txn") {
        return machine.offsets.commitTransactional({
          group,
          ...producer,
          transactionalId: who,
          memberId: "",
          groupInstanceId: null,
          generationIdOrMemberEpoch: -1,
          offsets,
        });
      }
      return machine.heartbeat(beat({ group, memberId: who, memberEpoch, ownedPartitions: owned }));
    };
    const command = run();
    let decided: readonly GroupEvent[] = [];
    refusalOf(machine, (nowMs) => {
      const decision = command(nowMs);
      decided = decision.events;
      return { events: decision.events, reply: null };
    });
    return decided;
  }

  test("with commands between any two of its events: replayed, it gives the live state", () => {
    const history = fc.array(step, { maxLength: 30 });
    const between = fc.array(fc.array(step, { maxLength: 3 }), { maxLength: 30 });
    fc.assert(
      fc.property(history, between, (before, interleaved) => {
        const { machine, topics } = newMachine();
        for (const next of before) take(machine, next);
        const written: GroupEvent[] = [];
        const rest = [...interleaved];
        for (const event of machine.snapshot()) {
          written.push(event);
          for (const next of rest.shift() ?? []) written.push(...take(machine, next));
        }
        for (const steps of rest) for (const next of steps) written.push(...take(machine, next));
        const replayed = new GroupMachine({
          topics: topics.lookup,
          topicNames: topics.names,
          limits: defaultGroupLimits,
        });
        for (const event of written) {
          const { key, value } = machine.encode(event);
          const decoded = replayed.decode(key, value);
          if (decoded !== null) replayed.apply(decoded);
        }
        expect(stateOf(replayed)).toEqual(stateOf(machine));
      }),
      { numRuns: 300 },
    );
  });

  test("a group is deleted while its offsets are being written: it does not come back", () => {
    const { machine } = newMachine();
    for (const partition of [0, 1, 2]) commit(machine, { partition });
    const written: GroupEvent[] = [];
    for (const event of machine.snapshot()) {
      written.push(event);
      if (event.kind !== "offset") continue;
      const { events } = runOn(machine, machine.delete("g"));
      written.push(...events);
    }
    expect(written.map(({ kind }) => kind)).toEqual(["group", "offset", "group"]);
  });

  test("cleared: nothing is left", () => {
    const { machine } = newMachine();
    join(machine, "a");
    commit(machine, { group: "h" });
    machine.clear();
    expect(machine.list()).toEqual([]);
    expect([...machine.snapshot()]).toEqual([]);
  });
});
