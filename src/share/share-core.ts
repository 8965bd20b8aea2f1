// What the parts of the share engine ask of it.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { LoopShare } from "../base/loop-share.ts";
import type { Random } from "../base/random.ts";
import type { StateLog } from "../coordinator/state-log.ts";
import type { Command } from "../coordinator/state-machine.ts";
import type { ProducerIdentity, TopicPartition } from "../services.ts";
import type { Receivers } from "./receivers.ts";
import type { Scanner } from "./scanning.ts";
import type { ShareEvent } from "./share-events.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";
import type { ShareSource } from "./share-source.ts";

/** What the engine is made of. */
export interface ShareEngineOptions {
  /** Holds the state of share groups and nothing else; stays the caller's to close. */
  readonly log: StateLog;
  readonly source: ShareSource;
  /** A new producer id, for moves between topics. */
  producerId(): Promise<ProducerIdentity>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly share: LoopShare;
  /** As in `CoordinatorOptions`. */
  readonly snapshotGrowthBytes: number | null;
}

/** The engine as its parts see it. */
export interface ShareCore {
  readonly options: ShareEngineOptions;
  readonly scanner: Scanner;
  /** True once it is closing. */
  readonly isClosed: boolean;
  /** A group; null when there is none. */
  find(group: string): ShareGroup | null;
  /** A group. @throws GROUP_ID_NOT_FOUND */
  need(group: string): ShareGroup;
  /** The share partitions of places, begun where they are new; places that do not exist are left out. */
  begin(group: ShareGroup, places: readonly TopicPartition[]): readonly SharePartition[];
  /** Decides, and tends the group to what has changed; resolves when it is durable. */
  run<Reply>(group: string, command: Command<ShareEvent, Reply>): Promise<Reply>;
  /** Resolves when commands are taken. @throws what a command is refused with now */
  checkReady(): Promise<void>;
  /** Does what time and changes ask for. */
  tend(group: ShareGroup): void;
  /** Those who wait for records of a group. */
  lineOf(group: string): Receivers;
  /** Forgets a line in which nobody is left. */
  leaveLine(group: string, line: Receivers): void;
  /** Lets the first receiver look again after a time. */
  wakeLater(group: ShareGroup, delayMs: number): void;
  /** Tends a group again after a time. */
  alarm(group: ShareGroup, delayMs: number): void;
}
