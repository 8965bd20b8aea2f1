// Members of a consumer group of the classic protocol in one simulation.

import type { Random } from "../../src/base/random.ts";
import type { GenerationMember, JoinGroupResult } from "../../src/services.ts";
import { protocol } from "../support/classic-world.ts";
import { commit } from "./group-clients.ts";
import { oneOf, type Place } from "./record-clients.ts";
import type { World } from "./world.ts";

/** Joins, is given partitions by the leader, keeps in touch, commits, and leaves or falls silent. */
export async function classicMember(
  world: World,
  random: Random,
  options: { readonly group: string; readonly places: readonly Place[]; readonly number: number },
): Promise<void> {
  const { group, places, number } = options;
  let memberId = "";
  for (let value = number * 1_000_000; !world.isEnding; ) {
    await world.sleep(50 + random.below(300));
    const joined = await join(world, { group, memberId });
    if (joined === null) {
      memberId = "";
      continue;
    }
    ({ memberId } = joined);
    const member = { group, memberId, generationId: joined.generationId, groupInstanceId: null };
    if (!(await sync(world, member, joined))) continue;
    while (!world.isEnding && (await heartbeat(world, member))) {
      const as = { memberId, memberEpoch: member.generationId };
      await commit(world, { group, place: oneOf(random, places), as }, value++);
      await world.sleep(random.below(30) === 0 ? 8000 : 100 + random.below(400));
    }
    if (world.isEnding || random.below(4) === 0) {
      const leaving = memberId;
      await world.call("leaveGroup", ({ classicGroups }) =>
        classicGroups.leave(group, [{ memberId: leaving, groupInstanceId: null }]),
      );
      memberId = "";
    }
  }
}

async function join(
  world: World,
  who: { readonly group: string; readonly memberId: string },
): Promise<JoinGroupResult | null> {
  const answer = await world.call("joinGroup", ({ classicGroups }, signal) =>
    classicGroups.join({
      ...who,
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [protocol("range", ["t0"])],
      sessionTimeoutMs: 6000,
      rebalanceTimeoutMs: 500,
      requiresKnownMemberId: false,
      supportsSkipAssignment: false,
      clientId: "simulation",
      clientHost: "",
      signal,
    }),
  );
  return answer.kind === "ok" ? answer.value : null;
}

async function sync(
  world: World,
  member: GenerationMember,
  joined: JoinGroupResult,
): Promise<boolean> {
  const { protocolType, protocolName, members } = joined;
  const assignments = members.map(({ memberId }) => {
    return { memberId, assignment: Buffer.from(`generation ${joined.generationId}`) };
  });
  const answer = await world.call("syncGroup", ({ classicGroups }) =>
    classicGroups.sync({ ...member, protocolType, protocolName, assignments }),
  );
  if (answer.kind !== "ok") return false;
  const text = Buffer.from(answer.value.assignment).toString();
  if (text !== `generation ${joined.generationId}`) {
    world.broken(`a member of generation ${joined.generationId} is given '${text}'`);
  }
  return true;
}

async function heartbeat(world: World, member: GenerationMember): Promise<boolean> {
  const answer = await world.call("classic heartbeat", ({ classicGroups }) =>
    classicGroups.heartbeat(member),
  );
  if (answer.kind === "error" && answer.code === "REBALANCE_IN_PROGRESS") {
    world.coverage.hit("state classic rebalance");
  }
  return answer.kind !== "error";
}
