// Random lives of a queue: whatever producers, receivers and operators do, alone and at once, with the process and the
// machine dying in between, told to the model step by step.

import type { Receipt } from "../../src/services.ts";
import {
  type Message,
  type ModelSettings,
  type ModelVerdict,
  nameOf,
  QueueModel,
} from "./queue-model.ts";
import { ends, holds, keys, letterOf, nextTurn, passes, recordOf } from "./queue-records.ts";
import { type PlacedRecord, queueName, QueueWorld, type ReceivedMessage } from "./queue-world.ts";

/** What may happen. */
export type LifeStep =
  | "produce"
  | "receive"
  | "settle"
  | "pass"
  | "leap"
  | "redrive"
  | "describe"
  | "configure"
  | "restart"
  | "kill"
  | "crash"
  | "together";

/** How a life begins. */
export interface LifeOptions {
  readonly seed: number;
  readonly partitions: number;
  readonly order: ModelSettings["order"];
  readonly expired: ModelSettings["expired"];
  readonly snapshotGrowthBytes: number;
}

// Something under way: its answer, once there is one, and how the model is told. Null: the answer was lost.
interface Deed {
  readonly kind: "produce" | "receive" | "settle" | "redrive";
  readonly answered: Promise<unknown>;
  tell(isAnswered: boolean): void;
}

/** One life. */
export class QueueLife {
  readonly world: QueueWorld;
  readonly model: QueueModel;
  readonly #messages = new Map<string, Message>();
  readonly #receipts: Receipt[] = [];
  /** Offsets seen so far, by partition. */
  readonly #seen = { queue: [0, 0, 0], dead: [0, 0, 0] };
  /** Letters that may come back now; null: any. */
  #redrivable: ReadonlySet<string> | null = new Set();
  #redriven = 0;
  #values = 0;

  private constructor(world: QueueWorld, model: QueueModel) {
    this.world = world;
    this.model = model;
    this.model.passed(world.clock.nowMs());
  }

  static async begin(options: LifeOptions): Promise<QueueLife> {
    const { order, expired } = options;
    const settings = { leaseMs: 1000, maxDeliveries: 3, backoffMs: 0, order, expired };
    const given = { leaseMs: 1000, maxDeliveries: 3, order, expired };
    return new QueueLife(
      await QueueWorld.open({ ...options, settings: given }),
      new QueueModel(settings),
    );
  }

  /** Does one step and compares. */
  async step(kind: LifeStep): Promise<void> {
    this.#redrivable = new Set();
    switch (kind) {
      case "produce":
      case "receive":
      case "settle":
      case "redrive":
        await this.#alone(this.#begin(kind));
        break;
      case "together":
        await this.#together();
        break;
      case "pass":
        await this.world.pass(this.#oneOf(passes));
        break;
      case "leap":
        // The wall clock alone: no timer tells of it.
        this.world.clock.setWall(this.world.clock.nowMs() + this.#oneOf(passes));
        this.model.passed(this.world.clock.nowMs());
        break;
      case "configure":
        await this.#configure();
        break;
      case "restart":
        await this.world.restart();
        break;
      case "kill":
      case "crash":
        await this.world.die(kind);
        break;
      case "describe":
        await this.#describe();
        break;
    }
    await this.#settleDown();
  }

  /** Everything is delivered and acknowledged in the end, and nothing comes again. */
  async end(): Promise<void> {
    for (let round = 0; this.model.unsettled().length > 0; round++) {
      if (round > 40) throw new Error(`never came: ${JSON.stringify(this.model.unsettled()[0])}`);
      await this.world.pass(1000);
      await this.#settleDown();
      const messages = await this.world.receive(1000);
      this.model.receivedAlone(messages, 1000);
      const answers = messages.map((receipt) => ({ kind: "ack", receipt }) as const);
      const results = await this.world.settle(answers);
      for (const [index, receipt] of messages.entries()) {
        this.model.settled(receipt, { kind: "ack" }, results[index] ?? null);
      }
      await this.#settleDown();
    }
    await this.#describe();
    await this.world.die("crash");
    this.model.receivedAlone(await this.world.receive(1000), 1000);
    await this.#describe();
  }

  async #alone(deed: Deed): Promise<void> {
    await deed.answered;
    if (deed.kind !== "settle") await this.#observe();
    deed.tell(true);
  }

  // Several deeds at once, perhaps with a disk that does not answer, perhaps with an end that cuts them off.
  async #together(): Promise<void> {
    const end = this.#oneOf(ends);
    const held = this.#oneOf(holds);
    const release = held === null ? null : this.world.holdSyncs(held);
    if (end === "full") this.world.fillState(1 + this.#below(4));
    const kinds = (["settle", "produce", "receive", "redrive", "receive"] as const).filter(
      () => this.#below(3) > 0,
    );
    const deeds = kinds.map((kind) => this.#begin(kind, true));
    const ended = new Set<Deed>();
    const all = deeds.map(async (deed) => {
      await deed.answered;
      ended.add(deed);
    });
    // A scan beside those of the receivers.
    const described = this.world.queues.describe(queueName).catch(() => undefined);
    for (const each of all) each.catch(() => undefined);
    if (end === "go on" || end === "full") {
      for (let turn = this.#below(5); turn > 0; turn--) await nextTurn();
      release?.();
      await (end === "full" ? Promise.allSettled(all) : Promise.all([...all, described]));
    } else {
      for (let hop = this.#below(400); hop > 0; hop--) await Promise.resolve();
      for (let turn = this.#below(4); turn > 0; turn--) await nextTurn();
    }
    const tell = (kind: Deed["kind"], answered: ReadonlySet<Deed>): void => {
      for (const deed of deeds) if (deed.kind === kind) deed.tell(answered.has(deed));
    };
    const answered = new Set(ended);
    tell("settle", answered);
    if (end === "full") await this.world.makeRoom();
    else if (end !== "go on") await this.world.die(end);
    this.model.passed(this.world.clock.nowMs());
    await this.#observe();
    tell("produce", answered);
    tell("receive", answered);
    await this.#settleDown();
    tell("redrive", answered);
  }

  #begin(kind: Deed["kind"], isTogether = false): Deed {
    switch (kind) {
      case "produce":
        return this.#produce();
      case "receive":
        return this.#receive(isTogether);
      case "settle":
        return this.#settle();
      case "redrive":
        return this.#redrive();
    }
  }

  #produce(): Deed {
    const partition = this.#below(this.world.options.partitions);
    const messages = Array.from({ length: 1 + this.#below(4) }, () => this.#message());
    for (const message of messages) this.#messages.set(message.value, message);
    let offset = -1;
    const call = this.world.produce(partition, messages.map(recordOf));
    return {
      kind: "produce",
      answered: call.then((answer) => {
        offset = answer;
      }),
      tell: (isAnswered) => {
        if (!isAnswered) return;
        for (const [index, { value }] of messages.entries()) {
          const found = this.model.records.get(nameOf({ partition, offset: offset + index }));
          if (found?.value !== value) throw new Error(`'${value}' was answered and is not there`);
        }
      },
    };
  }

  #message(): Message {
    const nowMs = this.world.clock.nowMs();
    const isOneIn = (count: number): boolean => this.#below(count) === 0;
    return {
      value: `m${this.#values++}`,
      key: this.#oneOf(keys),
      priority: isOneIn(3) ? this.#below(10) : 0,
      deliverAtMs: isOneIn(4) ? nowMs + this.#below(this.#oneOf([200, 2500])) : 0,
      expiresAtMs: isOneIn(4)
        ? nowMs + this.#below(this.#oneOf([200, 4000]))
        : Number.POSITIVE_INFINITY,
    };
  }

  #receive(isTogether: boolean): Deed {
    const max = this.#oneOf([1, 2, 5, 100]);
    let messages: readonly ReceivedMessage[] = [];
    const call = this.world.receive(max);
    return {
      kind: "receive",
      answered: call.then((answer) => {
        messages = answer;
      }),
      tell: (isAnswered) => {
        if (!isAnswered) {
          this.model.receivedMaybe();
          return;
        }
        for (const message of messages) {
          const { value } = this.model.records.get(nameOf(message)) ?? { value: null };
          if (value !== message.value) throw new Error(`${nameOf(message)} is '${message.value}'`);
          this.#receipts.push(message);
        }
        if (isTogether) for (const message of messages) this.model.received(message);
        else this.model.receivedAlone(messages, max);
      },
    };
  }

  // Receipts of any age, some more than once, some that nobody was given.
  #settle(): Deed {
    const answers = Array.from({ length: 1 + this.#below(6) }, () => {
      const { length } = this.#receipts;
      const back =
        this.#below(4) === 0 ? this.#below(length + 1) : this.#below(Math.min(6, length + 1));
      const receipt = this.#receipts[length - 1 - back];
      const isForged = this.#below(20) === 0;
      const asked = receipt === undefined ? [] : [receipt];
      return asked.map(({ partition, offset, deliveries, epoch }) => ({
        receipt: { partition, offset, epoch, deliveries: deliveries + (isForged ? 1 : 0) },
        ...this.#verdict(),
      }));
    }).flat();
    let results: readonly boolean[] = [];
    const call = this.world.settle(answers);
    return {
      kind: "settle",
      answered: call.then((answer) => {
        results = answer;
      }),
      tell: (isAnswered) => {
        const done = new Set<string>();
        for (const [index, { receipt, ...verdict }] of answers.entries()) {
          const name = nameOf(receipt);
          const isHeld = isAnswered ? (results[index] ?? null) : null;
          if (!done.has(name)) this.model.settled(receipt, verdict, isHeld);
          else if (isHeld === true) throw new Error(`${name} was settled twice at once`);
          if (isHeld === true) done.add(name);
        }
      },
    };
  }

  #verdict(): ModelVerdict {
    const reason = this.#oneOf(["", "no", "try later"]);
    switch (this.#below(8)) {
      case 0:
      case 1:
      case 2:
        return { kind: "ack" };
      case 3:
        return { kind: "nack", delayMs: 100 + this.#below(2000), reason };
      case 4:
        return { kind: "nack", delayMs: this.#oneOf([0, null]), reason };
      case 5:
      case 6:
        return { kind: "reject", reason };
      default:
        return { kind: "extend", leaseMs: 1 + this.#below(3000) };
    }
  }

  #redrive(): Deed {
    const letters = [...this.model.letters.values()];
    const isByOffset = this.#below(2) === 0;
    // Some that are back already, one that never was.
    const some = letters.filter(() => this.#below(3) === 0);
    const asked = some.map(({ partition, offset }) => ({ partition, offset }));
    asked.push({ partition: 0, offset: 999_999 });
    const max = isByOffset ? 100_000 : 1 + this.#below(4);
    this.#redrivable = isByOffset ? new Set(asked.map(nameOf)) : null;
    this.#redriven = 0;
    let count = -1;
    const call = this.world.queues.redrive(queueName, { max, offsets: isByOffset ? asked : null });
    return {
      kind: "redrive",
      answered: call.then((answer) => {
        count = answer;
      }),
      tell: (isAnswered) => {
        const isTrue = isAnswered ? this.#redriven === count : this.#redriven <= max;
        if (!isTrue) throw new Error(`${this.#redriven} came back, ${count} of ${max} were told`);
      },
    };
  }

  async #configure(): Promise<void> {
    const { settings } = this.model;
    settings.leaseMs = 500 + this.#below(2000);
    settings.maxDeliveries = 1 + this.#below(5);
    settings.backoffMs = this.#below(2) * 300;
    const { leaseMs, maxDeliveries, backoffMs: baseMs } = settings;
    const backoff = { type: "fixed", baseMs, maxMs: baseMs, jitter: 0 } as const;
    await this.world.put({ leaseMs, maxDeliveries, backoff });
  }

  async #describe(): Promise<void> {
    await this.world.queues.describe(queueName);
    await this.#settleDown();
    this.model.allBuried();
    const { counts } = await this.world.queues.describe(queueName);
    this.model.described(counts);
    const listed = await this.world.listedDead();
    const letters = [...this.model.letters.values()].filter(({ isRedriven }) => !isRedriven);
    const expected = letters.map(nameOf).sort();
    if (listed.join() !== expected.join()) {
      throw new Error(`dead letters are listed at ${listed.join()}, not at ${expected.join()}`);
    }
  }

  async #settleDown(): Promise<void> {
    await this.world.pass(0);
    this.model.passed(this.world.clock.nowMs());
    await this.#observe();
  }

  // What lies in the topics now: letters first, for they explain what comes back.
  async #observe(): Promise<void> {
    for (const record of await this.world.read("dead", this.#seen.dead)) {
      this.#seen.dead[record.partition] = record.offset + 1;
      this.model.died(letterOf(record));
    }
    for (const record of await this.world.read("queue", this.#seen.queue)) {
      this.#seen.queue[record.partition] = record.offset + 1;
      this.#appeared(record);
    }
  }

  #appeared(record: PlacedRecord): void {
    const { partition, offset } = record;
    const message = this.#messages.get(record.value ?? "");
    if (message === undefined) throw new Error(`nobody sent '${record.value}'`);
    const { value } = message;
    const isFirst = ![...this.model.records.values()].some((each) => each.value === value);
    if (!isFirst) {
      const letter = [...this.model.letters.values()].find((each) => {
        return each.record.value === value && !each.isRedriven;
      });
      const isAsked = this.#redrivable === null || this.#redrivable.has(nameOf(letter ?? record));
      if (letter === undefined || !isAsked) throw new Error(`'${value}' came again`);
      if (letter.record.partition !== partition) throw new Error(`'${value}' came back elsewhere`);
      letter.isRedriven = true;
      this.#redriven++;
    }
    const again = { ...message, deliverAtMs: 0, expiresAtMs: Number.POSITIVE_INFINITY };
    this.model.appeared({ partition, offset }, isFirst ? message : again);
  }

  #below(bound: number): number {
    return this.world.random.below(bound);
  }

  #oneOf<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)] as Item;
  }
}
