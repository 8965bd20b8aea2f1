// The dead letters of queues: shown, and put back. They are a share partition of the dead-letter topic whose records
// nobody receives: what is put back leaves it like what dies leaves the queue.

import type { DeadLetters, QueueServices, TopicPartition } from "../services.ts";
import { PartitionChanges } from "../share/changes.ts";
import { readWishes } from "../share/delivery-reads.ts";
import type { Wish } from "../share/leasing.ts";
import { lengthOf, type OffsetRange } from "../share/record-run.ts";
import type { ShareEngine } from "../share/share-engine.ts";
import type { ShareGroup } from "../share/share-machine.ts";
import type { SharePartition } from "../share/share-partition.ts";

type ListRequest = Parameters<QueueServices["dead"]>[1];
type RedriveRequest = Parameters<QueueServices["redrive"]>[1];

/** Dead letters of one engine's queues. */
export class DeadLetterBox {
  readonly #engine: ShareEngine;

  constructor(engine: ShareEngine) {
    this.#engine = engine;
  }

  /** Letters from a position in each partition on. */
  async list(
    group: ShareGroup,
    places: readonly TopicPartition[],
    { from, maxRecords, maxBytes }: ListRequest,
  ): Promise<DeadLetters> {
    const wishes: Wish[] = [];
    const next: { partition: number; offset: number }[] = [];
    let left = maxRecords;
    for (const partition of await this.#scanned(group, places)) {
      const number = partition.partition;
      const start = from.find((each) => each.partition === number)?.offset ?? 0;
      let end = partition.scannedTo;
      for (const run of partition.within({ first: start, last: partition.scannedTo - 1 })) {
        const first = Math.max(start, run.first);
        if (left === 0 || run.fate.phase === "leaving") {
          if (left === 0) end = Math.min(end, first);
          continue;
        }
        const last = Math.min(run.last, first + left - 1);
        wishes.push({ partition, run, first, last });
        left -= lengthOf({ first, last });
        if (last < run.last) end = Math.min(end, last + 1);
      }
      next.push({ partition: number, offset: Math.max(start, end) });
    }
    const reads = await readWishes(this.#engine.options.source, group, { wishes, maxBytes });
    const shown = reads.parts.map(({ partition, run, first, last, batches }) => ({
      topic: partition.topic,
      partition: partition.partition,
      firstOffset: first,
      lastOffset: last,
      deliveries: run.fate.deliveries,
      epoch: partition.header.epoch,
      batches,
    }));
    // Where the bytes ran out the next call goes on.
    for (const wish of wishes) {
      const read = shown.filter(
        ({ partition, firstOffset }) =>
          partition === wish.partition.partition &&
          firstOffset >= wish.first &&
          firstOffset <= wish.last,
      );
      const readTo = read.at(-1)?.lastOffset ?? wish.first - 1;
      const place = next.find(({ partition }) => partition === wish.partition.partition);
      if (readTo < wish.last && place !== undefined) {
        place.offset = Math.min(place.offset, readTo + 1);
      }
    }
    return { ranges: shown, next, release: () => reads.release() };
  }

  /** Puts letters back; resolves to how many when they are in the queue again, durably. */
  async redrive(
    group: ShareGroup,
    places: readonly TopicPartition[],
    { max, offsets }: RedriveRequest,
  ): Promise<number> {
    let left = max;
    let count = 0;
    for (const partition of await this.#scanned(group, places)) {
      if (group.find(partition.topic, partition.partition) !== partition) continue;
      const changes = new PartitionChanges(group.name, partition);
      let taken = 0;
      for (const range of askedFor(partition, offsets)) {
        for (const run of partition.within(range)) {
          const first = Math.max(run.first, range.first);
          const last = Math.min(run.last, range.last, first + left - 1);
          if (run.fate.phase !== "waiting" || last < first) continue;
          changes.assign({ first, last }, { ...run.fate, phase: "leaving" });
          taken += lengthOf({ first, last });
          left -= lengthOf({ first, last });
        }
      }
      if (taken === 0) continue;
      const events = changes.events();
      await this.#engine.run(group.name, () => ({ events, reply: undefined }));
      await this.#engine.mover.settled(group, partition);
      count += taken;
    }
    return count;
  }

  async #scanned(
    group: ShareGroup,
    places: readonly TopicPartition[],
  ): Promise<readonly SharePartition[]> {
    const partitions = this.#engine.begin(group, places);
    for (const partition of partitions) {
      await this.#engine.scanner.scan(group, partition, Number.POSITIVE_INFINITY);
    }
    return partitions;
  }
}

function askedFor(
  partition: SharePartition,
  offsets: RedriveRequest["offsets"],
): readonly OffsetRange[] {
  if (offsets === null) return [{ first: 0, last: partition.scannedTo - 1 }];
  const own = offsets.filter((each) => each.partition === partition.partition);
  return [...new Set(own.map(({ offset }) => offset))]
    .sort((one, other) => one - other)
    .map((offset) => ({ first: offset, last: offset }));
}
