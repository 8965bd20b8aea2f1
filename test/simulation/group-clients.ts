// Consumer groups of one simulation: offsets committed without members, and members that share partitions.

import type { Random } from "../../src/base/random.ts";
import type { GroupHeartbeatResult, TopicAssignment } from "../../src/services.ts";
import { oneOf, type Place, placeText } from "./record-clients.ts";
import type { Answer, World } from "./world.ts";

/** How a commit names its member; none: the group has no members. */
export interface CommitAs {
  readonly memberId: string;
  readonly memberEpoch: number;
}

/** Commits one offset and tells; the code when it was refused. */
export async function commit(
  world: World,
  where: { readonly group: string; readonly place: Place; readonly as: CommitAs },
  value: number,
): Promise<Answer<unknown>> {
  const { group, place, as } = where;
  const op = world.nextOp();
  const register = `${group} ${placeText(place)}`;
  world.tell({ type: "write", op, register, value, transaction: null });
  const answer = await world.call("commitOffsets", ({ groups }) =>
    groups.commitOffsets({
      group,
      ...as,
      offsets: [{ topic: place.topic, partition: place.partition, offset: value, metadata: "" }],
    }),
  );
  if (answer.kind === "ok") world.tell({ type: "written", op });
  else world.tell({ type: "unanswered", op, code: answer.kind === "error" ? answer.code : null });
  return answer;
}

/** Looks at one committed offset and tells; false when there was no answer. */
export async function look(world: World, group: string, place: Place): Promise<boolean> {
  const op = world.nextOp();
  world.tell({ type: "look", op, register: `${group} ${placeText(place)}` });
  const answer = await world.call("committedOffsets", ({ groups }) =>
    groups.committedOffsets(group, [{ topic: place.topic, partition: place.partition }], {
      member: null,
      requireStable: true,
    }),
  );
  const [found] = answer.kind === "ok" ? answer.value : [];
  if (found === undefined || found.error !== null) {
    if (found?.error != null) world.coverage.hit(`error ${found.error}`);
    world.tell({ type: "unanswered", op, code: found?.error ?? null });
    return false;
  }
  world.tell({ type: "looked", op, value: found.offset });
  return true;
}

/** Commits and looks without being a member. */
export async function soloCommitter(
  world: World,
  random: Random,
  options: { readonly group: string; readonly places: readonly Place[] },
): Promise<void> {
  const { group, places } = options;
  const as = { memberId: "", memberEpoch: -1 };
  for (let value = 0; !world.isEnding; value++) {
    await world.sleep(random.below(150));
    const place = oneOf(random, places);
    if (random.below(3) > 0) await commit(world, { group, place, as }, value);
    else await look(world, group, place);
  }
}

/** What a member of a group reads and commits. */
export interface MemberOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly number: number;
}

const sessionTimeoutMs = 3000;

/** Joins, keeps in touch, reads nothing, commits what is its own, and leaves or falls silent. */
export async function groupMember(
  world: World,
  random: Random,
  options: MemberOptions,
): Promise<void> {
  const member = new Member(world, random, options);
  while (!world.isEnding) {
    await member.step();
    await world.sleep(random.below(25) === 0 ? 4000 : 50 + random.below(300));
  }
}

class Member {
  readonly #world: World;
  readonly #random: Random;
  readonly #options: MemberOptions;
  #memberId = "";
  #epoch = 0;
  #owned: readonly TopicAssignment[] = [];
  #commits: number;

  constructor(world: World, random: Random, options: MemberOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#commits = options.number * 1_000_000;
  }

  async step(): Promise<void> {
    const leaves = this.#memberId !== "" && this.#random.below(25) === 0;
    await this.#heartbeat(leaves ? -1 : this.#epoch);
    if (this.#owned.length === 0 || this.#random.below(2) === 0) return;
    const { topic, partitions } = oneOf(this.#random, this.#owned);
    const place = { topic, partition: oneOf(this.#random, partitions) };
    const as = { memberId: this.#memberId, memberEpoch: this.#epoch };
    const answer = await commit(
      this.#world,
      { group: this.#options.group, place, as },
      this.#commits++,
    );
    if (answer.kind === "error") this.#world.coverage.hit("state commit of a member refused");
    if (this.#random.below(3) === 0) await look(this.#world, this.#options.group, place);
  }

  async #heartbeat(memberEpoch: number): Promise<void> {
    const world = this.#world;
    const { group, topics } = this.#options;
    const member = this.#name();
    if (memberEpoch <= 0) this.#owned = [];
    world.tell({ type: "let-go", group, member, kept: namesOf(this.#owned) });
    const askedMs = world.clock.monotonicMs();
    const answer = await world.call("heartbeat", ({ groups }) =>
      groups.heartbeat({
        group,
        memberId: this.#memberId,
        memberEpoch,
        subscribedTopics: memberEpoch === 0 ? topics : null,
        ownedPartitions: this.#owned,
        serverAssignor: null,
        rebalanceTimeoutMs: memberEpoch === 0 ? 60_000 : -1,
        sessionTimeoutMs: memberEpoch === 0 ? sessionTimeoutMs : null,
        clientId: "simulation",
        clientHost: "",
      }),
    );
    if (answer.kind === "lost") return;
    if (answer.kind === "error" || memberEpoch === -1) {
      this.#forget(answer.kind === "error" ? answer.code : null);
      return;
    }
    this.#take(answer.value, askedMs);
  }

  #take({ memberId, memberEpoch, assignment }: GroupHeartbeatResult, askedMs: number): void {
    const world = this.#world;
    if (memberEpoch !== this.#epoch) world.coverage.hit("state member has a new epoch");
    this.#memberId = memberId;
    this.#epoch = memberEpoch;
    if (assignment !== null) {
      const lost = namesOf(this.#owned).filter((name) => !namesOf(assignment).includes(name));
      if (lost.length > 0) world.coverage.hit("state partitions revoked");
      this.#owned = assignment.filter(({ partitions }) => partitions.length > 0);
    }
    world.tell({
      type: "assigned",
      group: this.#options.group,
      member: this.#name(),
      partitions: namesOf(this.#owned),
      untilMs: Math.floor(askedMs) + sessionTimeoutMs,
    });
  }

  #forget(code: string | null): void {
    const isGone = code === null || code === "UNKNOWN_MEMBER_ID" || code.startsWith("FENCED");
    if (!isGone) return;
    const { group } = this.#options;
    this.#world.tell({ type: "let-go", group, member: this.#name(), kept: [] });
    this.#memberId = "";
    this.#epoch = 0;
    this.#owned = [];
  }

  #name(): string {
    return `member ${this.#options.number}`;
  }
}

function namesOf(assignment: readonly TopicAssignment[]): string[] {
  return assignment.flatMap(({ topic, partitions }) =>
    partitions.map((each) => `${topic}/${each}`),
  );
}
