// The poll sessions of the process: found by group and member, one poll at a time in each, bounded and forgotten
// when old.

import type { Clock } from "../../base/clock.ts";
import { LogError } from "../../base/error.ts";
import type { Services } from "../../services.ts";
import type { MemberTerms } from "./poll-session.ts";
import { PollSession } from "./poll-session.ts";

// Time for the last bytes of a reply to be reported sent when its client already polls again.
const settleMsMax = 1000;
const idleSlackMs = 60_000;

/** One poll's turn at its session. */
export interface PollTurn {
  readonly session: PollSession;
  /** Aborted when a newer poll of the member has come. */
  readonly superseded: AbortSignal;
  /** Names the connection this turn answers on, to be cut when a newer poll comes and the reply hangs. */
  answersOn(cut: () => void): void;
  /** Lets the next poll in; once. */
  end(): void;
}

interface Entry {
  readonly session: PollSession;
  latest: AbortController;
  tail: Promise<void>;
  cut: (() => void) | null;
  turns: number;
  usedMs: number;
}

/** What the sessions need. */
export interface PollSessionsOptions {
  readonly services: Services;
  readonly clock: Clock;
  /** Sessions kept. */
  readonly sessionsMax: number;
}

/** All sessions. */
export class PollSessions {
  readonly #options: PollSessionsOptions;
  // In the order of their last use.
  readonly #entries = new Map<string, Entry>();

  /** @param options Where groups are, and how many sessions are kept. */
  constructor(options: PollSessionsOptions) {
    this.#options = options;
  }

  /** Sessions kept now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Waits for the member's turn. The poll before it, if it is still waiting, is told that it is superseded.
   *
   * @throws UNKNOWN_MEMBER_ID never; joining names the member. Whatever the first heartbeat throws.
   */
  async enter(terms: MemberTerms): Promise<PollTurn> {
    const entry = terms.memberId === "" ? await this.#join(terms) : this.#entryOf(terms);
    const key = keyOf(terms.group, entry.session.memberId);
    this.#touch(key, entry);
    entry.latest.abort();
    const mine = new AbortController();
    entry.latest = mine;
    entry.turns++;
    const previous = entry.tail;
    const { promise, resolve } = newGate();
    entry.tail = promise;
    const timer = this.#options.clock.after(settleMsMax, () => entry.cut?.());
    await previous;
    timer.cancel();
    entry.session.renew({ ...terms, memberId: entry.session.memberId });
    return {
      session: entry.session,
      superseded: mine.signal,
      answersOn: (cut) => {
        entry.cut = cut;
      },
      end: () => {
        entry.cut = null;
        entry.turns--;
        this.#touch(key, entry);
        resolve();
      },
    };
  }

  /** Takes a member out of its group. @throws UNKNOWN_MEMBER_ID */
  async leave(group: string, memberId: string): Promise<void> {
    const key = keyOf(group, memberId);
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    entry?.latest.abort();
    const session = entry?.session ?? new PollSession(bareTerms(group, memberId));
    await entry?.tail;
    await session.leave(this.#options.services.groups);
  }

  // A member without a name gets one by joining, and its session with it.
  async #join(terms: MemberTerms): Promise<Entry> {
    const session = new PollSession(terms);
    await session.heartbeat(this.#options.services);
    return this.#add(keyOf(terms.group, session.memberId), session);
  }

  #entryOf(terms: MemberTerms): Entry {
    const key = keyOf(terms.group, terms.memberId);
    return this.#entries.get(key) ?? this.#add(key, new PollSession(terms));
  }

  #add(key: string, session: PollSession): Entry {
    this.#forgetOld();
    const entry: Entry = {
      session,
      latest: new AbortController(),
      tail: Promise.resolve(),
      cut: null,
      turns: 0,
      usedMs: this.#options.clock.monotonicMs(),
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #touch(key: string, entry: Entry): void {
    entry.usedMs = this.#options.clock.monotonicMs();
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  #forgetOld(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [key, entry] of this.#entries) {
      const isOld = nowMs - entry.usedMs > entry.session.sessionTimeoutMs + idleSlackMs;
      const isFull = this.#entries.size >= this.#options.sessionsMax;
      if (!isOld && !isFull) return;
      if (entry.turns === 0) this.#entries.delete(key);
    }
    if (this.#entries.size < this.#options.sessionsMax) return;
    throw new LogError("THROTTLING_QUOTA_EXCEEDED", "too many group members poll this server");
  }
}

function keyOf(group: string, memberId: string): string {
  return `${group}\n${memberId}`;
}

function bareTerms(group: string, memberId: string): MemberTerms {
  const none = { topics: [], sessionTimeoutMs: null, clientId: "", clientHost: "" };
  return { group, memberId, ...none };
}

function newGate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, resolve: open };
}
