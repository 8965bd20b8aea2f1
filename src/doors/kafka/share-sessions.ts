// Share sessions: what the members of share groups fetch from, kept between their fetches, so that each says only what
// has changed. A session ends with the connection that opened it, and what its member holds becomes available again.

import { LogError } from "../../base/error.ts";
import type { Logger } from "../../base/logger.ts";
import type { ShareServices } from "../../services.ts";
import type { KafkaLimits } from "./kafka-limits.ts";

/** Whose session it is. */
export interface ShareMember {
  readonly group: string;
  readonly memberId: string;
}

/** A partition as messages name it. */
export interface PartitionById {
  readonly topicId: string;
  readonly partition: number;
}

/** What sessions are kept with. */
export interface ShareSessionsOptions {
  /** Most sessions at once. */
  readonly sessionsMax: number;
  /** Most partitions of all sessions together. */
  readonly partitionsMax: number;
  /** Makes available again what a member holds. */
  readonly release: (group: string, memberId: string) => Promise<void>;
  readonly logger: Logger;
}

/** One session. */
export interface ShareSession extends ShareMember {
  /** How long the locks of the last fetch hold; 0 before the first. */
  lockMs: number;
  /** False once it has ended or another one took its place. */
  readonly isOpen: boolean;
  /** What it fetches from, in the order in which it was added. */
  partitions(): Iterable<PartitionById>;
}

const epochMax = 0x7fffffff;

class Session implements ShareSession {
  readonly group: string;
  readonly memberId: string;
  lockMs = 0;
  isOpen = true;
  /** What the next request must say. */
  epoch = 1;
  /** Does no longer listen for the end of the connection. */
  forgetConnection: () => void = () => undefined;
  readonly #topics = new Map<string, Set<number>>();
  #count = 0;

  constructor({ group, memberId }: ShareMember) {
    this.group = group;
    this.memberId = memberId;
  }

  get count(): number {
    return this.#count;
  }

  *partitions(): Iterable<PartitionById> {
    for (const [topicId, partitions] of this.#topics) {
      for (const partition of partitions) yield { topicId, partition };
    }
  }

  add({ topicId, partition }: PartitionById): void {
    const known = this.#topics.get(topicId) ?? new Set();
    this.#topics.set(topicId, known);
    if (known.has(partition)) return;
    known.add(partition);
    this.#count++;
  }

  remove({ topicId, partition }: PartitionById): void {
    const known = this.#topics.get(topicId);
    if (known?.delete(partition) !== true) return;
    this.#count--;
    if (known.size === 0) this.#topics.delete(topicId);
  }
}

/** The sessions of one door. */
export class ShareSessions {
  readonly #options: ShareSessionsOptions;
  readonly #sessions = new Map<string, Session>();
  #partitionCount = 0;

  /** @param options Bounds, and what happens at an end. */
  constructor(options: ShareSessionsOptions) {
    this.#options = options;
  }

  /** How many there are. */
  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Opens a session, in place of the one its member may have; what that one holds stays the member's.
   *
   * @param signal Aborted when the connection has gone.
   * @throws SHARE_SESSION_LIMIT_REACHED
   */
  open(
    member: ShareMember,
    added: readonly PartitionById[],
    { signal }: { readonly signal: AbortSignal },
  ): ShareSession {
    const before = this.#sessions.get(keyOf(member));
    if (before !== undefined) this.#remove(before);
    if (this.#sessions.size >= this.#options.sessionsMax) {
      const detail = `there are ${this.#options.sessionsMax} share sessions; no more fit`;
      throw new LogError("SHARE_SESSION_LIMIT_REACHED", detail);
    }
    const session = new Session(member);
    this.#change(session, { added, removed: [] });
    this.#sessions.set(keyOf(member), session);
    const onGone = (): void => this.#drop(session);
    session.forgetConnection = () => signal.removeEventListener("abort", onGone);
    signal.addEventListener("abort", onGone);
    if (signal.aborted) onGone();
    return session;
  }

  /**
   * Goes on with a session: the request must say the epoch that comes next, which moves on by one.
   * @throws SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH, SHARE_SESSION_LIMIT_REACHED
   */
  next(
    member: ShareMember,
    epoch: number,
    changes: {
      readonly added: readonly PartitionById[];
      readonly removed: readonly PartitionById[];
    },
  ): ShareSession {
    const session = this.#find(member);
    if (session.epoch !== epoch) {
      const detail = `share session epoch ${epoch} is not the next one, ${session.epoch}`;
      throw new LogError("INVALID_SHARE_SESSION_EPOCH", detail);
    }
    this.#change(session, changes);
    session.epoch = epoch === epochMax ? 1 : epoch + 1;
    return session;
  }

  /** Ends a session; what its member holds is not touched. @throws SHARE_SESSION_NOT_FOUND */
  close(member: ShareMember): ShareSession {
    const session = this.#find(member);
    this.#remove(session);
    return session;
  }

  /** Ends this session if it has not ended. */
  end(session: ShareSession): void {
    const known = this.#sessions.get(keyOf(session));
    if (known === session) this.#remove(known);
  }

  #find(member: ShareMember): Session {
    const session = this.#sessions.get(keyOf(member));
    if (session !== undefined) return session;
    const detail = `member '${member.memberId}' has no share session with group '${member.group}'`;
    throw new LogError("SHARE_SESSION_NOT_FOUND", detail);
  }

  #change(
    session: Session,
    changes: {
      readonly added: readonly PartitionById[];
      readonly removed: readonly PartitionById[];
    },
  ): void {
    const { partitionsMax } = this.#options;
    const before = session.count;
    for (const place of changes.removed) session.remove(place);
    const others = this.#partitionCount - before;
    if (others + session.count + changes.added.length > partitionsMax) {
      this.#partitionCount = others + session.count;
      const detail = `share sessions hold ${partitionsMax} partitions together; no more fit`;
      throw new LogError("SHARE_SESSION_LIMIT_REACHED", detail);
    }
    for (const place of changes.added) session.add(place);
    this.#partitionCount = others + session.count;
  }

  #remove(session: Session): void {
    session.isOpen = false;
    session.forgetConnection();
    this.#sessions.delete(keyOf(session));
    this.#partitionCount -= session.count;
  }

  #drop(session: Session): void {
    if (!session.isOpen) return;
    this.#remove(session);
    const { group, memberId } = session;
    this.#options.release(group, memberId).catch((error: unknown) => {
      // Its locks lapse.
      this.#options.logger.warn({ err: error, group }, "what a member held is not released yet");
    });
  }
}

/** Sessions within the limits of a door, over its services. */
export function shareSessionsOver(
  shares: Pick<ShareServices, "releaseAll">,
  { limits, logger }: { readonly limits: KafkaLimits; readonly logger: Logger },
): ShareSessions {
  return new ShareSessions({
    sessionsMax: limits.shareSessionsMax,
    partitionsMax: limits.sharePartitionsMax,
    release: (group, memberId) => shares.releaseAll(group, memberId),
    logger,
  });
}

function keyOf({ group, memberId }: ShareMember): string {
  // The length in front, so that no two pairs share a key.
  return `${memberId.length} ${memberId} ${group}`;
}
