// What consumers of the classic protocol say to each other through the coordinator, as far as it looks: topics of a
// subscription, partitions of an assignment.
//
//   subscription   version i16, topics [string], …
//   assignment     version i16, partitions [{topic string, partitions [i32]}], …
//
// Nothing else depends on these bytes, and clients get them wrong: what cannot be read is null, and what follows is
// not looked at.

import { viewOf } from "../base/bytes.ts";
import type { TopicAssignment } from "../services.ts";

/** Topics that a member's metadata names; null when it is not a consumer's. */
export function subscribedTopicsOf(metadata: Uint8Array): readonly string[] | null {
  return readAll(metadata, (reader) => reader.list(() => reader.text()));
}

/** Partitions that a member's assignment names; null when it is not a consumer's. No bytes are no partitions. */
export function assignedPartitionsOf(assignment: Uint8Array): readonly TopicAssignment[] | null {
  if (assignment.length === 0) return [];
  return readAll(assignment, (reader) =>
    reader.list(() => ({
      topic: reader.text(),
      partitions: reader.list(() => reader.integer()),
    })),
  );
}

function readAll<Content>(
  bytes: Uint8Array,
  read: (reader: SubscriptionReader) => Content,
): Content | null {
  const reader = new SubscriptionReader(bytes);
  reader.version();
  const content = read(reader);
  return reader.isBroken ? null : content;
}

/** Reads as far as the bytes go; what is not there is zero or empty, and `isBroken`. */
class SubscriptionReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  isBroken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  version(): void {
    const at = this.#take(2);
    if (at !== null && this.#view.getInt16(at) < 0) this.isBroken = true;
  }

  integer(): number {
    const at = this.#take(4);
    return at === null ? 0 : this.#view.getInt32(at);
  }

  text(): string {
    const lengthAt = this.#take(2);
    const length = lengthAt === null ? 0 : this.#view.getInt16(lengthAt);
    const at = this.#take(length);
    return at === null ? "" : Buffer.from(this.#bytes.subarray(at, at + length)).toString("utf8");
  }

  list<Item>(read: () => Item): readonly Item[] {
    const count = this.integer();
    const items: Item[] = [];
    // No item takes less than two bytes, so that a wrong count ends early.
    while (items.length < count && !this.isBroken) items.push(read());
    return items;
  }

  /** Where the next bytes begin; null when there are not so many. */
  #take(count: number): number | null {
    const at = this.#at;
    if (count < 0 || at + count > this.#bytes.length) {
      this.isBroken = true;
      return null;
    }
    this.#at = at + count;
    return at;
  }
}
