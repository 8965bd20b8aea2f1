// Random clients on random topics, with lost answers, silence and restarts: a partition is never read by two at once,
// and once all is quiet every partition is read, evenly, by somebody who wants it.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { GroupServicesOver } from "../../src/group/group-services.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { codeOf, GroupClient, namesOf, openGroups, TopicTable } from "../support/group-world.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

const kinds = [
  "join",
  "beat",
  "beat",
  "beat",
  "lost",
  "letGo",
  "letGo",
  "leave",
  "pause",
  "crash",
  "topic",
  "deleteTopic",
  "commit",
  "wait",
] as const;

interface Step {
  readonly kind: (typeof kinds)[number];
  readonly who: number;
  readonly what: number;
}

const topicNames = ["t0", "t1", "t2"];
const wishes = [
  { subscribedTopics: ["t0"], subscribedTopicRegex: "" },
  { subscribedTopics: ["t0", "t1"], subscribedTopicRegex: "" },
  { subscribedTopics: ["t0", "t1", "t2"], subscribedTopicRegex: "" },
  { subscribedTopics: ["t2"], subscribedTopicRegex: "" },
  { subscribedTopics: [], subscribedTopicRegex: ".*[02]" },
  { subscribedTopics: ["t0"], subscribedTopicRegex: "t[1-9]" },
];
const sessionTimeoutMs = 10_000;
const rebalanceTimeoutMs = 30_000;

class World {
  readonly clock = new FakeClock();
  readonly topics = new TopicTable();
  /** The first two are static members. */
  readonly clients = Array.from({ length: 4 }, (_, index) => {
    const client = new GroupClient(`m${index}`, () => this.groups);
    client.instanceId = index < 2 ? `i${index}` : null;
    return client;
  });
  /** Static clients that have left for a moment. */
  readonly away = new Set<GroupClient>();
  #joinCount = 0;
  /** Clients that believe to be members. */
  readonly joined = new Set<GroupClient>();
  readonly #epochs = new Map<string, number>();
  #groupEpoch = 0;
  log = new MemoryStateLog();
  groups: GroupServicesOver;

  private constructor(groups: GroupServicesOver) {
    this.groups = groups;
  }

  static async open(): Promise<World> {
    const topics = new TopicTable();
    const { groups, log, clock } = await openGroups({ topics });
    const world = new World(groups);
    Object.assign(world, { topics, log, clock });
    return world;
  }

  async step({ kind, who, what }: Step): Promise<void> {
    const client = this.clients[who];
    if (client === undefined) return;
    switch (kind) {
      case "join":
        await this.#join(client, what);
        break;
      case "beat":
      case "lost":
        if (this.joined.has(client)) await this.#beat(client, kind === "lost");
        break;
      case "letGo":
        client.letGo();
        break;
      case "leave":
        if (this.joined.delete(client)) await codeOf(client.leave());
        client.reading.clear();
        break;
      case "pause":
        if (client.instanceId === null || !this.joined.delete(client)) break;
        this.away.add(client);
        await codeOf(client.leave(-2));
        break;
      case "crash":
        await this.#crash();
        break;
      case "topic": {
        const name = topicNames[what % 3] ?? "";
        const before = this.topics.lookup(name)?.partitionCount ?? 0;
        this.topics.set(name, before + 1 + (what % 4));
        this.groups.topicChanged(name);
        break;
      }
      case "deleteTopic":
        this.#deleteTopic(topicNames[what % 3] ?? "");
        break;
      case "commit":
        await this.#commit(client);
        break;
      case "wait":
        await this.#wait(what * 1_500);
    }
  }

  /** Nobody has in hand what another, still known to the group, has in hand; epochs only grow. */
  async check(): Promise<void> {
    const readers = new Map<string, string>();
    const description = await this.groups.describe("g").catch(() => null);
    const known = new Map(description?.members.map((member) => [member.memberId, member]));
    for (const client of this.joined) {
      if (!known.has(client.memberId)) continue;
      for (const name of client.reading) {
        expect(readers.get(name), `${name} is read by two`).toBe(undefined);
        readers.set(name, client.memberId);
      }
    }
    for (const [memberId, epoch] of this.#epochs) {
      const member = known.get(memberId);
      if (member === undefined || member.memberEpoch === -2) this.#epochs.delete(memberId);
      else expect(member.memberEpoch).toBeGreaterThanOrEqual(epoch);
    }
    for (const [memberId, { memberEpoch }] of known) this.#epochs.set(memberId, memberEpoch);
    const groupEpoch = description?.groupEpoch ?? 0;
    expect(groupEpoch).toBeGreaterThanOrEqual(this.#groupEpoch);
    this.#groupEpoch = groupEpoch;
  }

  /** Everybody does what it should until nothing changes any more. */
  async quiet(): Promise<void> {
    for (const client of this.away) await this.#rejoin(client);
    for (let round = 0; round < 12; round++) {
      for (const client of this.joined) {
        client.letGo();
        await this.#beat(client, false);
        await this.check();
      }
    }
    if (this.joined.size === 0) return;
    const sizeBefore = this.log.events.length;
    for (const client of this.joined) expect((await client.heartbeat()).assignment).toBe(null);
    expect(this.log.events.length, "heartbeats without news write nothing").toBe(sizeBefore);
    const description = await this.groups.describe("g");
    // Silent clients that never left are still members until their time is up.
    expect(description.members.length).toBe(this.joined.size);
    expect(description.state).toBe("STABLE");
    const wanted = new Set([...this.joined].flatMap(wantedBy));
    const all = [...this.topics.topics]
      .filter(([name]) => wanted.has(name))
      .flatMap(([topic, { partitionCount }]) => {
        return namesOf([
          { topic, partitions: Array.from({ length: partitionCount }, (_, i) => i) },
        ]);
      });
    const read = [...this.joined].flatMap((client) => [...client.reading]);
    expect(read.sort()).toEqual(all.sort());
    const isHomogeneous = new Set([...this.joined].map((client) => `${wantedBy(client)}`));
    if (isHomogeneous.size === 1) {
      const counts = [...this.joined].map((client) => client.reading.size);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    const nobody = new AbortController();
    let woken = 0;
    for (const { memberId } of this.joined) {
      void this.groups.assignmentChanged("g", memberId, nobody.signal).then(() => woken++);
    }
    await settle();
    expect(woken).toBe(0);
    nobody.abort();
    await settle();
    expect(this.groups.waiterCount).toBe(0);
  }

  async #join(client: GroupClient, what: number): Promise<void> {
    await this.#rejoin(client, wishes[what % wishes.length]);
  }

  /** A static client that was away comes back under a new member id, mostly. */
  async #rejoin(client: GroupClient, wish: (typeof wishes)[number] | null = null): Promise<void> {
    const isBack = this.away.delete(client);
    if (isBack && this.#joinCount++ % 4 > 0) client.memberId += "'";
    await client.join({ ...wish, sessionTimeoutMs, rebalanceTimeoutMs });
    this.joined.add(client);
  }

  async #beat(client: GroupClient, isLost: boolean): Promise<void> {
    const code = await codeOf(client.heartbeat(isLost));
    if (code === "ok") return;
    expect(["UNKNOWN_MEMBER_ID", "FENCED_MEMBER_EPOCH"]).toContain(code);
    await client.join({ sessionTimeoutMs, rebalanceTimeoutMs });
  }

  async #crash(): Promise<void> {
    const before = await this.#state(this.groups);
    this.log = this.log.afterCrash();
    const { log, topics, clock } = this;
    await this.groups.close();
    this.groups = (await openGroups({ log, topics, clock })).groups;
    expect(await this.#state(this.groups)).toEqual(before);
  }

  async #state(groups: GroupServicesOver): Promise<unknown> {
    const description = await groups.describe("g").catch(() => null);
    const members = description?.members.map((member) => ({ ...member, lastSeenMs: 0 }));
    return [
      description === null ? null : { ...description, members },
      await groups.list(),
      await groups.committedOffsets("g", null),
    ];
  }

  #deleteTopic(name: string): void {
    const topicId = this.topics.lookup(name)?.topicId;
    if (topicId === undefined) return;
    this.topics.topics.delete(name);
    this.groups.topicDeleted(name, topicId);
  }

  async #commit(client: GroupClient): Promise<void> {
    const description = await this.groups.describe("g").catch(() => null);
    const member = description?.members.find(({ memberId }) => memberId === client.memberId);
    const [own] = client.owned();
    const isThere = this.topics.lookup(own?.topic ?? "")?.partitionCount ?? 0;
    const [partition] = own?.partitions ?? [];
    if (own === undefined || partition === undefined || partition >= isThere) return;
    const code = await codeOf(
      this.groups.commitOffsets({
        group: "g",
        memberId: client.memberId,
        memberEpoch: client.epoch,
        offsets: [{ topic: own.topic, partition, offset: 7, metadata: "" }],
      }),
    );
    if (!this.joined.has(client) || member === undefined) expect(code).toBe("FENCED_MEMBER_EPOCH");
    else expect(code).toBe(member.memberEpoch === client.epoch ? "ok" : "STALE_MEMBER_EPOCH");
  }

  /** Time passes; a client that finds itself out of time stops reading, as it must. */
  async #wait(ms: number): Promise<void> {
    await this.clock.run(ms);
    const description = await this.groups.describe("g").catch(() => null);
    const known = new Set(description?.members.map(({ memberId }) => memberId));
    for (const client of this.joined) if (!known.has(client.memberId)) client.reading.clear();
  }
}

function wantedBy({ subscribedTopics, subscribedTopicRegex: regex }: GroupClient): string[] {
  const wanted = (name: string): boolean => {
    return subscribedTopics.includes(name) || new RegExp(`^(?:${regex})$`).test(name);
  };
  return topicNames.filter(wanted);
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...kinds),
  who: fc.nat(3),
  what: fc.nat(11),
});

test("groups: random clients: one reader a partition; when quiet all are read", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const world = await World.open();
      for (const next of steps) {
        await world.step(next);
        await world.check();
      }
      await world.quiet();
      await world.groups.close();
    }),
    { numRuns: 150 },
  );
});
