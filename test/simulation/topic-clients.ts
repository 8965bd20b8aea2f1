// Topics of one simulation that come and go: made, written, trimmed, changed, widened, deleted, and made again.

import type { Random } from "../../src/base/random.ts";
import type { Services } from "../../src/services.ts";
import {
  Contents,
  oneOf,
  type Place,
  placeText,
  read,
  readAll,
  send,
  someCodec,
} from "./record-clients.ts";
import type { World } from "./world.ts";

/** Lives the lives of topics of one name. Nobody else touches them. */
export async function topicChanger(world: World, random: Random, name: string): Promise<void> {
  const contents = new Contents(world, random, name);
  for (let incarnation = 0; !world.isEnding; incarnation++) {
    const topic = new ChangingTopic({ world, random, name, alias: `${name}@${incarnation}` });
    if (!(await topic.make())) return;
    for (let step = random.below(12); step > 0 && !world.isEnding; step--) {
      await topic.step(contents);
      await world.sleep(random.below(120));
    }
    await topic.readAll();
    if (world.isEnding) return;
    if (!(await topic.delete())) return;
  }
}

class ChangingTopic {
  readonly #world: World;
  readonly #random: Random;
  readonly #name: string;
  readonly #alias: string;
  #partitions = 1;
  readonly #ends = new Map<string, number>();

  constructor(options: {
    readonly world: World;
    readonly random: Random;
    readonly name: string;
    readonly alias: string;
  }) {
    this.#world = options.world;
    this.#random = options.random;
    this.#name = options.name;
    this.#alias = options.alias;
  }

  make(): Promise<boolean> {
    this.#partitions = 1 + this.#random.below(2);
    const request = {
      name: this.#name,
      partitionCount: this.#partitions,
      configs: { "segment.bytes": "1024", "file.delete.delay.ms": "0", "retention.ms": "-1" },
      validateOnly: false,
    };
    return this.#insist("createTopic", ({ topics }) => topics.create(request));
  }

  delete(): Promise<boolean> {
    return this.#insist("deleteTopic", async ({ topics }) => {
      if (topics.lookup(this.#name) !== null) await topics.delete(this.#name);
    });
  }

  async readAll(): Promise<void> {
    for (let partition = 0; partition < this.#partitions; partition++) {
      await readAll(this.#world, this.#place(partition), "read_uncommitted");
    }
  }

  async step(contents: Contents): Promise<void> {
    const place = this.#place(this.#random.below(this.#partitions));
    switch (this.#random.below(8)) {
      case 0:
        await this.#widen();
        break;
      case 1:
        await this.#trim(place);
        break;
      case 2: {
        const bytes = oneOf(this.#random, ["1024", "2048", "9999"]);
        await this.#world.call("alterConfigs", ({ topics }) =>
          topics.alterConfigs(this.#name, { "segment.bytes": bytes }),
        );
        break;
      }
      case 3: {
        const options = { maxBytes: 5000, maxWaitMs: 0, isolation: "read_uncommitted" } as const;
        await read(this.#world, place, { ...options, from: 0 });
        break;
      }
      default:
        await this.#write(place, contents);
        break;
    }
  }

  async #write(place: Place, contents: Contents): Promise<void> {
    const parcel = { place, mode: "plain", producer: null, transaction: null, acks: -1 } as const;
    const codec = someCodec(this.#random);
    const batch = contents.few(4);
    const answer = await send(this.#world, { ...parcel, contents: batch, codec });
    if (answer.kind === "ok") this.#ends.set(placeText(place), answer.value + batch.length);
  }

  async #trim(place: Place): Promise<void> {
    const end = this.#ends.get(placeText(place)) ?? 0;
    const offset = this.#random.below(end + 1);
    this.#world.tell({ type: "trim", place: placeText(place), offset });
    const answer = await this.#world.call("deleteRecords", ({ topics }) =>
      topics.deleteRecords(this.#name, [{ partition: place.partition, offset }]),
    );
    if (answer.kind !== "ok") return;
    this.#world.tell({ type: "trimmed", place: placeText(place), offset });
  }

  async #widen(): Promise<void> {
    if (this.#partitions >= 4) return;
    const count = this.#partitions + 1;
    const isDone = await this.#insist("createPartitions", async ({ topics }) => {
      const listing = topics.lookup(this.#name);
      if ((listing?.partitionCount ?? count) < count) {
        await topics.createPartitions(this.#name, count);
      }
    });
    if (isDone) this.#partitions = count;
  }

  async #insist(name: string, work: (services: Services) => Promise<unknown>): Promise<boolean> {
    for (let tries = 0; tries < 400; tries++) {
      const answer = await this.#world.call(name, work);
      if (answer.kind === "ok") return true;
      await this.#world.sleep(20 + this.#random.below(100));
    }
    this.#world.broken(`${name} of ${this.#name} never comes to be`);
    return false;
  }

  #place(partition: number): Place {
    return { topic: this.#name, partition, alias: this.#alias };
  }
}
