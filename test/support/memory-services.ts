// A small engine in memory behind the waist's interface, so that a door can be tested alone. Topics and data are here;
// groups are in memory-groups.ts. Everything is durable the moment it is appended.

import type { Clock } from "../../src/base/clock.ts";
import type { ErrorName } from "../../src/base/error.ts";
import { LogError } from "../../src/base/error.ts";
import { viewOf } from "../../src/base/bytes.ts";
import {
  batchBytesAt,
  maxTimestampAt,
  nextOffsetAt,
  setBaseOffset,
} from "../../src/record/batch-header.ts";
import { RecordCursor } from "../../src/record/record-cursor.ts";
import type {
  ConfigChanges,
  ConfigEntry,
  ConfigSource,
  EngineHealth,
  FetchPartition,
  FetchPartitionResult,
  FetchRequest,
  FetchResult,
  ListOffsetsPartition,
  ListOffsetsResult,
  ProducePartition,
  ProducePartitionResult,
  ProduceRequest,
  Services,
  TopicDescription,
  TopicListing,
} from "../../src/services.ts";
import { listOffsetsTimestamp } from "../../src/services.ts";
import { MemoryGroups } from "./memory-groups.ts";

interface StoredBatch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly maxTimestampMs: number;
  readonly bytes: Uint8Array;
}

class MemoryPartition {
  logStartOffset = 0;
  endOffset = 0;
  readonly batches: StoredBatch[] = [];
  readonly waiters = new Set<() => void>();

  append(batch: Uint8Array): number {
    const bytes = Uint8Array.from(batch);
    const view = viewOf(bytes);
    const baseOffset = this.endOffset;
    setBaseOffset(view, 0, baseOffset);
    this.endOffset = nextOffsetAt(view, 0);
    const maxTimestampMs = maxTimestampAt(view, 0);
    this.batches.push({ baseOffset, nextOffset: this.endOffset, maxTimestampMs, bytes });
    for (const wake of this.waiters) wake();
    return baseOffset;
  }
}

class MemoryTopic {
  readonly configs = new Map<string, string>();
  readonly partitions: MemoryPartition[] = [];
  readonly name: string;
  readonly topicId: string;

  constructor(name: string, topicId: string) {
    this.name = name;
    this.topicId = topicId;
  }

  listing(): TopicListing {
    const { name, topicId } = this;
    const internal = name.startsWith("__");
    const batchBytesMax = Number(this.configs.get("max.message.bytes") ?? 1_048_588);
    const accepts = {
      batchBytesMax,
      timestampBeforeMsMax: Infinity,
      timestampAfterMsMax: Infinity,
    };
    return { name, topicId, partitionCount: this.partitions.length, internal, accepts };
  }
}

// What this engine has none of: any call is refused.
function absent<S extends object>(what: string): S {
  const refuse = (): Promise<never> =>
    Promise.reject(new LogError("UNSUPPORTED_VERSION", `there are no ${what} in memory`));
  return new Proxy({} as S, { get: () => refuse });
}

/** How the memory engine behaves, and what tests may watch. */
export interface MemoryServicesOptions {
  readonly clock: Clock;
  readonly autoCreateTopics?: boolean;
  readonly defaultPartitions?: number;
  readonly maxMessageBytes?: number;
}

/** The engine in memory. */
export class MemoryServices implements Services {
  readonly #options: MemoryServicesOptions;
  readonly #topics = new Map<string, MemoryTopic>();
  #ids = 0;
  /** Produce calls so far. */
  produceCalls = 0;
  /** Fetch results handed out and not yet released. */
  leases = 0;
  /** When set, every produce fails by this name. */
  produceFailure: ErrorName | null = null;
  /** When set, produce answers only when it resolves. */
  produceGate: Promise<void> | null = null;
  /** Health problems to show. */
  problems: string[] = [];
  readonly groups: MemoryGroups;
  readonly classicGroups = absent<Services["classicGroups"]>("classic groups");
  readonly transactions = absent<Services["transactions"]>("transactions");
  readonly shares = absent<Services["shares"]>("share groups");
  readonly queues = absent<Services["queues"]>("queues");
  readonly broker = absent<Services["broker"]>("broker settings");
  readonly backups = absent<Services["backups"]>("backups");

  constructor(options: MemoryServicesOptions) {
    this.#options = options;
    this.groups = new MemoryGroups({
      clock: options.clock,
      partitionCountOf: (topic) => this.#topics.get(topic)?.partitions.length ?? 0,
    });
  }

  readonly data = {
    produce: async (request: ProduceRequest): Promise<readonly ProducePartitionResult[]> => {
      this.produceCalls++;
      const results = request.partitions.map((part) => this.#produce(part));
      await this.produceGate;
      return results;
    },
    fetch: (request: FetchRequest): Promise<FetchResult> => this.#fetch(request),
    listOffsets: async (
      partitions: readonly ListOffsetsPartition[],
    ): Promise<readonly ListOffsetsResult[]> => partitions.map((asked) => this.#offsetAt(asked)),
  };

  readonly topics = {
    list: async () => [...this.#topics.values()].map((topic) => topic.listing()),
    lookupId: (topicId: string) =>
      [...this.#topics.values()].find((topic) => topic.topicId === topicId)?.listing() ?? null,
    lookup: (name: string) => this.#topics.get(name)?.listing() ?? null,
    ensure: async (name: string) => {
      const known = this.#topics.get(name);
      if (known !== undefined) return known.listing();
      if (this.#options.autoCreateTopics === false) throw unknownTopic(name);
      return this.#create(name, this.#options.defaultPartitions ?? 1, {}).listing();
    },
    describe: async (name: string): Promise<TopicDescription> => this.#describe(name),
    describeConfigs: async (name: string) => this.#describe(name).configs,
    create: async (request: Parameters<Services["topics"]["create"]>[0]) => {
      const { name, partitionCount, configs } = request;
      if (this.#topics.has(name)) throw new LogError("TOPIC_ALREADY_EXISTS", `'${name}' exists`);
      const listing = this.#create(name, partitionCount ?? 1, configs).listing();
      return { ...listing, isNew: true, configs: this.#describe(name).configs };
    },
    delete: async (name: string) => {
      const topic = this.#topic(name);
      this.#topics.delete(name);
      for (const partition of topic.partitions) for (const wake of partition.waiters) wake();
    },
    createPartitions: async (name: string, partitionCount: number) => {
      const topic = this.#topic(name);
      if (partitionCount < topic.partitions.length)
        throw new LogError("INVALID_PARTITIONS", "fewer");
      while (topic.partitions.length < partitionCount) topic.partitions.push(new MemoryPartition());
      this.groups.topicsChanged();
    },
    alterConfigs: async (name: string, changes: ConfigChanges) => {
      const topic = this.#topic(name);
      checkConfigs(changes);
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) topic.configs.delete(key);
        else if (typeof value === "string") topic.configs.set(key, value);
        else throw new LogError("INVALID_CONFIG", `'${key}' is not a list`);
      }
    },
    deleteRecords: async (
      name: string,
      before: readonly { readonly partition: number; readonly offset: number }[],
    ) => {
      const topic = this.#topic(name);
      return before.map(({ partition, offset }) => {
        const log = topic.partitions[partition];
        if (log === undefined) throw unknownTopic(name);
        if (offset > log.endOffset) throw new LogError("OFFSET_OUT_OF_RANGE", "above the end");
        log.logStartOffset = Math.max(log.logStartOffset, offset);
        return { partition, logStartOffset: log.logStartOffset };
      });
    },
  };

  async health(): Promise<EngineHealth> {
    return { ready: this.problems.length === 0, problems: this.problems, warnings: [] };
  }

  #topic(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw unknownTopic(name);
    return topic;
  }

  #create(name: string, count: number, configs: Readonly<Record<string, string>>): MemoryTopic {
    if (!/^[\w.-]{1,249}$/.test(name) || name === "." || name === "..") {
      throw new LogError("INVALID_TOPIC_EXCEPTION", `'${name}' is no topic name`);
    }
    if (count < 1) throw new LogError("INVALID_PARTITIONS", "a topic has at least one partition");
    checkConfigs(configs);
    const suffix = String(++this.#ids).padStart(12, "0");
    const topic = new MemoryTopic(name, `00000000-0000-4000-8000-${suffix}`);
    for (const [key, value] of Object.entries(configs)) topic.configs.set(key, value);
    while (topic.partitions.length < count) topic.partitions.push(new MemoryPartition());
    this.#topics.set(name, topic);
    this.groups.topicsChanged();
    return topic;
  }

  #describe(name: string): TopicDescription {
    const topic = this.#topic(name);
    return {
      ...topic.listing(),
      configs: [
        configEntry("cleanup.policy", "delete", "default"),
        ...[...topic.configs].map(([key, value]) => configEntry(key, value, "topic")),
      ],
      partitions: topic.partitions.map((log, partition) => ({
        partition,
        logStartOffset: log.logStartOffset,
        highWatermark: log.endOffset,
        logEndOffset: log.endOffset,
        sizeBytes: log.batches.reduce((sum, { bytes }) => sum + bytes.length, 0),
        segmentCount: 1,
        damage: [],
      })),
    };
  }

  #produce(part: ProducePartition): ProducePartitionResult {
    const { topic, partition, batches, expectedEndOffset } = part;
    const log = this.#topics.get(topic)?.partitions[partition];
    const answer = {
      topic,
      partition,
      detail: null,
      recordIndex: null,
      isDuplicate: false,
      baseOffset: -1,
      logAppendTimeMs: -1,
      logStartOffset: log?.logStartOffset ?? -1,
      logEndOffset: log?.endOffset ?? -1,
      durability: "fsync" as const,
    };
    if (log === undefined) return { ...answer, error: "UNKNOWN_TOPIC_OR_PARTITION" };
    if (this.produceFailure !== null) return { ...answer, error: this.produceFailure };
    if (expectedEndOffset !== null && expectedEndOffset !== log.endOffset) {
      return { ...answer, error: "OFFSET_MISMATCH" };
    }
    const bytesMax = this.#options.maxMessageBytes ?? 1_048_588;
    if (batches.some(({ length }) => length > bytesMax)) {
      return { ...answer, error: "MESSAGE_TOO_LARGE" };
    }
    const baseOffset = log.endOffset;
    for (const batch of batches) log.append(batch);
    return { ...answer, error: null, baseOffset, logEndOffset: log.endOffset };
  }

  async #fetch(request: FetchRequest): Promise<FetchResult> {
    const deadlineMs = this.#options.clock.monotonicMs() + request.maxWaitMs;
    for (;;) {
      const partitions = this.#read(request);
      const bytes = partitions.reduce((sum, { batches }) => sum + batches.length, 0);
      const isEnough = bytes >= request.minBytes || partitions.some(({ error }) => error !== null);
      const waitMs = deadlineMs - this.#options.clock.monotonicMs();
      if (isEnough || waitMs <= 0 || request.signal?.aborted === true) {
        this.leases++;
        let isReleased = false;
        const release = (): void => {
          if (isReleased) throw new Error("a fetch was released twice");
          isReleased = true;
          this.leases--;
        };
        return { partitions, release };
      }
      await this.#changed(request, waitMs);
    }
  }

  #read(request: FetchRequest): readonly FetchPartitionResult[] {
    let left = request.maxBytes;
    let isFirst = true;
    return request.partitions.map((asked) => {
      const result = this.#readOne(asked, { left, isFirst });
      left -= result.batches.length;
      if (result.batches.length > 0) isFirst = false;
      return result;
    });
  }

  #readOne(
    asked: FetchPartition,
    budget: { readonly left: number; readonly isFirst: boolean },
  ): FetchPartitionResult {
    const { topic, partition, fetchOffset } = asked;
    const log = this.#topics.get(topic)?.partitions[partition];
    const answer = {
      topic,
      partition,
      detail: null,
      highWatermark: log?.endOffset ?? -1,
      lastStableOffset: log?.endOffset ?? -1,
      logStartOffset: log?.logStartOffset ?? -1,
      abortedTransactions: [],
      batches: new Uint8Array(0),
    };
    if (log === undefined) return { ...answer, error: "UNKNOWN_TOPIC_OR_PARTITION" };
    if (fetchOffset > log.endOffset) return { ...answer, error: "OFFSET_OUT_OF_RANGE" };
    if (fetchOffset < log.logStartOffset) return { ...answer, error: "OFFSET_BELOW_LOG_START" };
    const chosen: Uint8Array[] = [];
    let room = Math.min(asked.maxBytes, budget.left);
    for (const { nextOffset, bytes } of log.batches) {
      if (nextOffset <= fetchOffset) continue;
      const mustFit = chosen.length > 0 || !budget.isFirst;
      if (mustFit && bytes.length > room) break;
      chosen.push(bytes);
      room -= bytes.length;
    }
    return { ...answer, error: null, batches: Buffer.concat(chosen) };
  }

  #changed(request: FetchRequest, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const logs = request.partitions.flatMap(({ topic, partition }) => {
        return this.#topics.get(topic)?.partitions[partition] ?? [];
      });
      const wake = (): void => {
        timer.cancel();
        request.signal?.removeEventListener("abort", wake);
        for (const log of logs) log.waiters.delete(wake);
        resolve();
      };
      const timer = this.#options.clock.after(waitMs, wake);
      request.signal?.addEventListener("abort", wake);
      for (const log of logs) log.waiters.add(wake);
    });
  }

  #offsetAt({ topic, partition, timestampMs }: ListOffsetsPartition): ListOffsetsResult {
    const log = this.#topics.get(topic)?.partitions[partition];
    const answer = { topic, partition, error: null, timestampMs: -1 };
    if (log === undefined) {
      return { ...answer, error: "UNKNOWN_TOPIC_OR_PARTITION", offset: -1 };
    }
    if (timestampMs === listOffsetsTimestamp.latest) return { ...answer, offset: log.endOffset };
    if (timestampMs === listOffsetsTimestamp.earliest) {
      return { ...answer, offset: log.logStartOffset };
    }
    const cursor = new RecordCursor();
    for (const { maxTimestampMs, bytes } of log.batches) {
      if (maxTimestampMs < timestampMs) continue;
      cursor.reset(bytes.subarray(0, batchBytesAt(viewOf(bytes), 0)));
      while (cursor.next()) {
        const isAt = cursor.timestampMs >= timestampMs && cursor.offset >= log.logStartOffset;
        if (isAt) return { ...answer, timestampMs: cursor.timestampMs, offset: cursor.offset };
      }
    }
    return { ...answer, offset: -1 };
  }
}

function unknownTopic(name: string): LogError {
  return new LogError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic '${name}'`, {
    facts: { topic: name },
  });
}

function configEntry(name: string, value: string, source: ConfigSource): ConfigEntry {
  const synonyms = [{ name, value, source }];
  return { name, value, source, type: "string", documentation: "", synonyms };
}

function checkConfigs(configs: ConfigChanges): void {
  for (const key of Object.keys(configs)) {
    if (/^[a-z]+(?:\.[a-z]+)+$/.test(key)) continue;
    throw new LogError("INVALID_CONFIG", `there is no config key '${key}'`, { facts: { key } });
  }
}
