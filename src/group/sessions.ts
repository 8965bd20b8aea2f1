// Who is alive: when each member was last heard of, and the deadlines that remove silent or stubborn ones.
//
// Nothing of this is stored: after a replay every member gets its full time again.

import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Member } from "./group.ts";
import type { GroupEvent } from "./group-events.ts";
import type { GroupMachine } from "./group-machine.ts";

/** What deadlines act on. */
export interface SessionsOptions {
  readonly coordinator: Coordinator<GroupEvent>;
  readonly machine: GroupMachine;
}

/** Sessions of all members of all groups. */
export class Sessions {
  readonly #coordinator: Coordinator<GroupEvent>;
  readonly #machine: GroupMachine;
  readonly #seenMs = new Map<string, number>();

  /** @param options The coordinator keeps the deadlines. */
  constructor({ coordinator, machine }: SessionsOptions) {
    this.#coordinator = coordinator;
    this.#machine = machine;
  }

  /** When a member was last heard of, Unix milliseconds; 0 when it is not known. */
  lastSeenMs(group: string, memberId: string): number {
    return this.#seenMs.get(keyOf(group, memberId)) ?? 0;
  }

  /** Starts a member's session time anew, if there is such a member. */
  touch(group: string, memberId: string, nowMs: number): void {
    const member = this.#machine.find(group)?.members.get(memberId);
    if (member === undefined) return;
    const key = keyOf(group, memberId);
    this.#seenMs.set(key, nowMs);
    const expire = this.#machine.expire(group, memberId, () => true);
    this.#coordinator.schedule(`session ${key}`, member.sessionTimeoutMs, expire);
  }

  /** Follows a change of a member: gone means no deadlines, giving up partitions means the rebalance deadline. */
  changed(group: string, memberId: string, member: Member | null): void {
    const key = keyOf(group, memberId);
    if (member === null) {
      this.#seenMs.delete(key);
      this.#coordinator.unschedule(`session ${key}`);
    }
    const deadline = `rebalance ${key}`;
    if (member === null || member.revoking.size === 0) {
      this.#coordinator.unschedule(deadline);
    } else if (!this.#coordinator.isScheduled(deadline)) {
      const expire = this.#machine.expire(group, memberId, ({ revoking }) => revoking.size > 0);
      this.#coordinator.schedule(deadline, member.rebalanceTimeoutMs, expire);
    }
  }

  /** Gives every member its full time, after a replay. */
  restart(nowMs: number): void {
    this.#seenMs.clear();
    for (const group of this.#machine.groups()) {
      for (const member of group.members.values()) {
        this.touch(group.name, member.memberId, nowMs);
        this.changed(group.name, member.memberId, member);
      }
    }
  }
}

/** One text for group and member; neither may hold a control character. */
function keyOf(group: string, memberId: string): string {
  return `${group}\n${memberId}`;
}
