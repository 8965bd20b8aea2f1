// A broker: all topics of one data directory, put together from the parts beside this file.
//
// Opening goes upward: replay the catalog, open the partitions; whoever is built on top then begins housekeeping.
// Closing goes down: refuse new work and let what runs end (`stop`), then close the logs and write the marker of an
// orderly stop last (`close`).

import { assert } from "../base/assert.ts";
import { ByteBudget } from "../base/byte-budget.ts";
import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { StartSteps } from "../base/start-steps.ts";
import type { SteadyClock } from "../base/steady-clock.ts";
import { Coordinator } from "../coordinator/coordinator.ts";
import { LogStateLog } from "../coordinator/log-state-log.ts";
import { defaultFileBounds, FileCache } from "../log/file-cache.ts";
import { defaultLimits } from "../log/log-options.ts";
import type { TransactionMarker } from "../record/control-batch.ts";
import type { ActiveProducer, DataServices, TopicPartition, TopicServices } from "../services.ts";
import type { DataDirectory } from "../storage/data-directory.ts";
import type { Disk } from "../storage/disk.ts";
import { WatchedDisk } from "../storage/watched-disk.ts";
import type { BrokerGauges, BrokerObserver, BrokerSettings } from "./broker-settings.ts";
import { type BrokerCut, cutOf, filesSettled, flushAll } from "./broker-cut.ts";
import { Catalog, type TopicChange } from "./catalog.ts";
import { CatalogMachine, type TopicEvent } from "./catalog-machine.ts";
import { openMetadataPartition, startCatalog } from "./catalog-start.ts";
import { clockWarnings, openAgeClock } from "./age-clock.ts";
import { Checkpointer } from "./checkpointer.ts";
import { DiskWatch } from "./disk-watch.ts";
import { Fetcher } from "./fetch.ts";
import { listOffsets } from "./list-offsets.ts";
import type { Partition } from "./partition.ts";
import { PartitionStore } from "./partition-store.ts";
import { Producer } from "./produce.ts";
import { type ConfigValues, parseConfigs, settingsOf } from "./topic-config.ts";
import { metadataTopicName } from "./topic-name.ts";
import { internalConfigsOf, metadataTopic } from "./metadata-topic.ts";
import { CatalogTopicServices } from "./topic-services.ts";
import { Topics, unknownPartition } from "./topics.ts";
import { closedGate, type TransactionGate } from "./transaction-gate.ts";
import { Upkeep } from "./upkeep.ts";

// Names beyond these say no more to whoever reads them.
const problemsMax = 20;

/** What a broker is opened with. */
export interface BrokerOptions {
  readonly data: DataDirectory;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: BrokerObserver;
  readonly settings: BrokerSettings;
  /** Told what has been done; nobody is told when absent. */
  readonly steps?: StartSteps;
}

interface BrokerParts {
  readonly files: FileCache;
  readonly checkpointer: Checkpointer;
  readonly store: PartitionStore;
  readonly topics: Topics;
  readonly metadata: Partition;
  readonly machine: CatalogMachine;
  readonly coordinator: Coordinator<TopicEvent>;
  readonly serverDefaults: ConfigValues;
  readonly diskWatch: DiskWatch;
  readonly ageClock: SteadyClock;
}

/** Topics and their data. */
export class Broker {
  /** Produce, fetch and offsets, for clients. */
  readonly data: DataServices;
  /** Topics, for clients. */
  readonly topics: TopicServices;
  readonly #options: BrokerOptions;
  readonly #parts: BrokerParts;
  readonly #catalog: Catalog;
  readonly #appendBudget: ByteBudget;
  readonly #replyBudget: ByteBudget;
  readonly #producer: Producer;
  readonly #fetcher: Fetcher;
  readonly #upkeep: Upkeep;
  readonly #listeners: ((change: TopicChange) => void)[] = [];
  #gate: TransactionGate = closedGate;
  #isStopping = false;

  private constructor(options: BrokerOptions, parts: BrokerParts) {
    const { settings, clock, observer } = options;
    const { topics, serverDefaults, diskWatch, ageClock } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#appendBudget = budgetOf(options, "appends in flight", settings.inFlightBytesMax);
    this.#replyBudget = budgetOf(options, "fetch replies", settings.lentBytesMax);
    this.#upkeep = new Upkeep({ ...options, topics, diskWatch, ageClock });
    const { defaultPartitions, topicPartitionsMax, partitionsMax } = settings;
    this.#catalog = new Catalog({
      ...options,
      ...parts,
      defaultPartitions,
      topicPartitionsMax,
      partitionsMax,
      onChange: (change) => this.#tell(change),
      onRetired: (delayMs) => this.#upkeep.removeRetiredAfter(delayMs),
    });
    const onProduced = (durationMs: number): void => observer.produced(durationMs);
    this.#producer = new Producer({
      topics,
      clock,
      gate: { check: (batch, place) => this.#gate.check(batch, place) },
      budget: this.#appendBudget,
      disk: diskWatch,
      timeoutMs: settings.produceTimeoutMs,
      onAnswered: onProduced,
    });
    this.#fetcher = new Fetcher({
      topics,
      clock,
      budget: this.#replyBudget,
      replyBytesMax: settings.replyBytesMax,
      parkedMax: settings.parkedFetchesMax,
      onAnswered: (bytes) => observer.fetched(bytes),
    });
    this.data = {
      produce: (request) => this.#producer.produce(request),
      fetch: (request) => this.#fetcher.fetch(request),
      listOffsets: (questions, isolation) => listOffsets(topics, questions, isolation),
    };
    this.topics = new CatalogTopicServices({
      topics,
      catalog: this.#catalog,
      serverDefaults,
      createsMissing: settings.autoCreateTopics,
      requireRoom: () => diskWatch.requireRoom(),
    });
  }

  /**
   * Opens all topics of a data directory, recovering what an unclean stop left.
   *
   * @throws INVALID_CONFIG for topic defaults; KAFKA_STORAGE_ERROR when the catalog of topics cannot be used.
   */
  static async open(unwatched: BrokerOptions): Promise<Broker> {
    const disk = WatchedDisk.over(unwatched.disk, unwatched.clock);
    const options = { ...unwatched, disk };
    const { data, clock, logger, settings } = options;
    const serverDefaults = parseConfigs(settings.topicDefaults);
    // Defaults that cannot stand together are told now and not to whoever creates the first topic.
    settingsOf(new Map(), serverDefaults);
    const topics = new Topics();
    const files = new FileCache({
      ...defaultFileBounds,
      disk,
      logger,
      filesMax: settings.openFilesMax,
    });
    const checkpointer = new Checkpointer({
      store: data,
      clock,
      logger,
      intervalMs: settings.checkpointIntervalMs,
      directoryNames: await data.partitionDirectories(),
    });
    // One bound on what waits for the disk: the budget's, which makes producers wait before it refuses them.
    const limits = { ...defaultLimits, queuedBytesMax: settings.inFlightBytesMax };
    const ageClock = await openAgeClock(options);
    let onShort = (): void => undefined;
    const watching = { ...options, path: data.path, marks: settings, onShort: () => onShort() };
    const diskWatch = new DiskWatch(watching);
    const held = { files, checkpointer, limits, room: diskWatch };
    const store = new PartitionStore({ ...options, ...held, ageClock });
    const internalConfigs = internalConfigsOf(settings);
    const internalSettings = settingsOf(internalConfigs, new Map());
    const metadata = await openMetadataPartition({ store, data }, internalSettings);
    try {
      const machine = new CatalogMachine();
      const coordinator = await Coordinator.open({
        name: metadataTopicName,
        machine,
        log: new LogStateLog(metadata.log()),
        clock,
        logger,
        snapshotGrowthBytes: settings.stateSnapshotBytes,
        onLoaded: null,
      });
      options.steps?.ended("catalog");
      const parts = {
        files,
        checkpointer,
        store,
        topics,
        metadata,
        machine,
        coordinator,
        diskWatch,
        ageClock,
      };
      await startCatalog({ ...options, ...parts, serverDefaults });
      options.steps?.ended("partitions");
      topics.set(metadataTopic(metadata, internalConfigs));
      const broker = new Broker(options, { ...parts, serverDefaults });
      onShort = () => void broker.keepHouse();
      // What recovery made durable needs no second scan should this process die as well.
      if (!data.wasClean) checkpointer.touch();
      return broker;
    } catch (error) {
      checkpointer.close();
      await store.close([...topics.partitions(), metadata]);
      throw error;
    }
  }

  /** Says how old things are, whatever the wall clock does. */
  get ageClock(): Clock {
    return this.#parts.ageClock;
  }

  /** The topics now, for what is built on top. */
  get liveTopics(): Topics {
    return this.#parts.topics;
  }

  /**
   * The first partition of a topic of the server's own, which is created if need be.
   * @throws KAFKA_STORAGE_ERROR when its log cannot be used.
   */
  async internalPartition(name: string): Promise<Partition> {
    const existing = this.liveTopics.findPartition(name, 0);
    if (existing !== null) return existing;
    const configs = Object.fromEntries(internalConfigsOf(this.#options.settings));
    const request = { name, partitionCount: 1, configs, validateOnly: false };
    const { topic } = await this.#catalog.create(request);
    const [partition] = topic.partitions;
    assert(partition !== undefined, `topic ${name} has a partition`);
    return partition;
  }

  /** From now on this gate is asked before a transactional batch is appended; until then all are refused. */
  setTransactionGate(gate: TransactionGate): void {
    this.#gate = gate;
  }

  /**
   * Ends a producer's transaction in a partition; resolves when the marker is durable.
   *
   * @throws UNKNOWN_TOPIC_OR_PARTITION when the topic is gone; INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED;
   *         DISK_FULL, SERVER_OVERLOADED, KAFKA_STORAGE_ERROR: the marker may be sent again.
   */
  async appendMarker(place: TopicPartition, marker: TransactionMarker): Promise<void> {
    await this.#partitionAt(place).appendMarker(marker, this.#options.clock.nowMs());
  }

  /** The producers a partition remembers, by id. @throws UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR */
  describeProducers(place: TopicPartition): readonly ActiveProducer[] {
    return this.#partitionAt(place).describeProducers();
  }

  /** Calls `listener` after each change of a topic, in order. It must not throw. */
  onTopicChange(listener: (change: TopicChange) => void): void {
    this.#listeners.push(listener);
  }

  /** What is wrong, as sentences; empty when all is well. */
  async problems(): Promise<readonly string[]> {
    const problems: string[] = [];
    if (this.#isStopping) problems.push("the server is stopping");
    for (const partition of this.liveTopics.partitions()) {
      const health = partition.health();
      if (health.state === "ok") continue;
      problems.push(`partition ${partition.directoryName} is ${health.state}: ${health.detail}`);
      if (problems.length >= problemsMax) break;
    }
    if (this.#parts.checkpointer.failure !== null) {
      problems.push("the checkpoint cannot be written; restarts take longer");
    }
    const { state } = this.#parts.coordinator;
    if (state === "failed") problems.push("the catalog of topics cannot be changed any more");
    const { diskWatch } = this.#parts;
    await diskWatch.ask();
    problems.push(...diskWatch.problems());
    return problems;
  }

  /** What should be seen to before it becomes a problem, as sentences, at the last call of `problems`. */
  warnings(): readonly string[] {
    const { diskWatch, ageClock } = this.#parts;
    const damaged = this.#upkeep.warnings();
    return [...diskWatch.warnings(), ...clockWarnings(ageClock), ...damaged];
  }

  /** Numbers for metrics. */
  gauges(): BrokerGauges {
    return {
      ...this.#upkeep.gauges(),
      topics: this.liveTopics.count,
      partitions: this.liveTopics.partitionCount,
      inFlightBytes: this.#appendBudget.takenBytes,
      lentBytes: this.#replyBudget.takenBytes,
      parkedFetches: this.#fetcher.parkedCount,
      openFiles: this.#parts.files.fileCount,
      freeBytes: this.#parts.diskWatch.freeBytes,
      diskLevel: this.#parts.diskWatch.level,
      diskStalledMs: this.#parts.diskWatch.stalledMs,
      clockDoubtedMs: this.#parts.ageClock.doubtedMs,
    };
  }

  /** Every log at one instant in which no topic changes. @throws KAFKA_STORAGE_ERROR, DISK_FULL, as `cutOf` */
  async cut(): Promise<BrokerCut> {
    await flushAll(this.liveTopics);
    const { clock } = this.#options;
    for (;;) {
      const cut = await this.#catalog.still(() => cutOf(this.liveTopics, clock.nowMs()));
      if (cut !== null) return cut;
      await filesSettled(this.liveTopics);
    }
  }

  /** Begins housekeeping: once all who need old records have said so (`Log.hold`), for the first round is now. */
  beginHousekeeping(): void {
    void this.#parts.diskWatch.look();
    this.#upkeep.start();
  }

  /** A round of retention now, instead of at the next interval. */
  keepHouse(): Promise<void> {
    return this.#upkeep.keepHouse();
  }

  /** A look through all sealed segments now. */
  scrub(): Promise<void> {
    return this.#upkeep.scrub();
  }

  /** Compacts what is due now, instead of at the next interval. */
  compact(): Promise<void> {
    return this.#upkeep.compact();
  }

  /** Refuses new work with SERVER_STOPPING; parked fetches answer with what there is. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#appendBudget.close();
    await this.#fetcher.close();
    await this.#catalog.close();
    await this.#upkeep.stop();
  }

  /**
   * Closes every log after `stop`, syncing what is not yet synced. The marker of an orderly stop is written only when
   * every partition was well to the end: any other is judged by a scan at the next start.
   */
  async close(): Promise<void> {
    await this.stop();
    this.#producer.close();
    const { data, logger } = this.#options;
    const { coordinator, checkpointer, store, topics } = this.#parts;
    await coordinator.close();
    checkpointer.close();
    const partitions = [...topics.partitions()];
    const wasWell = partitions.every((partition) => partition.health().state === "ok");
    const failureCount = await store.close(partitions);
    await this.#upkeep.ended();
    try {
      await checkpointer.write();
      if (wasWell && failureCount === 0) await data.markClean();
    } catch (error) {
      logger.warn({ err: error }, "the stop cannot be marked as orderly; the next start scans");
    }
  }

  #partitionAt({ topic, partition: number }: TopicPartition): Partition {
    const partition = this.liveTopics.findPartition(topic, number);
    if (partition !== null) return partition;
    const detail = unknownPartition(topic, number);
    throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", detail, {
      facts: { topic, partition: number },
    });
  }

  #tell(change: TopicChange): void {
    this.#upkeep.topicChanged(change.name);
    for (const listener of this.#listeners) listener(change);
  }
}

function budgetOf({ clock, settings }: BrokerOptions, name: string, bytesMax: number): ByteBudget {
  const { admissionWaitMs: waitMsMax, admissionsMax: waitersMax } = settings;
  return new ByteBudget({ clock, name, bytesMax, waitMsMax, waitersMax });
}
