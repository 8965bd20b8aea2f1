// What senders and workers of one queue were told, and whether an engine still keeps to it.

import type { Engine } from "../../src/engine.ts";
import type { ReceiveResult, SettleAnswer } from "../../src/services.ts";
import { recordsOf } from "../support/batches.ts";
import { type FakeClock, settle } from "../support/fake-clock.ts";
import { readRecords } from "./record-promises.ts";

/** How long a worker of these tests has for a message. */
export const leaseMs = 10_000;
/** After so many deliveries a message is a dead letter. */
export const deliveriesMax = 3;

/** A message as a worker got it. */
export interface Message {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
  readonly epoch: number;
  readonly value: string;
}

interface Known {
  deliveries: number;
  leasedUntilMs: number;
  isSettled: boolean;
}

/** Promises of the queue `q`, partition 0, over its dead-letter topic `q.dead`. */
export class QueuePromises {
  readonly #known = new Map<number, Known>();
  /** Values that are done with, or may be. */
  readonly #done = new Set<string>();
  readonly #sent = new Set<string>();
  /** Values answered as dead, or rejected by a worker. */
  readonly #redriven = new Map<string, number>();
  #unansweredReceives = 0;
  #receivesBefore = 0;

  /** A message was sent, and the answer was good. */
  sent(value: string): void {
    this.#sent.add(value);
  }

  /** Receives; what comes is held to what was promised before. */
  async receive(
    { engine, clock }: { readonly engine: Engine; readonly clock: FakeClock },
    max: number,
  ): Promise<{ readonly messages: readonly Message[]; readonly problems: readonly string[] }> {
    this.#unansweredReceives++;
    const request = { queue: "q", max, maxBytes: 1 << 20, waitMs: 0, leaseMs, signal: null };
    const messages = messagesOf(await engine.services.queues.receive(request));
    this.#unansweredReceives--;
    const nowMs = clock.nowMs();
    return { messages, problems: messages.flatMap((each) => this.#delivered(each, nowMs)) };
  }

  #delivered({ offset, value, deliveries }: Message, nowMs: number): readonly string[] {
    const known = this.#known.get(offset) ?? { deliveries: 0, leasedUntilMs: 0, isSettled: false };
    this.#known.set(offset, known);
    const problems: string[] = [];
    const name = `message ${offset} ('${value}')`;
    if (known.isSettled) problems.push(`${name} came back after it was settled`);
    if (known.leasedUntilMs > nowMs) problems.push(`${name} is leased twice at once`);
    const least = known.deliveries + 1;
    const most = least + this.#receivesBefore;
    if (deliveries < least || deliveries > most) {
      problems.push(`${name} is at delivery ${deliveries}, not ${least} to ${most}`);
    }
    known.deliveries = deliveries;
    known.leasedUntilMs = nowMs + leaseMs;
    return problems;
  }

  /** Settles; from the answer on it holds. */
  async settle(
    engine: Engine,
    kind: "ack" | "nack" | "reject",
    messages: readonly Message[],
  ): Promise<void> {
    for (const { offset, value } of messages) {
      const known = this.#known.get(offset);
      // From here on it may be with somebody else, or gone.
      if (known !== undefined) known.leasedUntilMs = 0;
      if (kind === "ack") this.#done.add(value);
    }
    const answers = messages.map((receipt): SettleAnswer => {
      if (kind === "ack") return { kind, receipt };
      const reason = "no good";
      return kind === "nack" ? { kind, receipt, delayMs: 0, reason } : { kind, receipt, reason };
    });
    const results = await engine.services.queues.settle("q", answers);
    const refusal = results.find((result) => result !== null);
    if (refusal !== undefined && refusal !== null) throw new Error(`a settle answers ${refusal}`);
    for (const { offset } of messages) {
      const known = this.#known.get(offset);
      if (known !== undefined && kind !== "nack") known.isSettled = true;
    }
  }

  /** Puts all dead letters back. */
  async redrive(engine: Engine): Promise<void> {
    for (const value of await deadValues(engine)) {
      this.#redriven.set(value, (this.#redriven.get(value) ?? 0) + 1);
    }
    await engine.services.queues.redrive("q", { max: 100, offsets: null });
  }

  /** Leases of the dead go on; calls without an answer may have been carried out. */
  stopped(): void {
    this.#receivesBefore += this.#unansweredReceives;
    this.#unansweredReceives = 0;
  }

  /** Receives all there is, lets leases lapse, and looks for whatever is missing. */
  async check(world: {
    readonly engine: Engine;
    readonly clock: FakeClock;
  }): Promise<readonly string[]> {
    const { engine, clock } = world;
    if (engine.services.queues.lookup("q") === null) return ["the queue is gone"];
    const problems: string[] = [];
    const seen = new Set<string>();
    for (let lap = 0; lap < 2; lap++) {
      const received = await this.receive(world, 1000);
      problems.push(...received.problems);
      for (const { value } of received.messages) seen.add(value);
      await this.settle(
        engine,
        "ack",
        received.messages.filter((each) => each.offset % 3 === 0),
      );
      await clock.run(leaseMs);
      await settle(10);
    }
    // Each lap delivered what was to be delivered, so nothing that was not answered is left to be counted.
    this.#receivesBefore = 0;
    const dead = await deadValues(engine);
    for (const value of this.#sent) {
      if (seen.has(value) || dead.includes(value) || this.#done.has(value)) continue;
      problems.push(`the message '${value}' is lost`);
    }
    for (const value of new Set(dead)) {
      const count = dead.filter((each) => each === value).length;
      const most = 1 + (this.#redriven.get(value) ?? 0);
      if (count > most) problems.push(`'${value}' is a dead letter ${count} times`);
    }
    return problems;
  }
}

async function deadValues(engine: Engine): Promise<readonly string[]> {
  const records = await readRecords(engine, { topic: "q.dead", partition: 0 });
  return typeof records === "string" ? [] : [...records.values()];
}

function messagesOf(result: ReceiveResult): readonly Message[] {
  const messages = result.ranges.flatMap((range) =>
    recordsOf(range.batches)
      .filter(({ offset }) => offset >= range.firstOffset && offset <= range.lastOffset)
      .map(({ offset, value }) => {
        const { partition, deliveries, epoch } = range;
        return { partition, offset, deliveries, epoch, value: value ?? "" };
      }),
  );
  result.release();
  return messages;
}
