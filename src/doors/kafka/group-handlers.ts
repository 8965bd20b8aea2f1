// Everything about groups: their members and offsets, and DescribeGroups, ListGroups, DeleteGroups for tools.

import type { EncodableResponse } from "../../protocol/apis.ts";
import type { GroupListing, Services } from "../../services.ts";
import { authorizedOperations } from "./authorized-operations.ts";
import { classicHandlers } from "./classic-handlers.ts";
import { consumerGroupHandlers } from "./consumer-group-handlers.ts";
import { codeOf, nameError } from "./error-code.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import { kafkaGroupState } from "./group-state.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";
import { offsetHandlers } from "./offset-handlers.ts";

type DescribedGroup = EncodableResponse<"describeGroups">["groups"][number];

const describeGroups: Handler<"describeGroups"> = async (request, { version }, context) => {
  const isAsked = request.includeAuthorizedOperations;
  const groups = await Promise.all(
    [...new Set(request.groups)].map(async (groupId) => ({
      ...(await describe(groupId, { version, context })),
      authorizedOperations: authorizedOperations("group", { isAsked }),
    })),
  );
  return { groups };
};

async function describe(
  groupId: string,
  { version, context }: { readonly version: number; readonly context: KafkaContext },
): Promise<DescribedGroup> {
  try {
    const group = await context.services.classicGroups.describe(groupId);
    return {
      errorCode: 0,
      groupId,
      groupState: group.state,
      protocolType: group.protocolType,
      protocolData: group.protocolName,
      members: group.members.map(({ metadata, assignment, ...member }) => {
        return { ...member, memberMetadata: metadata, memberAssignment: assignment };
      }),
    };
  } catch (error) {
    const failure = failureOf(error, context);
    // To older clients a group that is not there is a dead one.
    const isDead = failure.code === "GROUP_ID_NOT_FOUND" && version <= 5;
    return {
      errorCode: isDead ? 0 : coordinatorCode(failure.code),
      errorMessage: failure.message,
      groupId,
      groupState: failure.code === "GROUP_ID_NOT_FOUND" ? "Dead" : "",
      protocolType: "",
      protocolData: "",
      members: [],
    };
  }
}

const kindNames = { classic: "Classic", consumer: "Consumer", share: "Share" } as const;

/** What every listing of a share group says. */
const sharing = { kind: "share", protocolType: "share" } as const;

type Listing = Pick<GroupListing, "group" | "state" | "protocolType"> & {
  readonly kind: keyof typeof kindNames;
};

const listGroups: Handler<"listGroups"> = async (request, _call, context) => {
  const states = lowerCased(request.statesFilter);
  const kinds = lowerCased(request.typesFilter);
  const isWanted = ({ state, kind }: Listing): boolean =>
    (states.size === 0 || states.has(kafkaGroupState[state].toLowerCase())) &&
    (kinds.size === 0 || kinds.has(kind));
  try {
    const { groups, shares } = context.services;
    const listings: readonly Listing[] = [
      ...(await groups.list()),
      ...(await shares.list()).map((listing) => ({ ...listing, ...sharing })),
    ];
    const listed = listings.filter(isWanted).map((listing) => ({
      groupId: listing.group,
      protocolType: listing.protocolType,
      groupState: kafkaGroupState[listing.state],
      groupType: kindNames[listing.kind],
    }));
    return { errorCode: 0, groups: listed };
  } catch (error) {
    return { errorCode: codeOf(failureOf(error, context).code), groups: [] };
  }
};

function lowerCased(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

const deleteGroups: Handler<"deleteGroups"> = async (request, _call, context) => {
  const results = await Promise.all(
    [...new Set(request.groupsNames)].map(async (groupId) => {
      try {
        await deleteGroup(groupId, context.services);
        return { groupId, errorCode: 0 };
      } catch (error) {
        return { groupId, errorCode: coordinatorCode(failureOf(error, context).code) };
      }
    }),
  );
  return { results };
};

async function deleteGroup(
  groupId: string,
  { groups, shares }: Pick<Services, "groups" | "shares">,
): Promise<void> {
  try {
    await groups.delete(groupId);
  } catch (error) {
    if (nameError(error).code !== "GROUP_ID_NOT_FOUND") throw error;
    await shares.delete(groupId);
  }
}

/** Everything about groups. */
export const groupHandlers: ServingTable = {
  ...classicHandlers,
  ...consumerGroupHandlers,
  ...offsetHandlers,
  describeGroups: { min: 0, max: 6, beginsInTurn: true, handle: describeGroups },
  listGroups: { min: 0, max: 5, beginsInTurn: true, handle: listGroups },
  deleteGroups: { min: 0, max: 2, handle: deleteGroups },
};
