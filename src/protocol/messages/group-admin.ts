// Groups as tools see them: DescribeGroups, ListGroups, DeleteGroups.

import { api } from "../api.ts";
import { array, arrayOf, bool, bytes, int16, int32, string } from "../field.ts";

/** DescribeGroups: state and members of classic groups. */
export const describeGroups = api({
  key: 15,
  versions: [0, 6],
  flexibleFrom: 5,
  request: { groups: arrayOf(string), includeAuthorizedOperations: bool.since(3) },
  response: {
    throttleTimeMs: int32.since(1),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().since(6),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.nullable().since(4),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.since(3).or(-2147483648),
    }),
  },
});

/** ListGroups: the groups that there are. */
export const listGroups = api({
  key: 16,
  versions: [0, 5],
  flexibleFrom: 3,
  request: { statesFilter: arrayOf(string).since(4), typesFilter: arrayOf(string).since(5) },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.since(4),
      groupType: string.since(5),
    }),
  },
});

/** DeleteGroups: removes groups without members. */
export const deleteGroups = api({
  key: 42,
  versions: [0, 3],
  flexibleFrom: 2,
  request: { groupsNames: arrayOf(string) },
  response: {
    throttleTimeMs: int32,
    results: array({
      groupId: string,
      errorCode: int16,
      errorMessage: string.nullable().since(3),
    }),
  },
});
