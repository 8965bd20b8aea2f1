// All groups by name: the state that commands look at and events change.

import { LogError } from "../base/error.ts";
import { Group } from "./group.ts";

/** Groups by name. */
export class GroupTable {
  readonly #countMax: number;
  readonly #groups = new Map<string, Group>();

  /** @param countMax How many groups there may be. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Every group, in the order they were made. */
  all(): Iterable<Group> {
    return this.#groups.values();
  }

  /** A group; null when there is none of that name. */
  find(name: string): Group | null {
    return this.#groups.get(name) ?? null;
  }

  /** A group. @throws GROUP_ID_NOT_FOUND */
  need(name: string): Group {
    const known = this.find(name);
    if (known !== null) return known;
    throw new LogError("GROUP_ID_NOT_FOUND", `there is no group ${name}`);
  }

  /** A group to decide on that is not there yet; only events put it there. @throws POLICY_VIOLATION */
  newGroup(name: string): Group {
    if (this.#groups.size < this.#countMax) return new Group(name);
    const detail = `there are ${this.#countMax} groups; delete some first`;
    throw new LogError("POLICY_VIOLATION", detail);
  }

  /** For events: the group, made when it is not there. */
  ensure(name: string): Group {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new Group(name);
    this.#groups.set(name, group);
    return group;
  }

  /** For events: the group is gone with all it had. A snapshot under way may be walking through it. */
  remove(name: string): void {
    this.find(name)?.clear();
    this.#groups.delete(name);
  }

  /** Forgets everything. */
  clear(): void {
    for (const group of this.all()) group.clear();
    this.#groups.clear();
  }
}
