// Members of classic groups: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type { JoinGroupRequest, LeavingMember } from "../../services.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import type { Handler, KafkaCall, ServingTable } from "./handler.ts";
import { untilAborted } from "./until-aborted.ts";

const noBytes = new Uint8Array(0);

const joinGroup: Handler<"joinGroup"> = async (request, call, context) => {
  try {
    return {
      errorCode: 0,
      ...(await untilAborted(
        context.services.classicGroups.join(joinRequestOf(request, call)),
        call.signal,
      )),
    };
  } catch (error) {
    const failure = failureOf(error, context);
    return refusedJoin(call.version, {
      errorCode: coordinatorCode(failure.code),
      memberId: String(failure.facts["memberId"] ?? request.memberId),
    });
  }
};

// The group keeps the bytes, so they are copied out of the frame. (The slice of a Buffer is no copy.)
function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function joinRequestOf(request: RequestOf<"joinGroup">, call: KafkaCall): JoinGroupRequest {
  const { groupId, memberId, groupInstanceId, protocolType, sessionTimeoutMs } = request;
  const { version, clientId, clientHost } = call;
  return {
    group: groupId,
    memberId,
    groupInstanceId,
    protocolType,
    protocols: request.protocols.map(({ name, metadata }) => ({
      name,
      metadata: ownBytes(metadata),
    })),
    sessionTimeoutMs,
    rebalanceTimeoutMs: version === 0 ? sessionTimeoutMs : request.rebalanceTimeoutMs,
    // Older clients do not know the error that tells them their id.
    requiresKnownMemberId: version >= 4,
    supportsSkipAssignment: version >= 9,
    clientId,
    clientHost,
    signal: call.signal,
  };
}

function refusedJoin(
  version: number,
  { errorCode, memberId }: { readonly errorCode: number; readonly memberId: string },
): EncodableResponse<"joinGroup"> {
  const protocolName = version >= 7 ? null : "";
  return { errorCode, generationId: -1, protocolName, leader: "", memberId, members: [] };
}

const syncGroup: Handler<"syncGroup"> = async (request, { signal }, context) => {
  const { groupId, generationId, memberId, groupInstanceId, protocolType, protocolName } = request;
  const assignments = request.assignments.map((each) => {
    return { memberId: each.memberId, assignment: ownBytes(each.assignment) };
  });
  try {
    const synced = context.services.classicGroups.sync({
      group: groupId,
      generationId,
      memberId,
      groupInstanceId,
      protocolType,
      protocolName,
      assignments,
    });
    return { errorCode: 0, ...(await untilAborted(synced, signal)) };
  } catch (error) {
    return {
      errorCode: coordinatorCode(failureOf(error, context).code),
      assignment: noBytes,
    };
  }
};

const heartbeat: Handler<"heartbeat"> = async (request, _call, context) => {
  const { groupId, generationId, memberId, groupInstanceId } = request;
  const member = { group: groupId, generationId, memberId, groupInstanceId };
  try {
    await context.services.classicGroups.heartbeat(member);
    return { errorCode: 0 };
  } catch (error) {
    return { errorCode: coordinatorCode(failureOf(error, context).code) };
  }
};

const leaveGroup: Handler<"leaveGroup"> = async (request, { version }, context) => {
  const single = [{ memberId: request.memberId, groupInstanceId: null }];
  const leaving: readonly LeavingMember[] = version <= 2 ? single : request.members;
  try {
    const results = await context.services.classicGroups.leave(
      request.groupId,
      leaving.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId })),
    );
    const members = results.map(({ memberId, groupInstanceId, error }) => {
      return { memberId, groupInstanceId, errorCode: coordinatorCode(error) };
    });
    // A lone member's error is the whole answer's.
    return { errorCode: version <= 2 ? (members[0]?.errorCode ?? 0) : 0, members };
  } catch (error) {
    return { errorCode: coordinatorCode(failureOf(error, context).code) };
  }
};

/** Membership of classic groups. */
export const classicHandlers: ServingTable = {
  joinGroup: { min: 0, max: 9, handle: joinGroup },
  syncGroup: { min: 0, max: 5, handle: syncGroup },
  heartbeat: { min: 0, max: 4, handle: heartbeat },
  leaveGroup: { min: 0, max: 5, handle: leaveGroup },
};
