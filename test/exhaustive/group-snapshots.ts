// A state machine whose log grows so fast that its whole state is written again and the log trimmed, over and over.

import { LogError } from "../../src/base/error.ts";
import { LogStateLog } from "../../src/coordinator/log-state-log.ts";
import type { GroupServicesOver } from "../../src/group/group-services.ts";
import type { CommittedOffset } from "../../src/services.ts";
import type { FaultyDisk } from "../support/faulty-disk.ts";
import { openGroups, TopicTable } from "../support/group-world.ts";
import { LogFixture } from "../support/log-fixture.ts";
import type { Subject } from "./subject.ts";

const limits = { groupBytesMax: 1 << 16, unsyncedBytesMax: 1 << 20 };
const partitionCount = 3;

/** Committed offsets of a group over a log that is kept short by snapshots. */
export class GroupSnapshots implements Subject {
  readonly #answered = new Map<number, number>();
  readonly #tried = new Map<number, number>();
  #groups: GroupServicesOver | null = null;
  #fixture: LogFixture | null = null;
  readonly #queuedBytesMax: number;
  #next = 0;

  /** @param queuedBytesMax Above this much that waits for the disk, commits are refused. */
  constructor(queuedBytesMax = 1 << 20) {
    this.#queuedBytesMax = queuedBytesMax;
  }

  async open(disk: FaultyDisk): Promise<void> {
    const fixture = new LogFixture({
      disk,
      limits: { ...limits, queuedBytesMax: this.#queuedBytesMax },
      config: { segmentBytes: 2048 },
    });
    const topics = new TopicTable();
    topics.set("t", partitionCount);
    const log = new LogStateLog(await fixture.open());
    const { groups } = await openGroups({
      log,
      topics,
      clock: fixture.clock,
      snapshotGrowthBytes: 1000,
    });
    this.#groups = groups;
    this.#fixture = fixture;
  }

  async prepare(): Promise<void> {
    await this.#commitEach();
  }

  async run(): Promise<void> {
    for (let lap = 0; lap < 12; lap++) {
      await this.#commitEach();
      // What a reader was told is promised as well.
      for (const { partition, offset } of await this.#committed()) {
        this.#answered.set(partition, offset);
      }
    }
    await this.#groups?.close();
    await this.#fixture?.closeClean();
  }

  stopped(): void {
    this.#groups = null;
  }

  async check(): Promise<readonly string[]> {
    const committed = await this.#committed();
    return [...this.#tried].flatMap(([partition, tried]) => {
      const offset = committed.find((each) => each.partition === partition)?.offset ?? -1;
      const answered = this.#answered.get(partition) ?? -1;
      this.#answered.set(partition, offset);
      if (offset >= answered && offset <= tried) return [];
      return [`partition ${partition} is committed to ${offset}, answered was ${answered}`];
    });
  }

  async goOn(): Promise<void> {
    await this.#commitEach();
  }

  async #committed(): Promise<readonly CommittedOffset[]> {
    return (await this.#groups?.committedOffsets("g", null)) ?? [];
  }

  async #commitEach(): Promise<void> {
    const offset = this.#next++;
    const partitions = Array.from({ length: partitionCount }, (_, index) => index);
    await Promise.all(partitions.map((partition) => this.#commit(partition, offset)));
  }

  async #commit(partition: number, offset: number): Promise<void> {
    const groups = this.#groups;
    if (groups === null) throw new Error("the groups are not open");
    this.#tried.set(partition, offset);
    const offsets = [{ topic: "t", partition, offset, metadata: `at ${offset}` }];
    const nobody = { group: "g", memberId: "", memberEpoch: -1 };
    try {
      const [result] = await groups.commitOffsets({ ...nobody, offsets });
      if (result?.error !== null) throw new Error(`refused: ${result?.error}`);
      this.#answered.set(partition, offset);
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "SERVER_OVERLOADED") throw error;
    }
  }
}
