// Consumer groups of the classic protocol: members agree on a protocol and a leader hands out the work. A group of this
// kind shares its name, its committed offsets and its coordinator with the new protocol.

import type { ErrorName } from "../base/error.ts";

/** One protocol (assignor) a member can work with; the bytes are the members' own. */
export interface GroupProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** JoinGroup (API 11). Bytes are kept: the caller gives them away. */
export interface JoinGroupRequest {
  readonly group: string;
  /** Empty: a new member, or a static one that comes back. */
  readonly memberId: string;
  /** Names a static member; null for dynamic ones. */
  readonly groupInstanceId: string | null;
  /** What kind of group: `consumer`, `connect`. */
  readonly protocolType: string;
  /** In order of preference. */
  readonly protocols: readonly GroupProtocol[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** A new dynamic member is first told its id (MEMBER_ID_REQUIRED with the fact `memberId`) and comes back with it. */
  readonly requiresKnownMemberId: boolean;
  /** The leader can be told to skip the assignment (KIP-814). */
  readonly supportsSkipAssignment: boolean;
  readonly clientId: string;
  readonly clientHost: string;
  /** Aborted when the client has gone. */
  readonly signal?: AbortSignal;
}

/** One member as the leader sees it. */
export interface JoinedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Its metadata for the chosen protocol. */
  readonly metadata: Uint8Array;
}

/** The answer to a join, given when the whole group has joined. */
export interface JoinGroupResult {
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string;
  readonly protocolName: string;
  /** Member id of the leader. */
  readonly leader: string;
  readonly skipAssignment: boolean;
  /** Everybody, for the leader; empty for the others. */
  readonly members: readonly JoinedMember[];
}

/** Who speaks: a member of a generation. */
export interface GenerationMember {
  readonly group: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** SyncGroup (API 14). */
export interface SyncGroupRequest extends GenerationMember {
  /** Must be the group's when not null. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** From the leader only; empty from the others. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
}

/** Its answer. */
export interface SyncGroupResult {
  readonly protocolType: string;
  readonly protocolName: string;
  readonly assignment: Uint8Array;
}

/** One member that leaves; by instance id alone when the member id is empty. */
export interface LeavingMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** What became of it. */
export interface LeaveResult extends LeavingMember {
  readonly error: ErrorName | null;
}

/** One member as DescribeGroups (API 15) shows it. */
export interface ClassicMemberDescription {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Empty unless the group is stable. */
  readonly metadata: Uint8Array;
  readonly assignment: Uint8Array;
}

/** States of a classic group, by Kafka's names. */
export type ClassicGroupState =
  | "Empty"
  | "PreparingRebalance"
  | "CompletingRebalance"
  | "Stable"
  | "Dead";

/** A classic group in full. */
export interface ClassicGroupDescription {
  readonly group: string;
  readonly state: ClassicGroupState;
  readonly protocolType: string;
  /** The chosen protocol; empty unless the group is stable. */
  readonly protocolName: string;
  readonly members: readonly ClassicMemberDescription[];
}

/** Groups of the classic protocol. All methods throw LogError by name. */
export interface ClassicGroupServices {
  /**
   * Resolves when the rebalance completes, or the signal aborts (then with UNKNOWN_MEMBER_ID; nobody hears it).
   *
   * @throws MEMBER_ID_REQUIRED, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL,
   *         INVALID_SESSION_TIMEOUT, GROUP_MAX_SIZE_REACHED, INVALID_GROUP_ID, REBALANCE_IN_PROGRESS
   */
  join(request: JoinGroupRequest): Promise<JoinGroupResult>;
  /**
   * Resolves when the leader's assignment is there and durable.
   *
   * @throws UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID,
   *         INCONSISTENT_GROUP_PROTOCOL
   */
  sync(request: SyncGroupRequest): Promise<SyncGroupResult>;
  /** @throws UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID */
  heartbeat(member: GenerationMember): Promise<void>;
  /** LeaveGroup (API 13), one answer a member in their order; takes members of the new protocol out as well. */
  leave(group: string, members: readonly LeavingMember[]): Promise<readonly LeaveResult[]>;
  /** DescribeGroups (API 15). @throws GROUP_ID_NOT_FOUND, also for groups of the new protocol */
  describe(group: string): Promise<ClassicGroupDescription>;
}
