// Membership of classic consumer groups: finding the coordinator, joining, sharing out, staying, leaving.

import { api } from "../api.ts";
import { array, arrayOf, bool, bytes, int16, int32, int8, string } from "../field.ts";

/** FindCoordinator: which broker coordinates a group or a transactional id. */
export const findCoordinator = api({
  key: 10,
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string.until(3),
    keyType: int8.since(1),
    coordinatorKeys: arrayOf(string).since(4),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16.until(3),
    errorMessage: string.nullable().since(1).until(3),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: string.nullable(),
    }).since(4),
  },
});

/** JoinGroup: becomes a member, and waits for the generation to begin. */
export const joinGroup = api({
  key: 11,
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.since(1).or(-1),
    memberId: string,
    groupInstanceId: string.nullable().since(5),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: string.nullable().since(8),
  },
  response: {
    throttleTimeMs: int32.since(2),
    errorCode: int16,
    generationId: int32.or(-1),
    protocolType: string.nullable().since(7),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: bool.since(9),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().since(5),
      metadata: bytes,
    }),
  },
});

/** SyncGroup: the leader hands in the assignment, every member gets its part. */
export const syncGroup = api({
  key: 14,
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3),
    protocolType: string.nullable().since(5),
    protocolName: string.nullable().since(5),
    assignments: array({ memberId: string, assignment: bytes }),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    protocolType: string.nullable().since(5),
    protocolName: string.nullable().since(5),
    assignment: bytes,
  },
});

/** Heartbeat: the member is alive. */
export const heartbeat = api({
  key: 12,
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3),
  },
  response: { throttleTimeMs: int32.since(1), errorCode: int16 },
});

/** LeaveGroup: takes members out. */
export const leaveGroup = api({
  key: 13,
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    memberId: string.until(2),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      reason: string.nullable().since(5),
    }).since(3),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      errorCode: int16,
    }).since(3),
  },
});
