// One simulation from one seed: a world, its clients, what befalls it, and the verdict on what they saw.

import { type Random, seededRandom } from "../../src/base/random.ts";
import type { EngineSettings } from "../../src/engine.ts";
import { prepareCompression } from "../../src/record/compression.ts";
import type { Services } from "../../src/services.ts";
import { check } from "./checker/checker.ts";
import type { Coverage } from "./coverage.ts";
import { classicMember } from "./classic-clients.ts";
import { faultKinds, heal, strike } from "./faults.ts";
import { groupMember, look, soloCommitter } from "./group-clients.ts";
import type { SimEvent, Violation } from "./history.ts";
import {
  askTime,
  idempotentProducer,
  oneOf,
  type Place,
  plainProducer,
  placeText,
  readAll,
  reader,
} from "./record-clients.ts";
import { drain, messageProducer, shareConsumer, type SimQueue, worker } from "./queue-clients.ts";
import { topicChanger } from "./topic-clients.ts";
import { watchman } from "./watchman.ts";
import { transactionalProducer } from "./transaction-clients.ts";
import { World } from "./world.ts";

/** What a simulation is made from. */
export interface SimulationOptions {
  readonly seed: number;
  /** Faults by number that do not happen after all: for finding those that matter. */
  readonly withoutFaults?: ReadonlySet<number>;
}

/** What came of it. */
export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly history: readonly SimEvent[];
  readonly coverage: Coverage;
  readonly traceHash: string;
  readonly faultCount: number;
}

const settings: Partial<EngineSettings> = {
  stateSegmentBytes: 4096,
  stateSnapshotBytes: 2048,
  retentionCheckIntervalMs: 5000,
  checkpointIntervalMs: 1000,
  compactionCheckIntervalMs: 300,
  scrubIntervalMs: 700,
  groupInitialRebalanceDelayMs: 50,
};

const compactedConfigs = (keepDeletionsMs: number) => ({
  "cleanup.policy": "compact",
  "min.cleanable.dirty.ratio": "0.1",
  "delete.retention.ms": String(keepDeletionsMs),
});

/** Runs one. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed } = options;
  // The only thing that is loaded from outside; from here on nothing waits for the real world.
  await prepareCompression();
  const shape = seededRandom(seed);
  const world = new World({
    seed,
    settings,
    netPercent: oneOf(shape, [0, 5, 20]),
    disk: {
      syncMsMax: oneOf(shape, [0, 5, 40]),
      otherMsMax: oneOf(shape, [0, 0, 2]),
    },
  });
  const plan = new Plan(world, options, shape);
  await world.run(plan.run());
  return {
    seed,
    violations: check(world.history),
    history: world.history,
    coverage: world.coverage,
    traceHash: world.traceHash,
    faultCount: plan.faultCount,
  };
}

// Each is there in two of five simulations.
const parts = [
  "idempotent",
  "transactions",
  "groups",
  "classic",
  "topics",
  "queue",
  "shares",
  "compacted",
  "unsynced",
] as const;

type Part = (typeof parts)[number];

class Plan {
  readonly #world: World;
  readonly #options: SimulationOptions;
  readonly #shape: Random;
  readonly #places: Place[] = [];
  readonly #clients: Promise<void>[] = [];
  readonly #has: Readonly<Record<Part, boolean>>;
  #queue: SimQueue | null = null;
  faultCount = 0;
  #isServing = true;

  constructor(world: World, options: SimulationOptions, shape: Random) {
    this.#world = world;
    this.#options = options;
    this.#shape = shape;
    const has = parts.map((part) => [part, shape.below(5) < 2] as const);
    this.#has = Object.fromEntries(has) as Record<Part, boolean>;
  }

  async run(): Promise<void> {
    const world = this.#world;
    await world.start();
    const serving = this.#serve();
    await this.#makeTopics();
    this.#beginClients();
    await this.#befall();
    world.isEnding = true;
    await Promise.all(this.#clients);
    await this.#judge();
    this.#isServing = false;
    await world.stop("close");
    await serving;
  }

  // The server is started again whenever it has stopped.
  async #serve(): Promise<void> {
    const world = this.#world;
    const random = world.dice(10);
    while (this.#isServing) {
      await world.over();
      if (!this.#isServing) return;
      await world.sleep(random.below(150));
      await world.start();
    }
  }

  async #makeTopics(): Promise<void> {
    const shape = this.#shape;
    const names = ["t0", "t1", "old"];
    if (this.#has.compacted) names.push("latest");
    if (this.#has.unsynced) names.push("fast");
    for (const name of names) {
      const isCompacted = name === "latest";
      const isUnsynced = name === "fast";
      const keepDeletionsMs = oneOf(shape, [0, 500, 86_400_000]);
      const partitionCount = name === "old" ? 1 : 1 + shape.below(2);
      const keepMs = name === "old" ? 1000 : -1;
      const configs = {
        "segment.bytes": oneOf(shape, ["1024", "2000", "16384"]),
        "index.interval.bytes": oneOf(shape, ["0", "200", "4096"]),
        "retention.ms": String(keepMs),
        "file.delete.delay.ms": oneOf(shape, ["0", "1000"]),
        ...(isCompacted ? compactedConfigs(keepDeletionsMs) : {}),
        ...(isUnsynced ? { "varve.durability": "os" } : {}),
      };
      await this.#insist("createTopic", ({ topics }) =>
        topics.create({ name, partitionCount, configs, validateOnly: false }),
      );
      for (let partition = 0; partition < partitionCount; partition++) {
        const place = { topic: name, partition, isCompacted };
        this.#places.push(place);
        const about = { place: placeText(place) };
        if (isCompacted) this.#world.tell({ type: "compacted", ...about, keepDeletionsMs });
        if (isUnsynced) this.#world.tell({ type: "unsynced", ...about });
        if (keepMs >= 0) this.#world.tell({ type: "retention", ...about, keepMs });
      }
    }
    if (this.#has.queue) this.#queue = await this.#makeQueue();
  }

  async #makeQueue(): Promise<SimQueue> {
    const shape = this.#shape;
    const partitions = 1 + shape.below(2);
    const configs = { "segment.bytes": "2000", "retention.ms": "-1", "file.delete.delay.ms": "0" };
    await this.#insist("createTopic", ({ topics }) =>
      topics.create({ name: "q", partitionCount: partitions, configs, validateOnly: false }),
    );
    const leaseMs = oneOf(shape, [200, 1000, 5000]);
    const maxDeliveries = 2 + shape.below(3);
    const order = oneOf(shape, ["none", "key"] as const);
    const backoff = { type: "fixed", baseMs: 50, maxMs: 50, jitter: 0 } as const;
    const settings = {
      topic: "q",
      deadLetterTopic: "q.dead",
      leaseMs,
      maxDeliveries,
      order,
      backoff,
      // Longer than any clock jumps.
      dedupWindowMs: 86_400_000,
    };
    await this.#insist("put queue", ({ queues }) => queues.put("q", settings));
    const about = { queue: "q", topic: "q", deadTopic: "q.dead", order, maxDeliveries } as const;
    this.#world.tell({ type: "queue", ...about });
    return { name: "q", topic: "q", deadTopic: "q.dead", partitions, settings, leaseMs };
  }

  // Again and again until it is answered.
  async #insist<Value>(name: string, work: (services: Services) => Promise<Value>): Promise<Value> {
    for (;;) {
      const answer = await this.#world.call(name, work);
      if (answer.kind === "ok") return answer.value;
      await this.#world.sleep(100);
    }
  }

  #beginClients(): void {
    const world = this.#world;
    const has = this.#has;
    const places = this.#places;
    const synced = places.filter(({ topic }) => topic !== "fast");
    const lasting = synced.filter(({ topic }) => topic !== "old");
    let stream = 100;
    const begin = (client: (random: Random) => Promise<void>): void => {
      this.#clients.push(client(world.dice(stream++)));
    };
    begin((random) => plainProducer(world, random, places));
    begin((random) => reader(world, random, places));
    begin((random) => watchman(world, random));
    if (has.idempotent) begin((random) => idempotentProducer(world, random, synced));
    if (has.transactions) {
      for (const id of ["x", "y"]) {
        const group = `offsets of ${id}`;
        begin((random) => transactionalProducer(world, random, { id, places: lasting, group }));
      }
    }
    if (has.groups) {
      begin((random) => soloCommitter(world, random, { group: "solo", places: lasting }));
      for (const number of [1, 2]) {
        const options = { group: "shared", topics: ["t0", "t1"], number };
        begin((random) => groupMember(world, random, options));
      }
    }
    if (has.classic) {
      for (const number of [1, 2]) {
        const options = { group: "classic", places: lasting, number };
        begin((random) => classicMember(world, random, options));
      }
    }
    if (has.topics) begin((random) => topicChanger(world, random, "c"));
    const queue = this.#queue;
    if (queue !== null) {
      begin((random) => messageProducer(world, random, queue));
      for (let count = 0; count < 2; count++) begin((random) => worker(world, random, queue));
    }
    if (has.shares) this.#beginShares(begin);
  }

  #beginShares(begin: (client: (random: Random) => Promise<void>) => void): void {
    const places = this.#places.filter(({ topic }) => topic === "t0");
    const about = { topic: "t0", deadTopic: "", order: "none", maxDeliveries: 1000 } as const;
    this.#world.tell({ type: "queue", queue: "shares t0", ...about });
    for (const memberId of ["s1", "s2"]) {
      const options = { group: "shares", places, memberId };
      begin((random) => shareConsumer(this.#world, random, options));
    }
  }

  async #befall(): Promise<void> {
    const world = this.#world;
    const random = world.dice(11);
    const count = 2 + random.below(5);
    for (let index = 0; index < count; index++) {
      const waitMs = random.below(700);
      const kind = oneOf(random, faultKinds);
      const dice = world.dice(1000 + index);
      this.faultCount++;
      await world.sleep(waitMs);
      if (this.#options.withoutFaults?.has(index) !== true) await strike(world, dice, kind);
    }
    await world.sleep(random.below(500));
    heal(world);
    await world.stop(oneOf(random, ["power", "kill", "close"] as const));
  }

  async #judge(): Promise<void> {
    const world = this.#world;
    if (this.#queue !== null) await this.#drain(this.#queue);
    for (let round = 0; round < 2; round++) {
      await this.#lookAtOffsets();
      for (const place of this.#places) {
        for (const isolation of ["read_uncommitted", "read_committed"] as const) {
          if (round === 1 && isolation === "read_committed") continue;
          if (await readAll(world, place, isolation)) continue;
          world.broken(`${placeText(place)} cannot be read in the end`);
        }
        await askTime(world, place, world.nowMs - this.#shape.below(30_000));
      }
      if (round === 0) await world.stop("power");
    }
  }

  async #drain(queue: SimQueue): Promise<void> {
    const world = this.#world;
    if (!(await drain(world, queue))) world.broken("a queue is never empty");
    await world.sleep(2000);
    for (const topic of [queue.topic, queue.deadTopic]) {
      for (let partition = 0; partition < queue.partitions; partition++) {
        const isRead = await readAll(world, { topic, partition }, "read_committed");
        if (!isRead) world.broken(`${topic}/${partition} cannot be read in the end`);
      }
    }
    world.tell({ type: "drained", queue: queue.name });
  }

  async #lookAtOffsets(): Promise<void> {
    const groups = [
      ...(this.#has.groups ? ["solo", "shared"] : []),
      ...(this.#has.classic ? ["classic"] : []),
      ...(this.#has.transactions ? ["offsets of x", "offsets of y"] : []),
    ];
    for (const group of groups) {
      for (const place of this.#places) {
        for (let tries = 0; !(await look(this.#world, group, place)); tries++) {
          if (tries > 100) return this.#world.broken(`the offsets of ${group} cannot be seen`);
          await this.#world.sleep(100);
        }
      }
    }
  }
}
