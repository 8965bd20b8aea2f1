// Queues on a broker on a disk in memory and a clock that stands still: killed, cut off and started again at will. The
// parts are put together as the engine does it, but with snapshots of the state as often as a test wants them and scans
// that pause as often as they may.

import { LoopShare } from "../../src/base/loop-share.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { Broker } from "../../src/broker/broker.ts";
import { silentBrokerObserver } from "../../src/broker/broker-settings.ts";
import { shareStateTopicName } from "../../src/broker/topic-name.ts";
import { LogStateLog } from "../../src/coordinator/log-state-log.ts";
import { defaultEngineSettings } from "../../src/engine.ts";
import { QueuesOver } from "../../src/queue/queues.ts";
import type { QueueSettings, SettleAnswer } from "../../src/services.ts";
import { brokerSource } from "../../src/share/broker-source.ts";
import { ShareEngine } from "../../src/share/share-engine.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import { batchOf, type ReadRecord, recordsOf, type TestRecord } from "./batches.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import type { PlannedFault } from "./fault-plan.ts";
import { FaultyDisk } from "./faulty-disk.ts";

/** The one queue of a world, and its topics. */
export const queueName = "q";
const deadTopic = `${queueName}.dead`;

/** A message as a receiver got it. */
export interface ReceivedMessage {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
  readonly epoch: number;
  readonly value: string | null;
}

/** A record of a topic with where it lies. */
export interface PlacedRecord extends ReadRecord {
  readonly partition: number;
}

/** What a world is like. */
export interface QueueWorldOptions {
  readonly seed: number;
  readonly partitions: number;
  readonly settings: Partial<QueueSettings>;
  readonly snapshotGrowthBytes: number;
}

interface Life {
  readonly data: DataDirectory;
  readonly broker: Broker;
  readonly shares: ShareEngine;
  readonly queues: QueuesOver;
}

/** A queue that outlives its processes. */
export class QueueWorld {
  readonly options: QueueWorldOptions;
  readonly random: Random;
  clock = new FakeClock();
  disk = new FaultyDisk();
  /** Snapshots of the state that were followed by a trim. */
  trims = 0;
  #life: Life | null = null;
  #full: PlannedFault | null = null;
  #producerIds = 0;

  private constructor(options: QueueWorldOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
  }

  /** A world with its queue made. */
  static async open(options: QueueWorldOptions): Promise<QueueWorld> {
    const world = new QueueWorld(options);
    await world.#start();
    const { topics } = world.#now().broker;
    const { partitions: partitionCount } = options;
    await topics.create({ name: queueName, partitionCount, configs: {}, validateOnly: false });
    await world.put(options.settings);
    return world;
  }

  /** The services of the process that lives now. */
  get queues(): QueuesOver {
    return this.#now().queues;
  }

  /** What is remembered of the partitions now. */
  get shares(): ShareEngine {
    return this.#now().shares;
  }

  /** How many events the log of the state holds: what a start has to read. */
  async stateEvents(): Promise<number> {
    const partition = await this.#now().broker.internalPartition(shareStateTopicName);
    const { logStartOffset, logEndOffset } = partition.positions();
    return logEndOffset - logStartOffset;
  }

  /** How many runs are remembered of all partitions. */
  get runCount(): number {
    const partitions = [...(this.shares.find(queueName)?.partitions() ?? [])];
    return partitions.reduce((sum, { runCount }) => sum + runCount, 0);
  }

  /** An orderly stop and a start. */
  async restart(): Promise<void> {
    const { queues, shares, broker, data } = this.#now();
    await broker.stop();
    await queues.close();
    await shares.close();
    await broker.close();
    await data.close();
    await this.#start();
  }

  /** Parks the syncs of a topic's files until the returned function is called. */
  holdSyncs(what: "state" | "queue" | "dead"): () => void {
    const paths = { state: /__share_group_state-/, queue: /\/q-\d/, dead: /\/q\.dead-\d/ };
    return this.disk.hold({ kind: "sync", path: paths[what] });
  }

  /** The disk has no room for the state's log, from its nth write from now on. */
  fillState(nth: number): void {
    const path = /__share_group_state-\d+\/\d+\.log$/;
    this.#full = this.disk.plan({
      kind: ["write", "reserve"],
      path,
      nth,
      times: 3,
      effect: "full",
    });
  }

  /** There is room again; resolves when the state has been read from its log. */
  async makeRoom(): Promise<void> {
    this.#full?.cancel();
    this.#full = null;
    // Where it was read a moment ago there is a pause.
    for (let turn = 1; this.shares.state === "loading"; turn++) {
      if (turn % 100 === 0) await this.clock.run(1000);
      else await settle(1);
    }
    if (this.shares.state === "failed") await this.die("kill");
  }

  /** Death of the process (`kill`) or of the machine (`crash`), and a start. */
  async die(how: "kill" | "crash"): Promise<void> {
    this.disk = how === "kill" ? this.disk.kill() : this.disk.crash(this.random);
    // Timers of the dead must not fire.
    this.clock = new FakeClock(this.clock.nowMs());
    await this.#start();
  }

  /** Lets time pass (it may be more), and everything that has to happen by then happen. */
  async pass(ms: number): Promise<void> {
    await this.clock.run(ms);
    await this.#moved();
  }

  /** Changes settings. */
  async put(settings: Partial<QueueSettings>): Promise<void> {
    await this.queues.put(queueName, settings);
  }

  /** Appends records to one partition of the queue's topic; answers the offset of the first. */
  async produce(partition: number, records: readonly TestRecord[]): Promise<number> {
    const timestampMs = this.clock.nowMs();
    const batches = [batchOf(records.map((record) => ({ timestampMs, ...record })))];
    const partitions = [{ topic: queueName, partition, batches, expectedEndOffset: null }];
    const [result] = await this.#now().broker.data.produce({ acks: -1, partitions });
    if (result === undefined || result.error !== null) throw new Error(result?.error ?? "none");
    return result.baseOffset;
  }

  /** Receives what is there, or waits for it. */
  async receive(max: number, waitMs = 0): Promise<readonly ReceivedMessage[]> {
    const request = { queue: queueName, max, maxBytes: 1 << 20, waitMs };
    const { ranges, release } = await this.queues.receive({
      ...request,
      leaseMs: null,
      signal: null,
    });
    const messages = ranges.flatMap(({ partition, deliveries, epoch, batches, ...range }) =>
      recordsOf(batches)
        .filter(({ offset }) => offset >= range.firstOffset && offset <= range.lastOffset)
        .map(({ offset, value }) => ({ partition, offset, deliveries, epoch, value })),
    );
    release();
    return messages;
  }

  /** One result an answer: whether it holds. */
  async settle(answers: readonly SettleAnswer[]): Promise<readonly boolean[]> {
    const results = await this.queues.settle(queueName, answers);
    return results.map((error) => error === null);
  }

  /** Where the dead letters lie that are listed. */
  async listedDead(): Promise<readonly string[]> {
    const request = { from: [], maxRecords: 100_000, maxBytes: 1 << 24 };
    const { ranges, release } = await this.queues.dead(queueName, request);
    const places = ranges.flatMap(({ partition, firstOffset, lastOffset }) =>
      Array.from({ length: lastOffset - firstOffset + 1 }, (_, at) => {
        return `${partition}:${firstOffset + at}`;
      }),
    );
    release();
    return places.sort();
  }

  /** Records of the queue's topic, or of its dead letters, from an offset in each partition on. */
  async read(
    what: "queue" | "dead",
    from: readonly number[] = [],
  ): Promise<readonly PlacedRecord[]> {
    const topic = what === "queue" ? queueName : deadTopic;
    const partitions = Array.from({ length: this.options.partitions }, (_, partition) => partition);
    const records: PlacedRecord[] = [];
    for (const partition of partitions) {
      for (let offset = from[partition] ?? 0; ; ) {
        const found = (await this.#fetch(topic, partition, offset)).filter(
          (record) => record.offset >= offset,
        );
        if (found.length === 0) break;
        records.push(...found.map((record) => ({ ...record, partition })));
        offset += found.length;
      }
    }
    return records;
  }

  async #fetch(
    topic: string,
    partition: number,
    fetchOffset: number,
  ): Promise<readonly ReadRecord[]> {
    const fetched = await this.#now().broker.data.fetch({
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 20,
      isolation: "read_uncommitted",
      partitions: [{ topic, partition, fetchOffset, maxBytes: 1 << 20 }],
      signal: null,
    });
    try {
      const [result] = fetched.partitions;
      return result === undefined || result.error !== null ? [] : recordsOf(result.batches);
    } finally {
      fetched.release();
    }
  }

  #now(): Life {
    if (this.#life === null) throw new Error("nothing lives");
    return this.#life;
  }

  // Everything that was to leave a partition has left; where a move has to be tried again, that takes time.
  async #moved(): Promise<void> {
    const isMoved = (): boolean =>
      [...(this.shares.find(queueName)?.partitions() ?? [])].every(
        ({ leaving, move }) => leaving.size === 0 && move === null,
      );
    for (let tries = 0; tries < 5; tries++) {
      for (let turn = 0; turn < 200 && !isMoved(); turn++) await settle(1);
      if (isMoved()) return;
      await this.clock.run(1000);
    }
    throw new Error("records do not leave");
  }

  async #start(): Promise<void> {
    const { clock, disk, random } = this;
    const seams = { disk, clock, random, logger: silentLogger };
    const data = await DataDirectory.open({ path: "/data", ...seams });
    const settings = defaultEngineSettings;
    const broker = await Broker.open({ ...seams, data, settings, observer: silentBrokerObserver });
    const partition = await broker.internalPartition(shareStateTopicName);
    const log = new LogStateLog(partition.log());
    const shares = await ShareEngine.open({
      ...seams,
      log: {
        append: (events, timestampMs) => log.append(events, timestampMs),
        replay: (onEvent) => log.replay(onEvent),
        positions: () => log.positions(),
        trim: async (offset) => {
          await log.trim(offset);
          this.trims++;
        },
      },
      source: brokerSource(broker),
      // Other ids after every start, as the real ones.
      producerId: async () => ({ producerId: this.#producerIds++, producerEpoch: 0 }),
      share: new RestlessShare(this.random),
      snapshotGrowthBytes: this.options.snapshotGrowthBytes,
    });
    const queues = new QueuesOver(shares, async () => false);
    this.#life = { data, broker, shares, queues };
  }
}

// A share that is used up now and then, whatever the clock says.
class RestlessShare extends LoopShare {
  readonly #random: Random;

  constructor(random: Random) {
    super(new FakeClock());
    this.#random = random;
  }

  override after(): Promise<void> | null {
    if (this.#random.below(8) > 0) return null;
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
