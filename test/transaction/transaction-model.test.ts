// Random producers, zombies among them, over a log that is cut and filled up and participants that fail: a transaction
// has one outcome everywhere, the one that was answered; nothing is left open; no producer id or epoch is given twice;
// and who was fenced writes nothing more.

import fc from "fast-check";
import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { ProducerIdentity, TransactionalProducer } from "../../src/services.ts";
import { defaultTransactionLimits } from "../../src/transaction/transaction-commands.ts";
import { TransactionServicesOver } from "../../src/transaction/transaction-services.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";
import { type Deed, Deeds, type Outcome } from "../support/transaction-deeds.ts";
import { initOf, offsetOf, places } from "../support/transaction-world.ts";

const diskFull = new LogError("DISK_FULL", "no room");
const outcomeNames = ["commit", "abort"] as const;
const lostCodes = ["DISK_FULL", "COORDINATOR_LOAD_IN_PROGRESS", "CONCURRENT_TRANSACTIONS"];

class Client {
  readonly transactionalId: string;
  pair: ProducerIdentity | null = null;
  /** The pair it asked to go on from, without an answer yet. */
  former: ProducerIdentity | null = null;
  deed: Deed | null = null;
  /** What it asked for and has no answer to: then it may only ask the same again. */
  ending: Outcome | null = null;
  isBusy = false;
  /** Somebody else works under its transactional id; it starts anew only when it is told to. */
  isFenced = false;

  constructor(transactionalId: string) {
    this.transactionalId = transactionalId;
  }

  get producer(): TransactionalProducer | null {
    return this.pair === null ? null : { transactionalId: this.transactionalId, ...this.pair };
  }

  giveUp(): void {
    this.pair = null;
    this.former = null;
    this.deed = null;
    this.ending = null;
  }
}

class World {
  readonly clock = new FakeClock();
  readonly #deeds: Deeds;
  /** Whoever was given a pair, `id/epoch`. */
  readonly #granted = new Map<string, Client>();
  /** The pair last given for a transactional id. */
  readonly #latest = new Map<string, ProducerIdentity>();
  readonly #plainIds = new Set<number>();
  readonly clients = ["a", "a", "b"].map((id) => new Client(id));
  log = new MemoryStateLog();
  #life = 0;
  services: TransactionServicesOver;

  private constructor(services: TransactionServicesOver, deeds: Deeds) {
    this.services = services;
    this.#deeds = deeds;
  }

  static async open(seed: number): Promise<World> {
    // The services are made by the world itself: it is their world of partitions and groups.
    const world = new World(
      null as unknown as TransactionServicesOver,
      new Deeds(seededRandom(seed)),
    );
    await world.#reopen();
    return world;
  }

  async step(kind: keyof typeof kinds, who: number, what: number): Promise<void> {
    const client = this.clients[who % this.clients.length];
    if (client === undefined) return;
    switch (kind) {
      case "drive":
        this.#drive(client, what);
        break;
      case "start":
        if (!client.isBusy) this.#init(client, null);
        break;
      case "goOn":
        if (!client.isBusy && client.pair !== null) this.#init(client, client.pair);
        break;
      case "plain":
        this.#plain();
        break;
      case "add":
        this.#add(client, what % 3);
        break;
      case "produce":
        this.#produce(client);
        break;
      case "offsets":
        this.#offsets(client, what);
        break;
      case "end":
        this.#end(client, outcomeNames[what % 2] ?? "abort");
        break;
      case "hold":
        this.log.autoSync = false;
        break;
      case "sync":
        this.log.autoSync = what % 2 === 0;
        this.log.sync(what % 2 === 0 ? undefined : what % 3);
        break;
      case "full":
        this.log.fail(diskFull);
        break;
      case "crash":
        await this.#crash(what % 3);
        break;
      case "wait":
        this.log.autoSync = true;
        await this.clock.run(what * 2_000);
    }
    await settle(1);
  }

  /** All goes well from now on: everything comes to an end, and to one end. */
  async quiet(): Promise<void> {
    this.#deeds.mayFail = false;
    this.log.autoSync = true;
    this.log.sync();
    for (let round = 0; round < 6; round++) await this.clock.run(30_000);
    expect(this.services.openCount).toBe(0);
    this.#deeds.check();
    await this.services.close();
  }

  /** What a client would do next. */
  #drive(client: Client, what: number): void {
    if (client.isFenced && what > 0) return;
    if (client.ending !== null) this.#end(client, client.ending);
    else if (client.pair === null) this.#init(client, client.former);
    else if (client.deed === null) this.#add(client, what % 3);
    else if (what < 4) this.#produce(client);
    else if (what < 6) this.#add(client, what % 3);
    else if (what < 8) this.#offsets(client, what);
    else this.#end(client, outcomeNames[what % 2] ?? "abort");
  }

  #init(client: Client, named: ProducerIdentity | null): void {
    const services = this.services;
    client.giveUp();
    client.isFenced = false;
    client.former = named;
    const request = initOf(client.transactionalId, named ?? undefined);
    this.#call(client, services.initProducerId(request), {
      done: (pair) => {
        const name = `${pair.producerId}/${pair.producerEpoch}`;
        const owner = this.#granted.get(name) ?? client;
        expect(owner, `${name} is given to two`).toBe(client);
        expect(this.#plainIds.has(pair.producerId)).toBe(false);
        this.#granted.set(name, client);
        this.#latest.set(client.transactionalId, pair);
        client.pair = pair;
      },
      refused: (code) => {
        if (!lostCodes.includes(code)) client.giveUp();
      },
    });
  }

  #plain(): void {
    const life = this.#life;
    void this.services.initProducerId(initOf(null)).then(
      ({ producerId }) => {
        if (life !== this.#life) return;
        expect(this.#plainIds.has(producerId), `${producerId} is given twice`).toBe(false);
        this.#plainIds.add(producerId);
      },
      () => undefined,
    );
  }

  #add(client: Client, partition: number): void {
    const { producer } = client;
    if (client.isBusy || producer === null || client.ending !== null) return;
    client.deed ??= this.#deeds.begin(client.transactionalId);
    this.#call(client, this.services.addPartitions(producer, places(partition)), {
      done: () => undefined,
      refused: (code) => {
        if (!lostCodes.includes(code)) client.giveUp();
      },
    });
  }

  /** Also before partitions were added, and while other calls are under way. */
  #produce(client: Client): void {
    const { producer, deed } = client;
    if (producer === null) return;
    for (const place of places(0, 1, 2)) {
      if (this.services.gate.check(producer, place) !== null) continue;
      expect(deed, "what was ended takes no more").not.toBe(null);
      expect(this.#latest.get(client.transactionalId), "the fenced write nothing").toEqual(
        client.pair,
      );
      if (deed !== null) this.#deeds.hold(`t-${place.partition} ${producer.producerId}`, deed);
    }
  }

  #offsets(client: Client, what: number): void {
    const { producer, deed } = client;
    if (client.isBusy || producer === null || client.ending !== null) return;
    const kept = deed ?? this.#deeds.begin(client.transactionalId);
    client.deed = kept;
    const isFirst = what % 2 === 0;
    const call = isFirst
      ? this.services.addOffsets(producer, "g")
      : this.services.commitOffsets(offsetOf(producer, "g", this.#deeds.numberOf(kept)));
    this.#call<unknown>(client, call, {
      done: () => undefined,
      refused: (code) => {
        if (code === "PRODUCER_FENCED" || code === "INVALID_PRODUCER_ID_MAPPING") client.giveUp();
      },
    });
  }

  #end(client: Client, wish: Outcome): void {
    const { producer, deed } = client;
    if (client.isBusy || producer === null || deed === null) return;
    const outcome = client.ending ?? wish;
    client.ending = outcome;
    deed.asked.add(outcome);
    this.#call(client, this.services.end(producer, outcome), {
      done: () => {
        deed.answered = outcome;
        client.deed = null;
        client.ending = null;
      },
      refused: (code) => {
        if (lostCodes.includes(code)) return;
        client.deed = null;
        client.ending = null;
        if (code !== "INVALID_TXN_STATE") client.giveUp();
      },
    });
  }

  /** One call at a time; of a call of an earlier life nobody hears. */
  #call<Reply>(
    client: Client,
    call: Promise<Reply>,
    on: { readonly done: (reply: Reply) => void; readonly refused: (code: string) => void },
  ): void {
    const life = this.#life;
    client.isBusy = true;
    void call.then(
      (reply) => {
        if (life !== this.#life) return;
        client.isBusy = false;
        on.done(reply);
      },
      (error: unknown) => {
        if (life !== this.#life) return;
        client.isBusy = false;
        if (!(error instanceof LogError)) throw error;
        client.isFenced ||= error.code === "PRODUCER_FENCED";
        on.refused(error.code);
      },
    );
  }

  async #crash(extra: number): Promise<void> {
    this.#life++;
    this.log = this.log.afterCrash(extra);
    for (const client of this.clients) client.isBusy = false;
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    const life = this.#life;
    const { markers, offsets } = this.#deeds.participants(() => life === this.#life);
    this.services = await TransactionServicesOver.open({
      log: this.log,
      markers,
      offsets,
      clock: this.clock,
      logger: silentLogger,
      limits: { ...defaultTransactionLimits, idExpirationMs: 100_000 },
      snapshotGrowthBytes: 3000,
    });
  }
}

const kinds = {
  drive: 60,
  produce: 12,
  start: 2,
  goOn: 2,
  plain: 1,
  add: 2,
  offsets: 2,
  end: 2,
  hold: 4,
  sync: 10,
  full: 2,
  crash: 3,
  wait: 3,
} as const;

const kind = fc.oneof(
  ...Object.entries(kinds).map(([name, weight]) => {
    return { weight, arbitrary: fc.constant(name as keyof typeof kinds) };
  }),
);
const step = fc.record({ kind, who: fc.nat(3), what: fc.nat(11) });

test("transactions: random producers, failures and crashes: one outcome each, everywhere", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(step, { minLength: 60, maxLength: 200 }),
      async (seed, steps) => {
        const world = await World.open(seed);
        for (const { kind, who, what } of steps) await world.step(kind, who, what);
        await world.quiet();
      },
    ),
    { numRuns: 150 },
  );
});
