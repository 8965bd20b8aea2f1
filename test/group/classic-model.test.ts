// Random clients of the classic protocol that join, sync, commit, leave, die and come back, on a coordinator that
// restarts, with and without its last writes: one leader and one assignment a generation, generations that only grow,
// no call that waits for ever, and in the end a group of exactly those who live.

import fc from "fast-check";
import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { JoinGroupResult } from "../../src/services.ts";
import { ClassicWorld, joinOf, protocol } from "../support/classic-world.ts";
import { settle } from "../support/fake-clock.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

const kinds = [
  "act",
  "act",
  "act",
  "act",
  "act",
  "commit",
  "change",
  "leave",
  "die",
  "abort",
  "hold",
  "crash",
  "wait",
  "wait",
] as const;

interface Step {
  readonly kind: (typeof kinds)[number];
  readonly who: number;
  readonly what: number;
}

const rebalanceTimeoutMs = 20_000;
// A join or sync may wait for one rebalance, and then for a restart and another.
const waitMsMax = 2 * rebalanceTimeoutMs + 1;

/** One member for those who compare: static ones keep their name, dynamic ones have it in their id. */
function nameOf(memberId: string): string {
  return memberId.startsWith("i") ? memberId.slice(0, 2) : memberId;
}

/** What is known of a generation from the answers of joins and syncs. */
interface Known {
  readonly protocolName: string;
  readonly leader: string;
  readonly joined: Set<string>;
  members: readonly string[] | null;
  /** What the leader said, once for each time it did. */
  readonly said: Set<string>;
  /** Which of it members were given. */
  given: string | null;
}

interface Client {
  readonly name: string;
  readonly instanceId: string | null;
  memberId: string;
  joined: JoinGroupResult | null;
  isSynced: boolean;
  topics: readonly string[];
  /** Since when a call of it is under way; null when none is. */
  callSinceMs: number | null;
  signal: AbortController;
  isAlive: boolean;
}

function newClient(index: number): Client {
  const isStatic = index >= 2;
  return {
    name: `${isStatic ? "i" : "c"}${index}`,
    instanceId: isStatic ? `i${index}` : null,
    memberId: "",
    joined: null,
    isSynced: false,
    topics: ["t"],
    callSinceMs: null,
    signal: new AbortController(),
    isAlive: true,
  };
}

class World {
  world: ClassicWorld;
  log: MemoryStateLog;
  readonly clients = Array.from({ length: 4 }, (_, index) => newClient(index));
  readonly generations = new Map<number, Known>();
  #saidCount = 0;

  private constructor(world: ClassicWorld, log: MemoryStateLog) {
    this.world = world;
    this.log = log;
  }

  static async open(): Promise<World> {
    const log = new MemoryStateLog();
    return new World(await ClassicWorld.open({ log, snapshotGrowthBytes: 20_000 }), log);
  }

  async step({ kind, who, what }: Step): Promise<void> {
    const index = who % this.clients.length;
    const client = this.clients[index];
    if (client === undefined) return;
    switch (kind) {
      case "act":
        client.isAlive = true;
        this.act(client);
        break;
      case "commit":
        await this.#commit(client);
        break;
      case "change":
        client.topics = what % 2 === 0 ? ["t"] : ["t", "u"];
        client.joined = null;
        this.act(client);
        break;
      case "leave":
        this.#leave(client);
        break;
      case "die":
        this.clients[index] = { ...newClient(index), isAlive: false };
        break;
      case "abort":
        client.signal.abort();
        break;
      case "hold":
        this.log.autoSync = false;
        break;
      case "crash":
        await this.#crash();
        break;
      case "wait":
        if (what % 3 > 0) this.#release();
        await this.world.clock.run(what * 700);
    }
    await settle(2);
    this.#checkWaits();
  }

  /** What a client does next if it does as it should. */
  act(client: Client): void {
    if (client.callSinceMs !== null || !client.isAlive) return;
    if (client.joined === null) this.#join(client);
    else if (client.isSynced) this.#beat(client, client.joined);
    else this.#sync(client, client.joined);
  }

  /** Everybody lives and does as it should; in the end the group is theirs. */
  async quiet(): Promise<void> {
    this.#release();
    for (let round = 0; round < 40; round++) {
      for (const client of this.clients) {
        client.isAlive = true;
        this.act(client);
      }
      await this.world.clock.run(3_000);
      this.#checkWaits();
    }
    const { state, members } = await this.world.classic.describe("g");
    expect(state).toBe("Stable");
    const ids = this.clients.map(({ memberId }) => memberId);
    expect(members.map(({ memberId }) => memberId).sort()).toEqual([...ids].sort());
    const generations = new Set(this.clients.map(({ joined }) => joined?.generationId));
    expect(generations.size).toBe(1);
  }

  #join(client: Client): void {
    const { memberId, instanceId, topics } = client;
    if (client.signal.signal.aborted) client.signal = new AbortController();
    this.#call(client, async () => {
      const joined = await this.world.classic.join(
        joinOf({
          memberId,
          groupInstanceId: instanceId,
          clientId: client.name,
          protocols: [protocol("range", topics), protocol("roundrobin", topics)],
          sessionTimeoutMs: 6_000,
          rebalanceTimeoutMs,
          requiresKnownMemberId: client.name === "c0",
          signal: client.signal.signal,
        }),
      );
      this.#checkJoined(joined);
      Object.assign(client, { joined, memberId: joined.memberId, isSynced: false });
    });
  }

  #sync(client: Client, joined: JoinGroupResult): void {
    const { generationId, memberId, protocolName, protocolType } = joined;
    const said = String(this.#saidCount++);
    const isLeader = joined.leader === memberId && !joined.skipAssignment;
    if (isLeader) this.generations.get(generationId)?.said.add(said);
    const assignments = joined.members.map((member) => ({
      memberId: member.memberId,
      assignment: Buffer.from(`${generationId} ${nameOf(member.memberId)} ${said}`),
    }));
    const groupInstanceId = client.instanceId;
    this.#call(client, async () => {
      const { assignment } = await this.world.classic.sync({
        group: "g",
        generationId,
        memberId,
        groupInstanceId,
        protocolType,
        protocolName,
        assignments: isLeader ? assignments : [],
      });
      this.#checkSynced(joined, Buffer.from(assignment).toString());
      client.isSynced = true;
    });
  }

  #beat(client: Client, { generationId, memberId }: JoinGroupResult): void {
    const groupInstanceId = client.instanceId;
    this.#call(client, () =>
      this.world.classic.heartbeat({ group: "g", generationId, memberId, groupInstanceId }),
    );
  }

  #leave(client: Client): void {
    if (client.memberId === "") return;
    const { memberId, instanceId: groupInstanceId } = client;
    void this.world.classic.leave("g", [{ memberId, groupInstanceId }]).catch(() => undefined);
    Object.assign(client, { memberId: "", joined: null });
  }

  /** Runs a call and draws from its error what a client must. */
  #call(client: Client, call: () => Promise<void>): void {
    client.callSinceMs = this.world.clock.monotonicMs();
    call().then(
      () => {
        client.callSinceMs = null;
      },
      (error: unknown) => {
        client.callSinceMs = null;
        client.joined = null;
        if (!(error instanceof LogError)) this.#faults.push(error);
        else if (error.code === "MEMBER_ID_REQUIRED")
          client.memberId = String(error.facts["memberId"]);
        else if (error.code === "UNKNOWN_MEMBER_ID" || error.code === "FENCED_INSTANCE_ID")
          client.memberId = "";
        else if (!passing.includes(error.code)) this.#faults.push(error);
      },
    );
  }

  /** What no client should see; thrown by the next check. */
  readonly #faults: unknown[] = [];

  #checkJoined(joined: JoinGroupResult): void {
    const { generationId, leader, protocolName, memberId } = joined;
    const known = this.generations.get(generationId) ?? {
      protocolName,
      leader: nameOf(leader),
      joined: new Set<string>(),
      members: null,
      said: new Set<string>(),
      given: null,
    };
    if (!this.generations.has(generationId)) {
      const latest = Math.max(0, ...this.generations.keys());
      expect(generationId, "generations grow").toBeGreaterThan(latest);
      this.generations.set(generationId, known);
    }
    expect([nameOf(leader), protocolName]).toEqual([known.leader, known.protocolName]);
    expect(joined.members.length > 0, "who leads is told everybody").toBe(leader === memberId);
    known.joined.add(nameOf(memberId));
    if (joined.members.length > 0)
      known.members = joined.members.map((one) => nameOf(one.memberId));
    for (const name of known.members === null ? [] : known.joined) {
      expect(known.members).toContain(name);
    }
  }

  #checkSynced({ generationId, memberId }: JoinGroupResult, assignment: string): void {
    const known = this.generations.get(generationId);
    const [generation, name, said = ""] = assignment.split(" ");
    expect([generation, name]).toEqual([String(generationId), nameOf(memberId)]);
    expect(known?.said).toContain(said);
    if (known === undefined) return;
    known.given ??= said;
    expect(said, "one assignment a generation").toBe(known.given);
  }

  #checkWaits(): void {
    for (const fault of this.#faults) throw fault;
    if (!this.log.autoSync) return;
    for (const { callSinceMs } of this.clients) {
      if (callSinceMs === null) continue;
      expect(this.world.clock.monotonicMs() - callSinceMs).toBeLessThanOrEqual(waitMsMax);
    }
  }

  /** A commit is taken just from members of the present generation that have, or had, an assignment. */
  async #commit(client: Client): Promise<void> {
    const { joined, instanceId } = client;
    if (joined === null || !this.log.autoSync) return;
    const { groups } = this.world.opened;
    const described = groups.describe("g").catch(() => null);
    const committed = groups
      .commitOffsets({
        group: "g",
        memberId: joined.memberId,
        instanceId,
        memberEpoch: joined.generationId,
        offsets: [{ topic: "t", partition: 0, offset: 1, metadata: "" }],
        allOrNone: false,
      })
      .then(
        () => "ok",
        (error: unknown) => (error instanceof LogError ? error.code : String(error)),
      );
    const group = await described;
    const code = await committed;
    const holder = group?.members.find(
      (one) => one.instanceId === instanceId && instanceId !== null,
    );
    if (holder !== undefined && holder.memberId !== joined.memberId) {
      expect(code).toBe("FENCED_INSTANCE_ID");
    } else if (!group?.members.some(({ memberId }) => memberId === joined.memberId)) {
      expect(code).toBe("UNKNOWN_MEMBER_ID");
    } else if (group.groupEpoch !== joined.generationId) {
      expect(code).toBe("ILLEGAL_GENERATION");
    } else {
      const isBetween = group.state === "COMPLETING_REBALANCE";
      expect(code).toBe(isBetween ? "REBALANCE_IN_PROGRESS" : "ok");
    }
  }

  #release(): void {
    this.log.autoSync = true;
    this.log.sync();
  }

  /** The process dies and starts again; what was not durable is lost, and nobody has heard of it. */
  async #crash(): Promise<void> {
    const { clock, opened } = this.world;
    const survivor = this.log.afterCrash();
    this.log.fail(new LogError("KAFKA_STORAGE_ERROR", "power is gone"));
    await opened.groups.close();
    await settle(2);
    this.log = survivor;
    const { topics } = opened;
    this.world = await ClassicWorld.open({
      log: survivor,
      clock,
      topics,
      snapshotGrowthBytes: 20_000,
    });
  }
}

/** Errors after which a client just joins again. */
const passing: readonly string[] = [
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
];

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...kinds),
  who: fc.nat(3),
  what: fc.nat(20),
});

test("classic groups: random clients agree on each generation, and find each other", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const world = await World.open();
      for (const next of steps) await world.step(next);
      await world.quiet();
      await world.world.opened.groups.close();
    }),
    { numRuns: 40 },
  );
});
