// Share groups and queues over a broker on a disk in memory, their state on a log in memory, and a clock that stands
// still: one process after the other. What they ask of the topics can be watched, held up and made to fail.

import { LogError } from "../../src/base/error.ts";
import { LoopShare } from "../../src/base/loop-share.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Broker } from "../../src/broker/broker.ts";
import { defaultBrokerSettings, silentBrokerObserver } from "../../src/broker/broker-settings.ts";
import { QueuesOver } from "../../src/queue/queues.ts";
import type {
  FetchRequest,
  FetchResult,
  ProducePartitionResult,
  ProduceRequest,
  QueueSettings,
  ReceivedRange,
  Receipt,
  TopicListing,
  TopicPartition,
} from "../../src/services.ts";
import { brokerSource } from "../../src/share/broker-source.ts";
import type { DeliveryRequest } from "../../src/share/deliveries.ts";
import { ShareEngine } from "../../src/share/share-engine.ts";
import { ShareGroupsOver } from "../../src/share/share-groups.ts";
import type { ShareGroup } from "../../src/share/share-machine.ts";
import type { SharePartition } from "../../src/share/share-partition.ts";
import type { Notice, SourcePositions, ShareSource } from "../../src/share/share-source.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import { batchOf, type ReadRecord, recordsOf, type TestRecord } from "./batches.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FaultyDisk } from "./faulty-disk.ts";
import { MemoryStateLog } from "./memory-state-log.ts";

/** A step that a test puts before a call; it may wait, or throw. */
export interface Gate {
  (): Promise<void> | void;
}

/** A source whose calls a test sees and stands in the way of. */
export class WatchedSource implements ShareSource {
  readonly #inner: ShareSource;
  /** Fetches that were not released. */
  lent = 0;
  readonly fetches: FetchRequest[] = [];
  readonly produces: ProduceRequest[] = [];
  /** `topic-partition holder` to offset. */
  readonly holds = new Map<string, number>();
  beforeFetch: ((request: FetchRequest) => Promise<void> | void) | null = null;
  beforeProduce: Gate | null = null;
  /** The batches are there by then, and nobody has been told. */
  afterProduce: Gate | null = null;
  /** True when its process has died. */
  isDead = false;

  constructor(inner: ShareSource) {
    this.#inner = inner;
  }

  async fetch(request: FetchRequest): Promise<FetchResult> {
    this.#live();
    this.fetches.push(request);
    await this.beforeFetch?.(request);
    const { partitions, release } = await this.#inner.fetch(request);
    this.lent++;
    let isReleased = false;
    return {
      partitions,
      release: () => {
        if (isReleased) throw new Error("a fetch was released twice");
        isReleased = true;
        this.lent--;
        release();
      },
    };
  }

  async produce(request: ProduceRequest): Promise<readonly ProducePartitionResult[]> {
    this.#live();
    await this.beforeProduce?.();
    this.#live();
    this.produces.push(request);
    const results = await this.#inner.produce(request);
    await this.afterProduce?.();
    return results;
  }

  listOffsets(...[asked]: Parameters<ShareSource["listOffsets"]>) {
    return this.#inner.listOffsets(asked);
  }

  topic(name: string): TopicListing | null {
    return this.#inner.topic(name);
  }

  ensureTopic(name: string, like: TopicListing | null): Promise<TopicListing> {
    return this.#inner.ensureTopic(name, like);
  }

  positions(place: TopicPartition): SourcePositions | null {
    return this.#inner.positions(place);
  }

  watch(place: TopicPartition, listener: Notice): Notice {
    return this.#inner.watch(place, () => {
      if (!this.isDead) listener();
    });
  }

  hold(place: TopicPartition, holder: string, offset: number | null): void {
    const name = `${place.topic}-${place.partition} ${holder}`;
    if (offset === null) this.holds.delete(name);
    else this.holds.set(name, offset);
    this.#inner.hold(place, holder, offset);
  }

  #live(): void {
    if (this.isDead) throw new LogError("KAFKA_STORAGE_ERROR", "its process has died");
  }
}

/** A message as it was handed out. */
export interface Handed extends Receipt {
  readonly value: string | null;
}

interface Life {
  readonly source: WatchedSource;
  readonly engine: ShareEngine;
  readonly groups: ShareGroupsOver;
  readonly queues: QueuesOver;
}

/** One process after the other over the same topics. */
export class ShareWorld {
  readonly clock: FakeClock;
  readonly disk: FaultyDisk;
  readonly broker: Broker;
  log = new MemoryStateLog();
  /** What scans ask for their share of time; null: a clock that stands still gives all of it. */
  loopClock: FakeClock | null = null;
  snapshotGrowthBytes: number | null = null;
  #life: Life | null = null;
  #producerIds = 0;

  private constructor(parts: Pick<ShareWorld, "clock" | "disk" | "broker">) {
    this.clock = parts.clock;
    this.disk = parts.disk;
    this.broker = parts.broker;
  }

  /** A world with nothing in it. */
  static async open(): Promise<ShareWorld> {
    const [clock, disk] = [new FakeClock(), new FaultyDisk()];
    const seams = { disk, clock, random: seededRandom(1), logger: silentLogger };
    const data = await DataDirectory.open({ path: "/data", ...seams });
    const settings = defaultBrokerSettings;
    const broker = await Broker.open({ ...seams, data, settings, observer: silentBrokerObserver });
    const world = new ShareWorld({ clock, disk, broker });
    await world.start();
    return world;
  }

  get source(): WatchedSource {
    return this.#now().source;
  }

  get engine(): ShareEngine {
    return this.#now().engine;
  }

  get groups(): ShareGroupsOver {
    return this.#now().groups;
  }

  get queues(): QueuesOver {
    return this.#now().queues;
  }

  /** Starts a process on the state's log. */
  async start(): Promise<void> {
    const { clock, log, snapshotGrowthBytes } = this;
    const source = new WatchedSource(brokerSource(this.broker));
    const engine = await ShareEngine.open({
      log,
      source,
      producerId: async () => ({ producerId: 1000 + this.#producerIds++, producerEpoch: 0 }),
      clock,
      random: seededRandom(7),
      logger: silentLogger,
      share: new LoopShare(this.loopClock ?? clock),
      snapshotGrowthBytes,
    });
    const isTaken = async (name: string): Promise<boolean> => name === "consumers";
    const groups = new ShareGroupsOver(engine, isTaken);
    this.#life = { source, engine, groups, queues: new QueuesOver(engine, isTaken) };
  }

  /** An orderly stop and a start. */
  async restart(): Promise<void> {
    await this.queues.close();
    await this.engine.close();
    await this.start();
  }

  /** The process dies: what of the state is not durable is lost, what is in the topics stays. */
  async die(): Promise<void> {
    this.source.isDead = true;
    this.log = this.log.afterCrash();
    await this.start();
  }

  /** Makes a topic. */
  async topic(name: string, partitionCount = 1, configs: Record<string, string> = {}) {
    return this.broker.topics.create({ name, partitionCount, configs, validateOnly: false });
  }

  /** Makes a share group. */
  async group(name: string, settings: object = {}): Promise<ShareGroup> {
    const event = { kind: "group" as const, group: name, settings };
    await this.engine.run(name, () => ({ events: [event], reply: undefined }));
    return this.engine.need(name);
  }

  /** A topic `t` of so many partitions and a group `g` that begins at its start, with all of them. */
  async begun(partitionCount = 1, settings: object = {}): Promise<ShareGroup> {
    await this.topic("t", partitionCount);
    const group = await this.group("g", { from: "earliest", ...settings });
    this.engine.begin(group, this.places("t"));
    return group;
  }

  /** Makes a queue `q` over a topic of its name. */
  async queue(settings: Partial<QueueSettings> = {}, partitionCount = 1): Promise<void> {
    await this.topic("q", partitionCount);
    await this.queues.put("q", settings);
  }

  /** All partitions of a topic. */
  places(topic: string): readonly TopicPartition[] {
    const count = this.source.topic(topic)?.partitionCount ?? 0;
    return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
  }

  /** A share partition that was begun. */
  partitionOf(group: string, topic: string, partition = 0): SharePartition {
    const found = this.engine.need(group).find(topic, partition);
    if (found === null) throw new Error(`${group} has not begun with ${topic}-${partition}`);
    return found;
  }

  /** Appends one batch; answers the first offset. */
  async append(topic: string, records: readonly TestRecord[], partition = 0): Promise<number> {
    const timestampMs = this.clock.nowMs();
    const batches = [batchOf(records.map((record) => ({ timestampMs, ...record })))];
    const partitions = [{ topic, partition, batches, expectedEndOffset: null }];
    const [result] = await this.broker.data.produce({ acks: -1, partitions });
    if (result === undefined || result.error !== null) throw new Error(result?.error ?? "none");
    return result.baseOffset;
  }

  /** Appends values, each as a batch of its own. */
  async appendEach(topic: string, values: readonly string[], partition = 0): Promise<void> {
    for (const value of values) await this.append(topic, [{ value }], partition);
  }

  /** Every record of a partition, from an offset on. */
  async read(topic: string, partition = 0, from = 0): Promise<readonly ReadRecord[]> {
    const fetched = await this.broker.data.fetch({
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 24,
      isolation: "read_uncommitted",
      partitions: [{ topic, partition, fetchOffset: from, maxBytes: 1 << 24 }],
      signal: null,
    });
    try {
      return recordsOf(fetched.partitions[0]?.batches ?? new Uint8Array(0));
    } finally {
      fetched.release();
    }
  }

  /** Delivers records of group `g` and topic `t`, or as asked. */
  async deliver(differing: Partial<DeliveryRequest> = {}): Promise<readonly Handed[]> {
    const delivery = await this.engine.deliveries.receive({
      group: "g",
      places: this.places("t"),
      max: 100,
      maxBytes: 1 << 20,
      waitMs: 0,
      leaseMs: null,
      owner: "",
      signal: null,
      ...differing,
    });
    const handed = handedOf(
      delivery.ranges.map(({ first, last, ...range }) => {
        return { ...range, firstOffset: first, lastOffset: last };
      }),
    );
    delivery.release();
    return handed;
  }

  /** Receives from queue `q`. */
  async receive(max = 100, waitMs = 0): Promise<readonly Handed[]> {
    const asked = { queue: "q", max, maxBytes: 1 << 20, waitMs, leaseMs: null, signal: null };
    const result = await this.queues.receive(asked);
    const handed = handedOf(result.ranges);
    result.release();
    return handed;
  }

  /** Lets promises go on. */
  settle(): Promise<void> {
    return settle(10);
  }

  #now(): Life {
    if (this.#life === null) throw new Error("the world has not begun");
    return this.#life;
  }
}

/** The values of messages. */
export function valuesOf(handed: readonly Handed[]): readonly (string | null)[] {
  return handed.map(({ value }) => value);
}

function handedOf(ranges: readonly ReceivedRange[]): readonly Handed[] {
  const read = new Map<Uint8Array, ReadonlyMap<number, ReadRecord>>();
  return ranges.flatMap(({ partition, deliveries, epoch, firstOffset, lastOffset, batches }) => {
    const known = read.get(batches);
    const records = known ?? new Map(recordsOf(batches).map((record) => [record.offset, record]));
    read.set(batches, records);
    const handed: Handed[] = [];
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      const record = records.get(offset);
      if (record === undefined) continue;
      handed.push({ partition, offset, deliveries, epoch, value: record.value });
    }
    return handed;
  });
}
