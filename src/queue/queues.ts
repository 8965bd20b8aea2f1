// Work queues as the waist wants them: share groups with a topic, settings and dead letters of their own.

import { type ErrorName, LogError } from "../base/error.ts";
import type { Delivery, DeliveryRequest } from "../share/deliveries.ts";
import type { ShareEngine } from "../share/share-engine.ts";
import type { ShareEvent } from "../share/share-events.ts";
import type { ShareGroup } from "../share/share-machine.ts";
import { checkedSettings, type ShareSettings } from "../share/share-settings.ts";
import { decideSettle } from "../share/settling.ts";
import type {
  Admission,
  AdmitRequest,
  DeadLetters,
  QueueDescription,
  QueueServices,
  QueueSettings,
  ReceiveRequest,
  ReceiveResult,
  SettleAnswer,
  TopicPartition,
} from "../services.ts";
import { Admissions } from "./admissions.ts";
import { countsOf } from "./counts.ts";
import { DeadLetterBox } from "./dead-letters.ts";
import { QueueHousekeeping } from "./queue-housekeeping.ts";

/** Work queues over one share engine. */
export class QueuesOver implements QueueServices {
  readonly #engine: ShareEngine;
  readonly #admissions: Admissions;
  readonly #deadLetters: DeadLetterBox;
  readonly #housekeeping: QueueHousekeeping;
  readonly #isTaken: (group: string) => Promise<boolean>;

  /** @param isTaken Whether a consumer group has the name. */
  constructor(engine: ShareEngine, isTaken: (group: string) => Promise<boolean>) {
    this.#engine = engine;
    this.#isTaken = isTaken;
    this.#admissions = new Admissions(engine);
    this.#deadLetters = new DeadLetterBox(engine);
    this.#housekeeping = new QueueHousekeeping(engine);
  }

  /** Stops housekeeping; the engine is the caller's to close. */
  async close(): Promise<void> {
    await this.#housekeeping.close();
  }

  async put(
    queue: string,
    settings: Partial<QueueSettings>,
  ): Promise<QueueDescription & { readonly isNew: boolean }> {
    const { source } = this.#engine.options;
    const given = checkedSettings(settings);
    const known = this.#engine.find(queue);
    const isNew = known?.isQueue !== true;
    if (isNew && (await this.#isTaken(queue))) {
      throw new LogError("GROUP_ID_NOT_FOUND", `'${queue}' is a consumer group`);
    }
    if (!isNew) refuseMoves(known, given);
    const topic = given.topic ?? known?.settings.topic ?? queue;
    const deadLetterTopic =
      given.deadLetterTopic ?? known?.settings.deadLetterTopic ?? `${queue}.dead`;
    if (topic === deadLetterTopic) {
      throw new LogError("INVALID_CONFIG", "a queue's dead letters need a topic of their own");
    }
    const listing = await source.ensureTopic(topic, null);
    await source.ensureTopic(deadLetterTopic, listing);
    // What time has done by now it did under the settings of before.
    if (known !== null) this.#engine.tend(known);
    await this.#engine.run(queue, () => {
      const before = this.#engine.find(queue)?.given;
      const all = { ...before, ...given, topic, deadLetterTopic };
      const event: ShareEvent = { kind: "group", group: queue, settings: all };
      return { events: [event], reply: undefined };
    });
    const group = this.#engine.need(queue);
    // So that `latest` means now, and what comes next is seen.
    this.#engine.begin(group, this.#allPlaces(group));
    return { ...(await this.describe(queue)), isNew };
  }

  async describe(queue: string): Promise<QueueDescription> {
    const group = this.#need(queue);
    await this.#carriedAway(group);
    for (const partition of this.#engine.begin(group, this.#allPlaces(group))) {
      await this.#engine.scanner.scan(group, partition, Number.POSITIVE_INFINITY);
    }
    this.#engine.tend(group);
    const counts = await countsOf(this.#engine, group);
    // What is counted must not be undone by a power cut.
    await this.#engine.query(() => undefined);
    return { queue, settings: publicSettings(group.settings), counts };
  }

  async list(): Promise<readonly QueueDescription[]> {
    this.#engine.checkLoaded();
    const names = [...this.#engine.groups()].flatMap((group) => (group.isQueue ? group.name : []));
    const described: QueueDescription[] = [];
    for (const name of names.sort()) {
      if (this.lookup(name) !== null) described.push(await this.describe(name));
    }
    return described;
  }

  async delete(queue: string): Promise<void> {
    this.#need(queue);
    await this.#engine.remove(queue);
  }

  lookup(queue: string): QueueSettings | null {
    const group = this.#engine.find(queue);
    if (group === null) this.#engine.checkLoaded();
    return group?.isQueue === true ? publicSettings(group.settings) : null;
  }

  async receive(request: ReceiveRequest): Promise<ReceiveResult> {
    const { queue, answers = [], ...rest } = request;
    const group = this.#need(queue);
    const places = this.#placesOf(group.settings.topic);
    const asked = { ...rest, group: queue, places, owner: "" };
    if (answers.length > 0) return this.#exchange(asked, answers);
    return received(await this.#engine.deliveries.receive(asked), []);
  }

  async settle(
    queue: string,
    answers: readonly SettleAnswer[],
  ): Promise<readonly (ErrorName | null)[]> {
    const group = this.#need(queue);
    const { random } = this.#engine.options;
    return this.#engine.run(queue, (nowMs) => decideSettle(group, answers, { nowMs, random }));
  }

  // What was settled has its answer even where nothing can be received: the next receive hears of that.
  async #exchange(
    request: DeliveryRequest,
    answers: readonly SettleAnswer[],
  ): Promise<ReceiveResult> {
    const { deliveries } = this.#engine;
    const said: Promise<readonly (ErrorName | null)[]>[] = [];
    const beside = (): void => void said.push(this.settle(request.group, answers));
    const [outcome] = await Promise.allSettled([
      deliveries.receive({ ...request, waitMs: 0, beside }),
    ]);
    // Nothing was said: it must not look as if all of it held.
    if (said.length === 0 && outcome.status === "rejected") throw outcome.reason;
    const delivery = outcome.status === "fulfilled" ? outcome.value : null;
    try {
      const [settled = []] = await Promise.all(said);
      return received(delivery, settled);
    } catch (error) {
      delivery?.release();
      throw error;
    }
  }

  async admit(request: AdmitRequest): Promise<Admission> {
    return this.#admissions.admit(this.#need(request.queue), request);
  }

  async dead(queue: string, request: Parameters<QueueServices["dead"]>[1]): Promise<DeadLetters> {
    const group = this.#need(queue);
    await this.#carriedAway(group);
    return this.#deadLetters.list(group, this.#placesOf(group.settings.deadLetterTopic), request);
  }

  async redrive(queue: string, request: Parameters<QueueServices["redrive"]>[1]): Promise<number> {
    const group = this.#need(queue);
    await this.#carriedAway(group);
    const places = this.#placesOf(group.settings.deadLetterTopic);
    return this.#deadLetters.redrive(group, places, request);
  }

  // What has died by now is among the dead letters when it resolves, unless it cannot be moved there for now.
  async #carriedAway(group: ShareGroup): Promise<void> {
    const partitions = this.#engine.begin(group, this.#placesOf(group.settings.topic));
    const moves = partitions
      .filter(({ leaving, move }) => leaving.size > 0 || move !== null)
      .map((partition) => this.#engine.mover.settled(group, partition));
    await Promise.allSettled(moves);
  }

  #need(queue: string): ShareGroup {
    const group = this.#engine.find(queue);
    if (group?.isQueue === true) return group;
    this.#engine.checkLoaded();
    throw new LogError("QUEUE_NOT_FOUND", `there is no queue '${queue}'`, { facts: { queue } });
  }

  #allPlaces({ settings }: ShareGroup): readonly TopicPartition[] {
    return [...this.#placesOf(settings.topic), ...this.#placesOf(settings.deadLetterTopic)];
  }

  #placesOf(topic: string | null): readonly TopicPartition[] {
    const listing = topic === null ? null : this.#engine.options.source.topic(topic);
    if (listing === null) return [];
    const { name, partitionCount } = listing;
    return Array.from({ length: partitionCount }, (_, partition) => ({ topic: name, partition }));
  }
}

function received(
  delivery: Delivery | null,
  settled: readonly (ErrorName | null)[],
): ReceiveResult {
  const ranges = (delivery?.ranges ?? []).map(({ first, last, ...range }) => ({
    ...range,
    firstOffset: first,
    lastOffset: last,
  }));
  return { ranges, settled, release: () => delivery?.release() };
}

function refuseMoves(group: ShareGroup | null, given: Partial<QueueSettings>): void {
  for (const name of ["topic", "from"] as const) {
    const now = group?.settings[name];
    if (given[name] === undefined || given[name] === now) continue;
    const detail = `'${name}' of a queue cannot be changed: it is '${String(now)}'`;
    throw new LogError("INVALID_CONFIG", detail, { facts: { setting: name } });
  }
}

function publicSettings(settings: ShareSettings): QueueSettings {
  const { isolation: _, topic, deadLetterTopic, ...rest } = settings;
  return { topic: topic ?? "", deadLetterTopic: deadLetterTopic ?? "", ...rest };
}
