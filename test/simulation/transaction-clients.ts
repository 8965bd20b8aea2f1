// Transactional producers of one simulation: they write to partitions and groups, and end what they began, or do not.

import type { Random } from "../../src/base/random.ts";
import type { Services, TransactionalProducer } from "../../src/services.ts";
import { look } from "./group-clients.ts";
import type { Outcome } from "./history.ts";
import {
  keyed,
  Contents,
  oneOf,
  type Place,
  placeText,
  send,
  someCodec,
} from "./record-clients.ts";
import type { World } from "./world.ts";

/** What a transactional producer works with. */
export interface TransactionalOptions {
  readonly id: string;
  readonly places: readonly Place[];
  /** A group whose offsets it commits; nobody else does. */
  readonly group: string;
}

/** Runs transactions, one after the other. */
export async function transactionalProducer(
  world: World,
  random: Random,
  options: TransactionalOptions,
): Promise<void> {
  await new Transactions(world, random, options).run();
}

class Transactions {
  readonly #world: World;
  readonly #random: Random;
  readonly #options: TransactionalOptions;
  readonly #contents: Contents;
  readonly #sequences = new Map<string, number>();
  #producer: TransactionalProducer | null = null;
  #count = 0;

  constructor(world: World, random: Random, options: TransactionalOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#contents = new Contents(world, random, options.id);
  }

  async run(): Promise<void> {
    while (!this.#world.isEnding) {
      await this.#world.sleep(this.#random.below(120));
      this.#producer ??= await this.#begin();
      if (this.#producer === null) continue;
      const isDone = await this.#transaction(this.#producer);
      if (!isDone) this.#producer = null;
    }
    // Whatever is left open is ended, so that readers of what is committed come to the end.
    for (let tries = 0; tries < 300 && (await this.#begin()) === null; tries++) {
      await this.#world.sleep(100);
    }
  }

  async #begin(): Promise<TransactionalProducer | null> {
    const transactionalId = this.#options.id;
    const transactionTimeoutMs = oneOf(this.#random, [500, 5000, 60_000]);
    this.#sequences.clear();
    const request = { transactionalId, transactionTimeoutMs, producerId: -1, producerEpoch: -1 };
    const answer = await this.#world.call("initProducerId transactional", ({ transactions }) =>
      transactions.initProducerId(request),
    );
    return answer.kind === "ok" ? { transactionalId, ...answer.value } : null;
  }

  async #transaction(producer: TransactionalProducer): Promise<boolean> {
    const world = this.#world;
    const random = this.#random;
    const name = `${this.#options.id}#${this.#count++}`;
    world.tell({ type: "begin", transaction: name });
    const places = this.#options.places.filter(() => random.below(2) === 0);
    const hasOffsets = random.below(3) === 0;
    const isWritten =
      (await this.#try("addPartitions", ({ transactions }) =>
        transactions.addPartitions(
          producer,
          places.map(({ topic, partition }) => ({ topic, partition })),
        ),
      )) &&
      (await this.#writeAll(producer, name, places)) &&
      (!hasOffsets || (await this.#commitOffsets(producer, name)));
    if (random.below(12) === 0) {
      // Forgotten: the server ends it when its time is over, or when the producer comes back.
      await world.sleep(random.below(2) * 1500);
      return false;
    }
    const outcome = isWritten && random.below(4) > 0 ? "commit" : "abort";
    const isEnded = await this.#end(producer, name, outcome);
    if (hasOffsets && random.below(2) === 0)
      await look(world, this.#options.group, this.#offsets());
    return isEnded && isWritten;
  }

  #offsets(): Place {
    return this.#options.places[0] as Place;
  }

  async #writeAll(
    producer: TransactionalProducer,
    name: string,
    places: readonly Place[],
  ): Promise<boolean> {
    for (const place of places) {
      for (let count = 1 + this.#random.below(2); count > 0; count--) {
        if (!(await this.#write(producer, name, place))) return false;
      }
    }
    return true;
  }

  async #write(producer: TransactionalProducer, name: string, place: Place): Promise<boolean> {
    const contents = keyed(place, this.#contents.few(3));
    const baseSequence = this.#sequences.get(placeText(place)) ?? 0;
    const parcel = {
      place,
      mode: "transactional",
      contents,
      producer: { ...producer, baseSequence },
      transaction: { id: this.#options.id, name },
      acks: -1,
      codec: someCodec(this.#random),
    } as const;
    for (let tries = 0; tries < 5; tries++) {
      const answer = await send(this.#world, parcel);
      if (answer.kind === "ok") {
        this.#sequences.set(placeText(place), baseSequence + contents.length);
        return true;
      }
      await this.#world.sleep(10 + this.#random.below(100));
    }
    return false;
  }

  async #commitOffsets(producer: TransactionalProducer, name: string): Promise<boolean> {
    const { group } = this.#options;
    const place = this.#offsets();
    const isAdded = await this.#try("addOffsets", ({ transactions }) =>
      transactions.addOffsets(producer, group),
    );
    if (!isAdded) return false;
    const world = this.#world;
    const op = world.nextOp();
    const value = this.#count;
    const register = `${group} ${placeText(place)}`;
    world.tell({ type: "write", op, register, value, transaction: name });
    const isCommitted = await this.#try("commitOffsets transactional", ({ transactions }) =>
      transactions.commitOffsets({
        ...producer,
        group,
        memberId: "",
        groupInstanceId: null,
        generationIdOrMemberEpoch: -1,
        offsets: [{ topic: place.topic, partition: place.partition, offset: value, metadata: "" }],
      }),
    );
    world.tell(isCommitted ? { type: "written", op } : { type: "unanswered", op, code: null });
    return isCommitted;
  }

  async #end(
    producer: TransactionalProducer,
    transaction: string,
    outcome: Outcome,
  ): Promise<boolean> {
    const world = this.#world;
    const op = world.nextOp();
    world.tell({ type: "end", op, transaction, outcome });
    for (let tries = 0; tries < 100; tries++) {
      const answer = await world.call(`end ${outcome}`, ({ transactions }) =>
        transactions.end(producer, outcome),
      );
      if (answer.kind === "ok") {
        world.tell({ type: "ended", op });
        return true;
      }
      if (answer.kind === "error" && !isPassing(answer.code)) break;
      await world.sleep(10 + this.#random.below(100));
    }
    world.tell({ type: "unanswered", op, code: null });
    return false;
  }

  async #try(name: string, work: (services: Services) => Promise<unknown>): Promise<boolean> {
    for (let tries = 0; tries < 8; tries++) {
      const answer = await this.#world.call(name, work);
      if (answer.kind === "ok") return !hasError(answer.value);
      if (answer.kind === "error" && !isPassing(answer.code)) return false;
      await this.#world.sleep(10 + this.#random.below(100));
    }
    return false;
  }
}

function hasError(results: unknown): boolean {
  return Array.isArray(results) && results.some((each: { error?: unknown }) => each.error !== null);
}

const passing = new Set([
  "CONCURRENT_TRANSACTIONS",
  "SERVER_STOPPING",
  "COORDINATOR_NOT_AVAILABLE",
]);

/** True for refusals after which the same call may be made again. */
function isPassing(code: string): boolean {
  return passing.has(code) || code === "KAFKA_STORAGE_ERROR" || code === "DISK_FULL";
}
