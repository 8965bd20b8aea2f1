// Consumer groups on a log in memory and a clock that stands still, and the clients that use them.

import { LogError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { StateLog } from "../../src/coordinator/state-log.ts";
import { GroupServicesOver } from "../../src/group/group-services.ts";
import { defaultGroupLimits, type GroupLimits } from "../../src/group/group-context.ts";
import type {
  GroupHeartbeatRequest,
  GroupHeartbeatResult,
  TopicAssignment,
} from "../../src/services.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryStateLog } from "./memory-state-log.ts";

/** Topics that a test makes and removes. */
export class TopicTable {
  readonly topics = new Map<string, { topicId: string; partitionCount: number }>();
  #made = 0;

  /** Makes a topic, or gives it more partitions. */
  set(name: string, partitionCount: number): void {
    const topicId = this.topics.get(name)?.topicId ?? `id-${name}-${this.#made++}`;
    this.topics.set(name, { topicId, partitionCount });
  }

  readonly lookup = (name: string) => this.topics.get(name) ?? null;
  readonly names = () => this.topics.keys();
}

/** A heartbeat with everything that a test does not care about. */
export function beat(
  fields: Partial<GroupHeartbeatRequest> & { readonly memberId: string },
): GroupHeartbeatRequest {
  return {
    group: "g",
    memberEpoch: 0,
    subscribedTopics: null,
    ownedPartitions: null,
    serverAssignor: null,
    rebalanceTimeoutMs: 60_000,
    sessionTimeoutMs: null,
    clientId: "test",
    clientHost: "/127.0.0.1",
    ...fields,
  };
}

/** What opens a world. */
export interface WorldOptions {
  readonly log?: StateLog;
  readonly clock?: FakeClock;
  readonly topics?: TopicTable;
  readonly limits?: Partial<GroupLimits>;
  readonly snapshotGrowthBytes?: number;
}

/** Opens group services; the topic `t` has four partitions unless a table is given. */
export async function openGroups(options: WorldOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const log = options.log ?? new MemoryStateLog();
  const topics = options.topics ?? new TopicTable();
  if (options.topics === undefined) topics.set("t", 4);
  const groups = await GroupServicesOver.open({
    log,
    topics: topics.lookup,
    topicNames: topics.names,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    limits: { ...defaultGroupLimits, ...options.limits },
    snapshotGrowthBytes: options.snapshotGrowthBytes ?? null,
  });
  return { groups, clock, log, topics };
}

/** The code of the LogError that a promise rejects with; `ok` when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    if (error instanceof LogError) return error.code;
    throw error;
  }
}

/** A client that does what KIP-848 asks of it: reads what it is assigned, lets go of the rest, says what it has. */
export class GroupClient {
  memberId: string;
  /** Names a static member; null for a dynamic one. */
  instanceId: string | null = null;
  epoch = 0;
  subscribedTopics: readonly string[] = [];
  /** Empty for none. */
  subscribedTopicRegex = "";
  /** What it was told to read. */
  assigned: readonly TopicAssignment[] = [];
  /** What it reads, also while it has not let go of what it was told to: "topic-partition". */
  readonly reading = new Set<string>();
  readonly #groups: () => GroupServicesOver;

  constructor(memberId: string, groups: () => GroupServicesOver) {
    this.memberId = memberId;
    this.#groups = groups;
  }

  /** Joins, or joins again after being fenced: with nothing in its hands. */
  async join(fields: Partial<GroupHeartbeatRequest> = {}): Promise<GroupHeartbeatResult> {
    this.reading.clear();
    this.assigned = [];
    this.epoch = 0;
    this.subscribedTopics = fields.subscribedTopics ?? this.subscribedTopics;
    this.subscribedTopicRegex = fields.subscribedTopicRegex ?? this.subscribedTopicRegex;
    const { memberId, instanceId, subscribedTopics, subscribedTopicRegex } = this;
    const wishes = { instanceId, subscribedTopics, subscribedTopicRegex, ownedPartitions: [] };
    const request = beat({ memberId, ...wishes, ...fields });
    return this.take(await this.#groups().heartbeat(request));
  }

  /** Says what it has, and takes the answer; with `isLost` the answer does not arrive. */
  async heartbeat(isLost = false): Promise<GroupHeartbeatResult> {
    const { memberId, instanceId, epoch: memberEpoch } = this;
    const fields = { ownedPartitions: this.owned(), rebalanceTimeoutMs: -1 };
    const request = beat({ memberId, instanceId, memberEpoch, ...fields });
    const result = await this.#groups().heartbeat(request);
    return isLost ? result : this.take(result);
  }

  /** Lets go of what it was told to let go of. */
  letGo(): void {
    const allowed = new Set(namesOf(this.assigned));
    for (const name of this.reading) if (!allowed.has(name)) this.reading.delete(name);
  }

  /** Leaves; a static member may do so for a moment (-2). */
  async leave(memberEpoch: -1 | -2 = -1): Promise<void> {
    this.reading.clear();
    const { memberId, instanceId } = this;
    await this.#groups().heartbeat(beat({ memberId, instanceId, memberEpoch }));
  }

  /** What it reads, as an assignment. */
  owned(): TopicAssignment[] {
    return [...this.reading].map((name) => {
      const cut = name.lastIndexOf("-");
      return { topic: name.slice(0, cut), partitions: [Number(name.slice(cut + 1))] };
    });
  }

  private take(result: GroupHeartbeatResult): GroupHeartbeatResult {
    this.epoch = result.memberEpoch;
    if (result.assignment !== null) {
      this.assigned = result.assignment;
      for (const name of namesOf(result.assignment)) this.reading.add(name);
    }
    return result;
  }
}

/** An assignment as sorted texts "topic-partition". */
export function namesOf(assignment: readonly TopicAssignment[]): string[] {
  return assignment
    .flatMap(({ topic, partitions }) => partitions.map((partition) => `${topic}-${partition}`))
    .sort();
}
