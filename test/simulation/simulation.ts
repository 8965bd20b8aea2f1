// One simulation from one seed: a world, its clients, what befalls it, and the verdict on what they saw.

import { type Random, seededRandom } from "../../src/base/random.ts";
import type { EngineSettings } from "../../src/engine.ts";
import { prepareCompression } from "../../src/record/compression.ts";
import type { Services } from "../../src/services.ts";
import { check } from "./checker/checker.ts";
import type { Coverage } from "./coverage.ts";
import { faultKinds, heal, strike } from "./faults.ts";
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
};

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

class Plan {
  readonly #world: World;
  readonly #options: SimulationOptions;
  readonly #shape: Random;
  readonly #places: Place[] = [];
  readonly #clients: Promise<void>[] = [];
  faultCount = 0;
  #isServing = true;

  constructor(world: World, options: SimulationOptions, shape: Random) {
    this.#world = world;
    this.#options = options;
    this.#shape = shape;
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
    for (let index = 0; index < 2; index++) {
      const partitionCount = 1 + shape.below(2);
      const configs = {
        "segment.bytes": oneOf(shape, ["1024", "2000", "16384"]),
        "index.interval.bytes": oneOf(shape, ["0", "200", "4096"]),
        "retention.ms": "-1",
        "file.delete.delay.ms": oneOf(shape, ["0", "1000"]),
      };
      const name = `t${index}`;
      await this.#insist("createTopic", ({ topics }) =>
        topics.create({ name, partitionCount, configs, validateOnly: false }),
      );
      for (let partition = 0; partition < partitionCount; partition++) {
        this.#places.push({ topic: name, partition });
      }
    }
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
    const kinds = [plainProducer, idempotentProducer, reader, reader];
    for (const [index, client] of kinds.entries()) {
      this.#clients.push(client(world, world.dice(100 + index), this.#places));
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
    for (let round = 0; round < 2; round++) {
      for (const place of this.#places) {
        for (const isolation of ["read_uncommitted", "read_committed"] as const) {
          if (await readAll(world, place, isolation)) continue;
          world.broken(`${placeText(place)} cannot be read in the end`);
        }
        for (let times = 0; times < 3; times++) {
          await askTime(world, place, world.nowMs - this.#shape.below(30_000));
        }
      }
      if (round === 0) await world.stop("power");
    }
  }
}
