// The embedded engine: a data directory opened for use, as the services that doors ask.
//
// Opening goes upward: lock and read the directory, open the topics, load the groups. Closing goes down: refuse new
// work, let what runs end, stop the groups, close the logs, mark the stop as orderly, let the lock go.

import { type Clock, systemClock } from "./base/clock.ts";
import { LogError } from "./base/error.ts";
import { type Logger, silentLogger } from "./base/logger.ts";
import { type Random, systemRandom } from "./base/random.ts";
import { Broker } from "./broker/broker.ts";
import { brokerServices } from "./broker/broker-configs.ts";
import {
  type BrokerGauges,
  type BrokerObserver,
  type BrokerSettings,
  defaultBrokerSettings,
  silentBrokerObserver,
} from "./broker/broker-settings.ts";
import { offsetsTopicName } from "./broker/topic-name.ts";
import { LogStateLog } from "./coordinator/log-state-log.ts";
import { GroupServicesOver } from "./group/group-services.ts";
import { defaultGroupLimits, type GroupLimits } from "./group/membership.ts";
import { prepareCompression } from "./record/compression.ts";
import type { BrokerServices, EngineHealth, Services, TransactionServices } from "./services.ts";
import { DataDirectory } from "./storage/data-directory.ts";
import type { Disk } from "./storage/disk.ts";
import { NodeDisk } from "./storage/node-disk.ts";

/** Settings of an engine: of its topics, and of its groups. Sizes are bytes, times milliseconds. */
export interface EngineSettings extends BrokerSettings {
  /** Members of one consumer group; more are refused. */
  readonly groupMembersMax: number;
  /** How long a new group of the classic protocol waits for more members. */
  readonly groupInitialRebalanceDelayMs: number;
  /** How long a group without members keeps its committed offsets. */
  readonly offsetsRetentionMs: number;
}

/** What holds when nothing else is said. */
export const defaultEngineSettings: EngineSettings = {
  ...defaultBrokerSettings,
  groupMembersMax: defaultGroupLimits.membersPerGroupMax,
  groupInitialRebalanceDelayMs: defaultGroupLimits.initialRebalanceDelayMs,
  offsetsRetentionMs: defaultGroupLimits.offsetsRetentionMs,
};

/** Hears what an engine does, as numbers for metrics. Called synchronously; must not throw. */
export type EngineObserver = BrokerObserver;

/** Numbers of an engine at one instant. */
export interface EngineGauges extends BrokerGauges {
  /** Group members that wait for a change of their assignment. */
  readonly parkedMembers: number;
}

/** How to open an engine; only the path is needed. */
export interface EngineOptions {
  /** The data directory; made when missing. One engine at a time may have it open. */
  readonly path: string;
  /** What differs from `defaultEngineSettings`. */
  readonly settings?: Partial<EngineSettings>;
  /** This machine's disk, read through maps, when absent. */
  readonly disk?: Disk;
  /** This machine's clocks when absent. */
  readonly clock?: Clock;
  /** The operating system's randomness when absent. */
  readonly random?: Random;
  /** Nothing is logged when absent. */
  readonly logger?: Logger;
  /** Nobody hears when absent. */
  readonly observer?: EngineObserver;
}

/** An open engine. */
export interface Engine {
  /** Everything that can be asked of it, with the meaning of Kafka's APIs of the same names. */
  readonly services: Services;
  /** Kafka's cluster id of the data directory: 22 characters of base64url. */
  readonly clusterId: string;
  /** Numbers for metrics. */
  gauges(): EngineGauges;
  /** Looks at the age and size of all segments now, instead of at the next interval. */
  applyRetention(): Promise<void>;
  /**
   * Stops in order: everything appended is on the disk when it resolves, and the next open scans nothing. Replies of
   * fetches stay valid until they are released. Closing twice is harmless.
   */
  close(): Promise<void>;
}

/**
 * Opens a data directory and recovers what an unclean stop left.
 *
 * A partition that cannot be opened does not keep the others from being served: `services.health()` names it.
 *
 * @throws KAFKA_STORAGE_ERROR when the directory is in use, was made by a newer version, or its catalog of topics or
 *         its groups cannot be read; DISK_FULL; INVALID_CONFIG for topic defaults.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const settings = { ...defaultEngineSettings, ...options.settings };
  const seams = {
    disk: options.disk ?? new NodeDisk({ readMode: "map" }),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    logger: options.logger ?? silentLogger,
  };
  await prepareCompression();
  const data = await DataDirectory.open({ path: options.path, ...seams });
  let broker: Broker | null = null;
  try {
    const observer = options.observer ?? silentBrokerObserver;
    broker = await Broker.open({ ...seams, data, observer, settings });
    const limits = {
      ...defaultGroupLimits,
      membersPerGroupMax: settings.groupMembersMax,
      initialRebalanceDelayMs: settings.groupInitialRebalanceDelayMs,
      offsetsRetentionMs: settings.offsetsRetentionMs,
    };
    const groups = await openGroups(broker, { ...seams, limits });
    const about = brokerServices({
      ...seams,
      path: options.path,
      settings: { ...limits, ...settings },
      defaults: { ...defaultGroupLimits, ...defaultEngineSettings },
    });
    return new OpenEngine(data, broker, { groups, about });
  } catch (error) {
    await broker?.close();
    await data.close();
    throw error;
  }
}

async function openGroups(
  broker: Broker,
  seams: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly limits: GroupLimits;
  },
): Promise<GroupServicesOver> {
  const partition = await broker.internalPartition(offsetsTopicName);
  const groups = await GroupServicesOver.open({
    ...seams,
    log: new LogStateLog(partition.log()),
    topics: (name) => broker.liveTopics.find(name)?.listing ?? null,
    snapshotGrowthBytes: null,
  });
  broker.onTopicChange(({ kind, name, topicId }) => {
    if (kind === "deleted") groups.topicDeleted(name, topicId);
    else groups.topicChanged(name);
  });
  return groups;
}

// Replaced by the real ones as they come.
function unavailable<S extends object>(): S {
  const refuse = (): Promise<never> =>
    Promise.reject(new LogError("UNSUPPORTED_VERSION", "not part of this engine"));
  return new Proxy({} as S, { get: () => refuse });
}

interface EngineParts {
  readonly groups: GroupServicesOver;
  /** The server as a whole, for clients that ask about it. */
  readonly about: BrokerServices;
}

class OpenEngine implements Engine {
  readonly services: Services;
  readonly clusterId: string;
  readonly #data: DataDirectory;
  readonly #broker: Broker;
  readonly #groups: GroupServicesOver;
  #closed: Promise<void> | null = null;

  constructor(data: DataDirectory, broker: Broker, parts: EngineParts) {
    const { groups, about } = parts;
    this.#data = data;
    this.#broker = broker;
    this.#groups = groups;
    this.clusterId = data.clusterId;
    const health = (): Promise<EngineHealth> => this.#health();
    this.services = {
      data: broker.data,
      topics: broker.topics,
      groups,
      classicGroups: groups.classic,
      transactions: unavailable<TransactionServices>(),
      broker: about,
      health,
    };
  }

  gauges(): EngineGauges {
    return { ...this.#broker.gauges(), parkedMembers: this.#groups.waiterCount };
  }

  async applyRetention(): Promise<void> {
    await this.#broker.keepHouse();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #health(): Promise<EngineHealth> {
    const problems = [...(await this.#broker.problems())];
    if (this.#groups.state === "failed")
      problems.push("the group coordinator cannot write its log");
    return { ready: problems.length === 0, problems };
  }

  async #close(): Promise<void> {
    try {
      await this.#broker.stop();
      await this.#groups.close();
      await this.#broker.close();
    } finally {
      await this.#data.close();
    }
  }
}
