// The embedded engine: a data directory opened for use, as the services that doors ask.
//
// Opening goes upward: lock and read the directory, open the topics, load the groups, load the transactions. Closing
// goes down: refuse new work, let what runs end, stop transactions and groups, close the logs, mark the stop as
// orderly, let the lock go.

import { Backups } from "./backup/backups.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import { type Logger, silentLogger } from "./base/logger.ts";
import { type Random, systemRandom } from "./base/random.ts";
import { StartSteps } from "./base/start-steps.ts";
import { Broker } from "./broker/broker.ts";
import { brokerServices } from "./broker/broker-configs.ts";
import {
  type BrokerGauges,
  type BrokerObserver,
  type BrokerSettings,
  defaultBrokerSettings,
  silentBrokerObserver,
} from "./broker/broker-settings.ts";
import {
  isInternalTopicName,
  offsetsTopicName,
  shareStateTopicName,
  transactionsTopicName,
} from "./broker/topic-name.ts";
import { LoopShare } from "./base/loop-share.ts";
import { LogStateLog } from "./coordinator/log-state-log.ts";
import { GroupServicesOver } from "./group/group-services.ts";
import { defaultGroupLimits, type GroupLimits } from "./group/group-context.ts";
import { QueuesOver } from "./queue/queues.ts";
import { prepareCompression } from "./record/compression.ts";
import type { BrokerServices, EngineHealth, Services } from "./services.ts";
import { brokerSource } from "./share/broker-source.ts";
import { leaseClock } from "./share/lease-clock.ts";
import { ShareEngine } from "./share/share-engine.ts";
import { ShareGroupsOver } from "./share/share-groups.ts";
import { DataDirectory } from "./storage/data-directory.ts";
import type { Disk } from "./storage/disk.ts";
import { NodeDisk } from "./storage/node-disk.ts";
import { WatchedDisk } from "./storage/watched-disk.ts";
import type { MarkerWriter, OffsetParticipant } from "./transaction/participants.ts";
import {
  defaultTransactionLimits,
  type TransactionLimits,
} from "./transaction/transaction-commands.ts";
import { TransactionServicesOver } from "./transaction/transaction-services.ts";

/** Settings of an engine: of its topics, its groups and its transactions. Sizes are bytes, times milliseconds. */
export interface EngineSettings extends BrokerSettings {
  /** Members of one consumer group; more are refused. */
  readonly groupMembersMax: number;
  /** How long a new group of the classic protocol waits for more members. */
  readonly groupInitialRebalanceDelayMs: number;
  /** How long a group without members keeps its committed offsets. */
  readonly offsetsRetentionMs: number;
  /** The longest time a transaction may stay open; producers ask for no more. */
  readonly transactionTimeoutMsMax: number;
  /** How long a transactional id is remembered without being used. */
  readonly transactionalIdExpirationMs: number;
  /** Backups go below this directory only; empty: anywhere, from this machine. */
  readonly backupDir: string;
}

/** What holds when nothing else is said. */
export const defaultEngineSettings: EngineSettings = {
  ...defaultBrokerSettings,
  groupMembersMax: defaultGroupLimits.membersPerGroupMax,
  groupInitialRebalanceDelayMs: defaultGroupLimits.initialRebalanceDelayMs,
  offsetsRetentionMs: defaultGroupLimits.offsetsRetentionMs,
  transactionTimeoutMsMax: defaultTransactionLimits.timeoutMsMax,
  transactionalIdExpirationMs: defaultTransactionLimits.idExpirationMs,
  backupDir: "",
};

/** Hears what an engine does, as numbers for metrics. Called synchronously; must not throw. */
export type EngineObserver = BrokerObserver;

/** Numbers of an engine at one instant. */
export interface EngineGauges extends BrokerGauges {
  /** Group members that wait for a change of their assignment. */
  readonly parkedMembers: number;
  /** Transactions that are begun and not complete. */
  readonly openTransactions: number;
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
  /** Looks through all sealed segments for damage now. */
  scrub(): Promise<void>;
  /** Compacts all logs that are due now, instead of at the next interval. */
  compact(): Promise<void>;
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
 * @throws KAFKA_STORAGE_ERROR when the directory is in use, was made by a newer version, or its catalog of topics,
 *         its groups or its transactions cannot be read; DISK_FULL; INVALID_CONFIG for topic defaults.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const settings = { ...defaultEngineSettings, ...options.settings };
  const clock = options.clock ?? systemClock;
  const seams = {
    disk: WatchedDisk.over(options.disk ?? new NodeDisk({ readMode: "map" }), clock),
    clock,
    random: options.random ?? systemRandom,
    logger: options.logger ?? silentLogger,
  };
  const steps = new StartSteps(seams);
  await prepareCompression();
  steps.ended("compression");
  const data = await DataDirectory.open({ path: options.path, ...seams });
  steps.ended("lock");
  let broker: Broker | null = null;
  let groups: GroupServicesOver | null = null;
  try {
    const observer = options.observer ?? silentBrokerObserver;
    broker = await Broker.open({ ...seams, data, observer, settings, steps });
    const limits = {
      ...defaultGroupLimits,
      membersPerGroupMax: settings.groupMembersMax,
      initialRebalanceDelayMs: settings.groupInitialRebalanceDelayMs,
      offsetsRetentionMs: settings.offsetsRetentionMs,
    };
    const snapshotGrowthBytes = settings.stateSnapshotBytes;
    groups = await openGroups(broker, { ...seams, limits, snapshotGrowthBytes });
    steps.ended("groups");
    const transactions = await openTransactions(broker, {
      ...seams,
      snapshotGrowthBytes,
      offsets: participantOf(groups),
      limits: {
        ...defaultTransactionLimits,
        timeoutMsMax: settings.transactionTimeoutMsMax,
        idExpirationMs: settings.transactionalIdExpirationMs,
      },
    });
    steps.ended("transactions");
    const shares = await openShares(broker, { ...seams, transactions, snapshotGrowthBytes });
    steps.ended("queues");
    const isTaken = (group: string): Promise<boolean> => isConsumerGroup(groups, group);
    const about = brokerServices({
      ...seams,
      path: options.path,
      settings: { ...limits, ...settings },
      defaults: { ...defaultGroupLimits, ...defaultEngineSettings },
    });
    const engine = new OpenEngine(data, broker, {
      groups,
      transactions,
      about,
      shares,
      shareGroups: new ShareGroupsOver(shares, isTaken),
      queues: new QueuesOver(shares, isTaken),
      backups: new Backups({ ...seams, broker, data, root: settings.backupDir || null }),
    });
    broker.beginHousekeeping();
    return engine;
  } catch (error) {
    await groups?.close();
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
    readonly snapshotGrowthBytes: number;
  },
): Promise<GroupServicesOver> {
  const partition = await broker.internalPartition(offsetsTopicName);
  const groups = await GroupServicesOver.open({
    ...seams,
    ageClock: broker.ageClock,
    log: new LogStateLog(partition.log()),
    topics: (name) => broker.liveTopics.find(name)?.listing ?? null,
    topicNames: () => broker.liveTopics.clientNames(),
    snapshotGrowthBytes: seams.snapshotGrowthBytes,
  });
  broker.onTopicChange(({ kind, name, topicId }) => {
    if (kind === "deleted") groups.topicDeleted(name, topicId);
    else groups.topicChanged(name);
  });
  return groups;
}

async function openTransactions(
  broker: Broker,
  seams: {
    readonly offsets: OffsetParticipant;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly limits: TransactionLimits;
    readonly snapshotGrowthBytes: number;
  },
): Promise<TransactionServicesOver> {
  const partition = await broker.internalPartition(transactionsTopicName);
  const transactions = await TransactionServicesOver.open({
    ...seams,
    ageClock: broker.ageClock,
    log: new LogStateLog(partition.log()),
    markers: markerWriterOf(broker),
    snapshotGrowthBytes: seams.snapshotGrowthBytes,
  });
  broker.setTransactionGate(transactions.gate);
  return transactions;
}

async function openShares(
  broker: Broker,
  parts: {
    readonly transactions: TransactionServicesOver;
    readonly snapshotGrowthBytes: number;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
  },
): Promise<ShareEngine> {
  const { transactions, ...seams } = parts;
  const partition = await broker.internalPartition(shareStateTopicName);
  const noTransaction = { transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
  return ShareEngine.open({
    ...seams,
    clock: leaseClock(seams.clock, seams.logger),
    log: new LogStateLog(partition.log()),
    source: brokerSource(broker),
    producerId: () => transactions.initProducerId({ transactionalId: null, ...noTransaction }),
    share: new LoopShare(seams.clock),
    snapshotGrowthBytes: seams.snapshotGrowthBytes,
  });
}

async function isConsumerGroup(groups: GroupServicesOver | null, name: string): Promise<boolean> {
  const listed = (await groups?.list()) ?? [];
  return listed.some(({ group }) => group === name);
}

function markerWriterOf(broker: Broker): MarkerWriter {
  return {
    refusalOf: ({ topic, partition }) => {
      if (isInternalTopicName(topic)) return "TOPIC_AUTHORIZATION_FAILED";
      const isThere = broker.liveTopics.findPartition(topic, partition) !== null;
      return isThere ? null : "UNKNOWN_TOPIC_OR_PARTITION";
    },
    appendMarker: (place, marker) => broker.appendMarker(place, marker),
    describeProducers: (place) => broker.describeProducers(place),
  };
}

function participantOf(groups: GroupServicesOver): OffsetParticipant {
  return {
    commitPending: (request) => groups.commitTransactional(request),
    endTransaction: (group, producer, isCommit) => groups.endTransaction(group, producer, isCommit),
  };
}

interface EngineParts {
  readonly groups: GroupServicesOver;
  readonly transactions: TransactionServicesOver;
  /** The server as a whole, for clients that ask about it. */
  readonly about: BrokerServices;
  readonly shares: ShareEngine;
  readonly shareGroups: ShareGroupsOver;
  readonly queues: QueuesOver;
  readonly backups: Backups;
}

class OpenEngine implements Engine {
  readonly services: Services;
  readonly clusterId: string;
  readonly #data: DataDirectory;
  readonly #broker: Broker;
  readonly #groups: GroupServicesOver;
  readonly #transactions: TransactionServicesOver;
  readonly #shares: ShareEngine;
  readonly #queues: QueuesOver;
  readonly #backups: Backups;
  #closed: Promise<void> | null = null;

  constructor(data: DataDirectory, broker: Broker, parts: EngineParts) {
    const { groups, transactions, about, shares, shareGroups, queues, backups } = parts;
    this.#data = data;
    this.#broker = broker;
    this.#groups = groups;
    this.#transactions = transactions;
    this.#shares = shares;
    this.#queues = queues;
    this.#backups = backups;
    this.clusterId = data.clusterId;
    const health = (): Promise<EngineHealth> => this.#health();
    this.services = {
      data: broker.data,
      topics: broker.topics,
      groups,
      classicGroups: groups.classic,
      transactions,
      shares: shareGroups,
      queues,
      broker: about,
      backups,
      health,
    };
  }

  gauges(): EngineGauges {
    return {
      ...this.#broker.gauges(),
      parkedMembers: this.#groups.waiterCount,
      openTransactions: this.#transactions.openCount,
    };
  }

  applyRetention = (): Promise<void> => this.#broker.keepHouse();
  scrub = (): Promise<void> => this.#broker.scrub();
  compact = (): Promise<void> => this.#broker.compact();

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #health(): Promise<EngineHealth> {
    const problems = [...(await this.#broker.problems())];
    if (this.#groups.state === "failed")
      problems.push("the group coordinator cannot write its log");
    if (this.#transactions.state === "failed")
      problems.push("the transaction coordinator cannot write its log");
    if (this.#shares.state === "failed")
      problems.push("the share coordinator cannot write its log");
    return { ready: problems.length === 0, problems, warnings: this.#broker.warnings() };
  }

  async #close(): Promise<void> {
    try {
      await this.#backups.close();
      await this.#broker.stop();
      await this.#queues.close();
      await this.#shares.close();
      await this.#transactions.close();
      await this.#groups.close();
      await this.#broker.close();
    } finally {
      await this.#data.close();
    }
  }
}
