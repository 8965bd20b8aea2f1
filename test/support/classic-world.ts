// Classic groups for tests: requests with everything a test does not care about, and groups brought to a state.

import type { ClassicGroups } from "../../src/group/classic-groups.ts";
import type {
  GenerationMember,
  JoinGroupRequest,
  JoinGroupResult,
  SyncGroupRequest,
  SyncGroupResult,
} from "../../src/services.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { codeOf, openGroups, type WorldOptions } from "./group-world.ts";

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A consumer's subscription, version 1, with no partitions owned. */
export function subscriptionOf(topics: readonly string[]): Uint8Array {
  const head = [Buffer.from([0, 1]), int32(topics.length), ...topics.map(text)];
  return Buffer.concat([...head, int32(-1), int32(0)]);
}

/** A consumer's assignment, version 0, of one topic. */
export function assignmentOf(topic: string, partitions: readonly number[]): Uint8Array {
  const head = [Buffer.from([0, 0]), int32(1), text(topic), int32(partitions.length)];
  return Buffer.concat([...head, ...partitions.map(int32), int32(-1)]);
}

/** A protocol that reads `topics`. */
export function protocol(name: string, topics: readonly string[] = ["t"]) {
  return { name, metadata: subscriptionOf(topics) };
}

/** A join with everything that a test does not care about. */
export function joinOf(fields: Partial<JoinGroupRequest> = {}): JoinGroupRequest {
  return {
    group: "g",
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [protocol("range")],
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    requiresKnownMemberId: false,
    supportsSkipAssignment: true,
    clientId: "c",
    clientHost: "/127.0.0.1",
    ...fields,
  };
}

/** Who speaks after a join. */
export function speaker(joined: JoinGroupResult, groupInstanceId: string | null = null) {
  const { memberId, generationId } = joined;
  return { group: "g", memberId, generationId, groupInstanceId } satisfies GenerationMember;
}

/** A sync after a join; a leader gives everybody its own name as bytes. */
export function syncOf(
  joined: JoinGroupResult,
  fields: Partial<SyncGroupRequest> = {},
): SyncGroupRequest {
  const assignments = joined.members.map(({ memberId }) => {
    return { memberId, assignment: Buffer.from(`for ${memberId}`) };
  });
  const names = { protocolType: joined.protocolType, protocolName: joined.protocolName };
  return { ...speaker(joined), ...names, assignments, ...fields };
}

/** What a call has come to so far: its error, `waiting`, or `ok`. */
export async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  let outcome = "waiting";
  void codeOf(promise).then((code) => (outcome = code));
  await settle();
  return outcome;
}

/** A world with one group in it. */
export class ClassicWorld {
  readonly clock: FakeClock;
  readonly opened: Awaited<ReturnType<typeof openGroups>>;

  private constructor(clock: FakeClock, opened: Awaited<ReturnType<typeof openGroups>>) {
    this.clock = clock;
    this.opened = opened;
  }

  /** Opens group services on an empty log unless another is given. */
  static async open(options: WorldOptions = {}): Promise<ClassicWorld> {
    const clock = options.clock ?? new FakeClock();
    return new ClassicWorld(clock, await openGroups({ ...options, clock }));
  }

  get classic(): ClassicGroups {
    return this.opened.groups.classic;
  }

  /** The state by Kafka's name, with the number of members. */
  async state(group = "g"): Promise<string> {
    const { state, members } = await this.classic.describe(group);
    return `${state} ${members.length}`;
  }

  /** Joins of new members at once, answered when the initial delay is over. The first one leads. */
  async joined(...requests: readonly JoinGroupRequest[]): Promise<readonly JoinGroupResult[]> {
    const calls = requests.map((request) => this.classic.join(request));
    // Once for the first one, once more because others came meanwhile.
    await this.clock.run(requests.length > 1 ? 1000 : 500);
    return await Promise.all(calls);
  }

  /** The same, and all have synced: the group is Stable. */
  async stable(...requests: readonly JoinGroupRequest[]): Promise<readonly JoinGroupResult[]> {
    const joined = await this.joined(...requests);
    await this.syncAll(joined, requests[0]?.group);
    return joined;
  }

  /** Everybody syncs, the leader last. */
  async syncAll(
    joined: readonly JoinGroupResult[],
    group = "g",
  ): Promise<readonly SyncGroupResult[]> {
    const order = [...joined].sort((left, right) => left.members.length - right.members.length);
    return await Promise.all(order.map((one) => this.classic.sync(syncOf(one, { group }))));
  }
}
