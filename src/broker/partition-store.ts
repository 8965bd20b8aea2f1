// Partitions on the disk: makes, opens, closes and puts away their directories. Knows nothing of which topics exist.
//
//   <data directory>/<topic>-<partition>/   partition.metadata, segments and indexes

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { mapParallel } from "../base/parallel.ts";
import type { Random } from "../base/random.ts";
import type { FileCache } from "../log/file-cache.ts";
import { Log } from "../log/log.ts";
import type { LogLimits, LogObserver, LogRoom } from "../log/log-options.ts";
import type { DataDirectory } from "../storage/data-directory.ts";
import type { Disk } from "../storage/disk.ts";
import { partitionNameOf } from "../storage/partition-name.ts";
import type { Checkpointer } from "./checkpointer.ts";
import { Partition } from "./partition.ts";
import { readPartitionMetadata, writePartitionMetadata } from "./partition-metadata.ts";
import type { TopicSettings } from "./topic-config.ts";

// Enough to keep the disk busy at start, few enough that a thousand partitions do not all hold buffers at once.
const openingsMax = 32;

/** What partitions are opened with. */
export interface PartitionStoreOptions {
  readonly data: DataDirectory;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly files: FileCache;
  readonly limits: LogLimits;
  readonly observer: LogObserver;
  readonly checkpointer: Checkpointer;
  readonly room: LogRoom;
  /** See `LogOptions.ageClock`. */
  readonly ageClock: Pick<Clock, "nowMs">;
}

/** Partitions `from` to below `to` of one topic. */
export interface PartitionRange {
  readonly topic: string;
  readonly topicId: string;
  readonly from: number;
  readonly to: number;
  readonly settings: TopicSettings;
}

/** The disk side of the catalog. */
export class PartitionStore {
  readonly #options: PartitionStoreOptions;

  /** @param options Seams and bounds. */
  constructor(options: PartitionStoreOptions) {
    this.#options = options;
  }

  /**
   * Makes new, empty partitions. When it resolves everything about them is durable; nothing refers to them yet. A
   * directory that lies in the way belongs to nobody and is set aside.
   *
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR; what was made is put away again.
   */
  async create(range: PartitionRange): Promise<readonly Partition[]> {
    const { checkpointer } = this.#options;
    const made: Partition[] = [];
    try {
      const isReplacing = numbers(range).some((number) =>
        checkpointer.hasStored(partitionNameOf({ topic: range.topic, partition: number })),
      );
      await mapParallel(numbers(range), {
        limit: openingsMax,
        work: async (number) => {
          made.push(await this.#createOne(range, number));
        },
      });
      // An entry of an earlier topic of this name would make the new log look cut short.
      if (isReplacing) await checkpointer.write();
    } catch (error) {
      await this.drop(made);
      await this.retire(range).catch((cause: unknown) => {
        this.#options.logger.warn({ err: cause, topic: range.topic }, "left directories behind");
      });
      throw error;
    }
    return made.sort((one, other) => one.partition - other.partition);
  }

  /**
   * Opens the partitions of topics that exist, recovering them if need be. A partition whose directory is missing,
   * belongs to another topic, or cannot be opened stays without a log and says why.
   *
   * @returns Partitions by topic name.
   */
  async open(
    ranges: readonly PartitionRange[],
  ): Promise<ReadonlyMap<string, readonly Partition[]>> {
    const wanted = ranges.flatMap((range) => numbers(range).map((number) => ({ range, number })));
    const opened = await mapParallel(wanted, {
      limit: openingsMax,
      work: ({ range, number }) => this.#openOne(range, number),
    });
    const byTopic = new Map<string, Partition[]>(ranges.map(({ topic }) => [topic, []]));
    for (const partition of opened) byTopic.get(partition.topic)?.push(partition);
    return byTopic;
  }

  /** Closes logs; resolves to how many closed badly, which is logged. Checkpoints go on including them. */
  async close(partitions: Iterable<Partition>): Promise<number> {
    const { logger } = this.#options;
    let failureCount = 0;
    await mapParallel([...partitions], {
      limit: openingsMax,
      work: async (partition) => {
        try {
          await partition.logOrNull?.close();
        } catch (error) {
          failureCount++;
          logger.warn({ err: error, partition: partition.directoryName }, "a log closed badly");
        }
      },
    });
    return failureCount;
  }

  /** Closes logs that no checkpoint shall speak of any more; resolves when nobody needs their names either. */
  async drop(partitions: readonly Partition[]): Promise<void> {
    await this.close(partitions);
    for (const partition of partitions) await partition.logOrNull?.uncut();
    for (const { directoryName } of partitions) this.#options.checkpointer.remove(directoryName);
  }

  /** Leaves a directory that was moved away out of checkpoints. */
  forget(directoryName: string): void {
    this.#options.checkpointer.remove(directoryName);
  }

  /** Renames the directories of closed partitions out of the way, durably; those of other topics are left alone. */
  async retire({ topic, topicId, from, to }: Omit<PartitionRange, "settings">): Promise<void> {
    const { data, disk } = this.#options;
    for (let number = from; number < to; number++) {
      const name = partitionNameOf({ topic, partition: number });
      const directory = `${data.path}/${name}`;
      const owner = await readPartitionMetadata(disk, directory);
      if (owner === topicId) await data.retire(name, topicId);
    }
  }

  async #createOne(range: PartitionRange, number: number): Promise<Partition> {
    const { data, disk, logger } = this.#options;
    const name = partitionNameOf({ topic: range.topic, partition: number });
    const directory = `${data.path}/${name}`;
    if (await disk.exists(directory)) {
      logger.warn({ directory: name }, "a directory of no topic lies in the way and is set aside");
      await data.setAside(name);
    }
    await disk.makeDirectory(directory);
    await writePartitionMetadata(disk, { directory, topicId: range.topicId });
    const log = await this.#openLog(range, { name, isNew: true });
    return this.#partition(range, { number, log, problem: null });
  }

  async #openOne(range: PartitionRange, number: number): Promise<Partition> {
    const { data, disk, logger } = this.#options;
    const name = partitionNameOf({ topic: range.topic, partition: number });
    try {
      const owner = await readPartitionMetadata(disk, `${data.path}/${name}`);
      if (owner !== range.topicId) {
        const exists = await disk.exists(`${data.path}/${name}`);
        const reason = exists ? "has no partition.metadata of this topic" : "is missing";
        throw new LogError("KAFKA_STORAGE_ERROR", `its directory ${reason}`);
      }
      const log = await this.#openLog(range, { name, isNew: false });
      return this.#partition(range, { number, log, problem: null });
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      logger.error({ err: error, partition: name }, "a partition cannot be opened");
      const problem = `cannot be opened: ${error.message}`;
      return this.#partition(range, { number, log: null, problem });
    }
  }

  async #openLog(
    range: PartitionRange,
    { name, isNew }: { readonly name: string; readonly isNew: boolean },
  ): Promise<Log> {
    const { data, checkpointer, disk, clock, random, logger, files, limits, observer } =
      this.#options;
    const log = await Log.open({
      directory: `${data.path}/${name}`,
      disk,
      clock,
      random,
      logger,
      files,
      limits,
      observer,
      config: range.settings.log,
      checkpoint: isNew ? null : checkpointer.entryOf(name),
      createIfMissing: isNew,
      persistCheckpoint: () => checkpointer.write(),
      room: this.#options.room,
      ageClock: this.#options.ageClock,
    });
    checkpointer.add(name, log);
    log.onAdvance(() => checkpointer.touch());
    return log;
  }

  #partition(
    range: PartitionRange,
    facts: { readonly number: number; readonly log: Log | null; readonly problem: string | null },
  ): Partition {
    const { topic, settings } = range;
    const { number: partition, log, problem } = facts;
    return new Partition({ topic, partition, log, problem, settings });
  }
}

function numbers({ from, to }: PartitionRange): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
