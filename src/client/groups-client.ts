// Consumer groups over HTTP: the single calls. `group-consumer.ts` is the reader built on them.

import { VarveError } from "./errors.ts";
import type { HttpTransport } from "./http-transport.ts";
import { encodeBody } from "./message-pack.ts";
import type { GroupRecord, Isolation } from "./records.ts";
import { isGoneAfterRetry } from "./topics-client.ts";

/** Partitions of one topic. */
export interface AssignedTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** An offset in a partition of a topic. */
export interface TopicOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** An offset to commit: the next record to read. */
export interface OffsetToCommit extends TopicOffset {
  /** Kept beside the offset. */
  readonly metadata?: string;
}

/** A committed offset with its distance from the end. */
export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  /** Null where none was committed. */
  readonly committedOffset: number | null;
  readonly logEndOffset: number;
  readonly lag: number | null;
  readonly metadata: string | null;
}

/** A group as listed. */
export interface GroupSummary {
  readonly group: string;
  readonly state: "EMPTY" | "STABLE" | "REBALANCING";
  /** How many members. */
  readonly members: number;
  readonly topics: readonly string[];
}

/** A member of a group. */
export interface GroupMember {
  readonly member: string;
  /** The client's `user-agent`. */
  readonly client: string;
  readonly assignment: readonly AssignedTopic[];
  /** Unix milliseconds of its last call. */
  readonly lastSeenMs: number;
}

/** A group in full. */
export interface GroupDetails {
  readonly group: string;
  readonly state: GroupSummary["state"];
  readonly epoch: number;
  readonly members: readonly GroupMember[];
  readonly offsets: readonly CommittedOffset[];
}

/** One poll: joins, is the heartbeat, and reads. What is left out takes the server's default. */
export interface PollRequest {
  /** The name the server gave, or one of the caller's choice. */
  readonly member?: string;
  readonly topics: readonly string[];
  readonly maxRecords?: number;
  readonly maxBytes?: number;
  readonly waitMs?: number;
  readonly sessionTimeoutMs?: number;
  /** Commits with this poll what the previous reply returned. */
  readonly autoCommit?: boolean;
  /** Where a partition without a committed offset starts. */
  readonly from?: "earliest" | "latest";
  /** Default `read_committed`. */
  readonly isolation?: Isolation;
}

/** The answer to a poll. */
export interface PollReply {
  readonly member: string;
  readonly epoch: number;
  readonly assignment: readonly AssignedTopic[];
  readonly records: readonly GroupRecord[];
  /** The next offset of each partition after these records. */
  readonly positions: readonly TopicOffset[];
}

/** What to commit, and in whose name. */
export interface CommitRequest {
  /** Left out: allowed while the group has no members. */
  readonly member?: string;
  /** Refuses the commit when the member's epoch has moved on. */
  readonly epoch?: number;
  readonly offsets: readonly OffsetToCommit[];
}

/** Where to move a group: `to` a position, or to `offsets`. */
export interface ResetRequest {
  /** `earliest`, `latest`, an offset, `-N`, `@<milliseconds>` or `@<ISO 8601>`. */
  readonly to?: string;
  readonly offsets?: readonly TopicOffset[];
  /** Only these topics; otherwise all the group has offsets for. */
  readonly topics?: readonly string[];
  /** Shows what would change and changes nothing. */
  readonly dryRun?: boolean;
}

/** One partition of a reset. */
export interface ResetOffset {
  readonly topic: string;
  readonly partition: number;
  /** Null where none was committed. */
  readonly before: number | null;
  readonly after: number;
}

/** Calls about consumer groups. All throw VarveError. */
export class GroupsClient {
  readonly #transport: HttpTransport;

  /** @param transport The way to the server. */
  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /** Lists the groups. */
  async list(): Promise<readonly GroupSummary[]> {
    const path = "/v1/groups";
    const reply = await this.#transport.call({ method: "GET", path, resend: "always" });
    return (reply.body as { groups: readonly GroupSummary[] }).groups;
  }

  /** Describes a group. @throws GROUP_ID_NOT_FOUND */
  async describe(group: string): Promise<GroupDetails> {
    const path = groupPath(group);
    const reply = await this.#transport.call({ method: "GET", path, resend: "always" });
    return reply.body as GroupDetails;
  }

  /** Committed offsets with lag. @throws GROUP_ID_NOT_FOUND */
  async offsets(group: string): Promise<readonly CommittedOffset[]> {
    const path = `${groupPath(group)}/offsets`;
    const reply = await this.#transport.call({ method: "GET", path, resend: "always" });
    return (reply.body as { offsets: readonly CommittedOffset[] }).offsets;
  }

  /** Moves a group's committed offsets. @throws NON_EMPTY_GROUP while members are active */
  async reset(group: string, request: ResetRequest): Promise<readonly ResetOffset[]> {
    const reply = await this.#transport.call({
      method: "PUT",
      path: `${groupPath(group)}/offsets`,
      body: encodeBody(request),
      resend: "always",
    });
    return (reply.body as { offsets: readonly ResetOffset[] }).offsets;
  }

  /** Forgets a group and its offsets. @throws GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP */
  async delete(group: string): Promise<void> {
    try {
      await this.#transport.call({ method: "DELETE", path: groupPath(group), resend: "always" });
    } catch (error) {
      if (isGoneAfterRetry(error)) return;
      throw error;
    }
  }

  /**
   * One poll. Not sent again when its outcome is unknown: a reply that was lost may have been the only one with its
   * records, and with `autoCommit` the next poll would commit them. Leave and poll again to start at the committed
   * offsets, as `GroupConsumer` does.
   */
  async poll(
    group: string,
    request: PollRequest,
    signal: AbortSignal | null = null,
  ): Promise<PollReply> {
    const reply = await this.#transport.call({
      method: "POST",
      path: `${groupPath(group)}/poll`,
      body: encodeBody(request),
      resend: "refused",
      waitMs: request.waitMs ?? 0,
      signal,
    });
    return reply.body as PollReply;
  }

  /** Commits offsets. @throws STALE_MEMBER_EPOCH, FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, NON_EMPTY_GROUP */
  async commit(group: string, request: CommitRequest): Promise<readonly CommittedOffset[]> {
    const reply = await this.#transport.call({
      method: "POST",
      path: `${groupPath(group)}/commit`,
      body: encodeBody(request),
      resend: "always",
    });
    return (reply.body as { offsets: readonly CommittedOffset[] }).offsets;
  }

  /** Gives a member's partitions up at once; harmless when it is no member. */
  async leave(group: string, member: string): Promise<void> {
    try {
      await this.#transport.call({
        method: "POST",
        path: `${groupPath(group)}/leave`,
        body: encodeBody({ member }),
        resend: "always",
      });
    } catch (error) {
      // Gone is what was wanted: an earlier attempt, or the session's end, has done it.
      if (isNoMember(error)) return;
      throw error;
    }
  }
}

function isNoMember(error: unknown): boolean {
  return error instanceof VarveError && (error.status === 404 || error.code.startsWith("FENCED"));
}

function groupPath(group: string): string {
  return `/v1/groups/${encodeURIComponent(group)}`;
}
