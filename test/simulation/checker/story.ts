// Histories as a test tells them.

import { contentText, type SimEvent } from "../history.ts";
import type { NewEvent } from "../world.ts";
import { check } from "./checker.ts";

/** Content of a record by its value; written at the time 1000 unless told otherwise. */
export function content(
  value: string | null,
  key: string | null = null,
  timestampMs = 1000,
): string {
  return contentText({ value, key, timestampMs, headers: [] });
}

/** Name of the rule, a history that keeps it, one that breaks it. */
export type Case = readonly [rule: string, good: Story, bad: Story];

/** A history: each event a millisecond after the one before, unless it says when it was. */
export class Story {
  readonly #events: SimEvent[] = [];
  #op = 0;
  #ms = 0;
  #aheadMs = 1000;

  tell(event: NewEvent): this {
    this.#ms++;
    this.#events.push({ ms: this.#ms, wallMs: this.#ms + this.#aheadMs, ...event } as SimEvent);
    return this;
  }

  pass(ms: number): this {
    this.#ms += ms;
    return this;
  }

  wall(stepMs: number): this {
    this.#aheadMs += stepMs;
    return this;
  }

  /** A send that was answered with an offset, or (null) never. */
  send(
    values: readonly string[],
    baseOffset: number | null,
    differing: Partial<Extract<NewEvent, { type: "send" }>> = {},
  ): this {
    const op = this.#op++;
    const contents = values.map((value) => (value.startsWith("[") ? value : content(value)));
    const send = { type: "send", op, place: "t/0", mode: "plain", contents } as const;
    this.tell({ ...send, transaction: null, durable: true, ...differing });
    if (baseOffset === null) return this.tell({ type: "unanswered", op, code: null });
    return this.tell({ type: "sent", op, baseOffset });
  }

  /** A read of `values` by offset. */
  read(
    values: Readonly<Record<number, string>>,
    differing: {
      readonly from?: number;
      readonly end?: number;
      readonly highWatermark?: number;
      readonly logStart?: number;
      readonly stableEnd?: number;
      readonly place?: string;
      readonly committedOnly?: boolean;
    } = {},
  ): this {
    const op = this.#op++;
    const { from = 0, place = "t/0", committedOnly = false, logStart = 0 } = differing;
    const records = Object.entries(values).map(([offset, value]) => {
      return { offset: Number(offset), content: value.startsWith("[") ? value : content(value) };
    });
    const end = differing.end ?? (records.at(-1)?.offset ?? from - 1) + 1;
    const highWatermark = differing.highWatermark ?? end;
    const stableEnd = differing.stableEnd ?? highWatermark;
    this.tell({ type: "ask", op, place, committedOnly, from });
    return this.tell({ type: "read", op, records, end, logStart, stableEnd, highWatermark });
  }

  search(time: number, offset: number): this {
    const op = this.#op++;
    this.tell({ type: "ask-time", op, place: "t/0", time });
    return this.tell({ type: "told-time", op, offset });
  }

  stop(how: "close" | "kill" | "power"): this {
    return this.tell({ type: "stopped", how }).tell({ type: "started" });
  }

  end(transaction: string, outcome: "commit" | "abort", isAnswered = true): this {
    const op = this.#op++;
    this.tell({ type: "end", op, transaction, outcome });
    return isAnswered ? this.tell({ type: "ended", op }) : this;
  }

  /** A committed offset; of a transaction where one is given. */
  write(value: number, isAnswered = true, transaction: string | null = null): this {
    const op = this.#op++;
    this.tell({ type: "write", op, register: "g t/0", value, transaction });
    return this.tell(isAnswered ? { type: "written", op } : { type: "unanswered", op, code: null });
  }

  look(value: number): this {
    const op = this.#op++;
    this.tell({ type: "look", op, register: "g t/0" });
    return this.tell({ type: "looked", op, value });
  }

  queue(order: "none" | "key" = "none"): this {
    const about = { queue: "q", topic: "t", deadTopic: "d", order, maxDeliveries: 3 } as const;
    return this.tell({ type: "queue", ...about });
  }

  /** A receive with a lease of a second: offsets and how often each was delivered. */
  receive(
    given: Readonly<Record<number, number>> | null,
    values: string | readonly string[] = "abcdef",
  ): this {
    const op = this.#op++;
    this.tell({ type: "receive", op, queue: "q" });
    if (given === null) return this.tell({ type: "unanswered", op, code: null });
    const messages = Object.entries(given).map(([offset, deliveries]) => {
      const value = values[Number(offset)] ?? "";
      const key = value === value.toUpperCase() ? "k" : null;
      const text = value.startsWith("[") ? value : content(value, key);
      return { partition: 0, offset: Number(offset), deliveries, content: text };
    });
    return this.tell({ type: "received", op, leaseMs: 1000, messages });
  }

  settle(
    kind: "ack" | "nack" | "reject" | "extend",
    offset: number,
    how: {
      readonly deliveries?: number;
      readonly isHeld?: boolean | null;
      readonly waitMs?: number;
    },
  ): this {
    const op = this.#op++;
    const { deliveries = 1, isHeld = true, waitMs = 0 } = how;
    const answers = [{ partition: 0, offset, deliveries, kind, waitMs }];
    this.tell({ type: "settle", op, queue: "q", answers });
    if (isHeld === null) return this.tell({ type: "unanswered", op, code: null });
    return this.tell({ type: "settled", op, isHeld: [isHeld] });
  }

  /** A dead letter of a record of the queue is read. */
  letter(at: number, of: number, value: string): this {
    const headers = [
      ["varve-dead-partition", "0"],
      ["varve-dead-offset", String(of)],
    ] as const;
    const text = contentText({ value, key: null, timestampMs: 1000, headers });
    return this.read({ [at]: text }, { from: at, place: "d/0" });
  }

  get rules(): readonly string[] {
    return [...new Set(check(this.#events).map(({ rule }) => rule))];
  }
}
