// What is promised of work queues: a record is held by one at a time, never comes again when it was acknowledged, each
// delivery counts once, records of one key come in turn, and what was given up lies among the dead letters, once.

import { contentOf, type EventOf, type SimEvent } from "../history.ts";
import type { RecordRule } from "./records.ts";
import { dispatch, type Handlers } from "./dispatch.ts";
import { LeaseTime } from "./lease-time.ts";
import type { Report } from "./report.ts";

interface Term {
  readonly sinceMs: number;
  readonly leaseMs: number;
}

interface Lease {
  readonly deliveries: number;
  /** Which event of the history told of it. */
  readonly at: number;
  /** From when on and how long nobody else has it; two of which either holds where it was perhaps extended. */
  terms: readonly Term[];
  /** Somebody has asked to give the record back, or to be done with it. */
  isLeft: boolean;
  /** The answer that was taken. */
  taken: string | null;
}

interface Message {
  readonly name: string;
  readonly place: string;
  readonly offset: number;
  readonly content: string;
  readonly key: string | null;
  readonly isPlain: boolean;
  readonly expiresAtMs: number;
  lease: Lease | null;
  /** Receives without an answer before the last delivery that is known. */
  lostBefore: number;
  isAcked: boolean;
  /** It may be done with: somebody said so, heard or not. */
  mayBeDone: boolean;
  isRejected: boolean;
  letters: number;
}

interface Queue {
  readonly about: EventOf<"queue">;
  readonly messages: Map<string, Message>;
  readonly underWay: Set<number>;
  lost: number;
}

interface Receive {
  readonly queue: Queue;
  /** Which event of the history it is. */
  readonly at: number;
  readonly ms: number;
  readonly wallMs: number;
  /** Messages that were there before it was asked. */
  readonly known: number;
}

interface Settle {
  readonly queue: Queue;
  readonly event: EventOf<"settle">;
  /** Of each answer: the lease as it was when it was sent; null where it had passed to somebody else. */
  readonly asked: readonly ({ readonly lease: Lease; readonly wasHeld: boolean } | null)[];
}

const expiresAt = "varve-expires-at";
const deadHeaders = { partition: "varve-dead-partition", offset: "varve-dead-offset" };

/** The rules of queues. */
export class QueueRule {
  readonly #report: Report;
  readonly #queues = new Map<string, Queue>();
  readonly #receives = new Map<number, Receive>();
  readonly #settles = new Map<number, Settle>();
  readonly #records: RecordRule;
  readonly #seen: { readonly place: string; readonly offset: number; readonly content: string }[] =
    [];
  readonly #time = new LeaseTime();
  #at = 0;

  readonly #handlers: Handlers = {
    queue: (event) => {
      this.#queue(event);
    },
    receive: (event) => {
      const queue = this.#queues.get(event.queue);
      if (queue === undefined) return;
      const known = queue.messages.size;
      const { ms, wallMs } = event;
      this.#receives.set(event.op, { queue, ms, wallMs, known, at: this.#at });
      queue.underWay.add(event.op);
    },
    received: (event) => {
      this.#received(event);
    },
    settle: (event) => {
      this.#settling(event);
    },
    settled: (event) => {
      this.#settled(event);
    },
    unanswered: (event) => {
      this.#unanswered(event.op);
    },
    drained: (event) => {
      this.#drained(event.queue);
    },
  };

  constructor(report: Report, records: RecordRule) {
    this.#report = report;
    this.#records = records;
    records.onRecord((place, offset, content) => {
      this.#seen.push({ place, offset, content });
      for (const queue of this.#queues.values()) this.#appeared(queue, { place, offset, content });
    });
  }

  take(event: SimEvent): void {
    this.#at++;
    this.#time.take(event);
    dispatch(this.#handlers, event);
  }

  #queue(about: EventOf<"queue">): void {
    const queue: Queue = { about, messages: new Map(), underWay: new Set(), lost: 0 };
    this.#queues.set(about.queue, queue);
    for (const record of this.#seen) this.#appeared(queue, record);
  }

  #appeared(
    queue: Queue,
    record: { readonly place: string; readonly offset: number; readonly content: string },
  ): void {
    const { place, offset, content } = record;
    if (place.startsWith(`${queue.about.topic}/`)) this.#message(queue, record);
    if (!place.startsWith(`${queue.about.deadTopic}/`)) return;
    const { headers, value } = contentOf(content);
    const header = (name: string): string => headers.find(([key]) => key === name)?.[1] ?? "";
    const origin = `${queue.about.topic}/${header(deadHeaders.partition)}:${header(deadHeaders.offset)}`;
    const message = queue.messages.get(origin);
    const letter = `letter ${place} at ${offset}`;
    if (message === undefined || contentOf(message.content).value !== value) {
      this.#report("a dead letter is a record of its queue", `${letter} of ${origin}: ${value}`);
      return;
    }
    message.letters++;
    if (message.letters > 1) this.#report("a record dies once", `${letter} of ${origin}`);
    if (message.isAcked) this.#report("an acknowledged record is done", `${letter} of ${origin}`);
  }

  #message(
    queue: Queue,
    at: { readonly place: string; readonly offset: number; readonly content: string },
  ): Message {
    const { place, offset, content } = at;
    const name = `${place}:${offset}`;
    let message = queue.messages.get(name);
    if (message === undefined) {
      const { key, headers } = contentOf(content);
      message = {
        name,
        place,
        offset,
        content,
        key,
        isPlain: headers.length === 0,
        expiresAtMs: Number(headers.find(([name]) => name === expiresAt)?.[1] ?? Infinity),
        lease: null,
        // It may have been there, and delivered, before anybody heard of it.
        lostBefore: 0,
        isAcked: false,
        mayBeDone: false,
        isRejected: false,
        letters: 0,
      };
      queue.messages.set(name, message);
    }
    return message;
  }

  #received(event: EventOf<"received">): void {
    const receive = this.#receives.get(event.op);
    if (receive === undefined) return;
    const { queue } = receive;
    queue.underWay.delete(event.op);
    for (const delivery of event.messages) {
      const { partition, offset, deliveries, content } = delivery;
      const place = `${queue.about.topic}/${partition}`;
      this.#records.learn(place, offset, content);
      const message = this.#message(queue, { place, offset, content });
      // An answer may be slow, and a later delivery known before it.
      const { lease } = message;
      if (lease !== null && lease.deliveries > deliveries && lease.at > receive.at) continue;
      this.#checkDelivery({ queue, receive, message, deliveries, leaseMs: event.leaseMs });
      message.lostBefore = queue.lost;
      message.lease = {
        deliveries,
        at: this.#at,
        terms: [{ sinceMs: receive.ms, leaseMs: event.leaseMs }],
        isLeft: false,
        taken: null,
      };
    }
  }

  #checkDelivery(of: {
    readonly queue: Queue;
    readonly receive: Receive;
    readonly message: Message;
    readonly deliveries: number;
    readonly leaseMs: number;
  }): void {
    const { queue, message, deliveries, receive } = of;
    const { lease, lostBefore, name } = message;
    const about = `${name} came as number ${deliveries}`;
    if (message.isAcked) this.#report("an acknowledged record is done", about);
    if (message.isRejected) this.#report("a rejected record is done", about);
    // Where a clock was set nobody knows what time it was for the server.
    if (this.#time.isSteady && message.expiresAtMs <= receive.wallMs) {
      this.#report("what has expired is not delivered", about);
    }
    const before = lease?.deliveries ?? 0;
    if (deliveries <= before) {
      this.#report("each delivery counts", `${about}, after ${before}`);
    }
    const maybe = queue.lost - lostBefore + queue.underWay.size;
    if (deliveries > before + 1 + maybe) {
      this.#report("each delivery counts once", `${about}, after ${before} and ${maybe} unknown`);
    }
    if (deliveries > queue.about.maxDeliveries) {
      this.#report("a record is delivered so often and no more", about);
    }
    if (lease !== null && this.#isHeld(lease)) {
      const detail = `${about}, held as number ${lease.deliveries}`;
      this.#report("a record is held by one at a time", detail);
    }
    if (queue.about.order === "key" && message.key !== null) this.#checkTurn(of);
  }

  #checkTurn(of: {
    readonly queue: Queue;
    readonly receive: Receive;
    readonly message: Message;
    readonly deliveries: number;
    readonly leaseMs: number;
  }): void {
    const { queue, message, deliveries } = of;
    const { ms } = of.receive;
    const mayHaveLapsed = this.#time.elapsed(ms) >= of.leaseMs;
    let index = 0;
    for (const other of queue.messages.values()) {
      const wasKnown = index++ < of.receive.known;
      if (other === message || other.key !== message.key || other.place !== message.place) continue;
      const about = `${message.name} came as number ${deliveries}, before ${other.name}`;
      const isHeld = other.lease !== null && this.#isHeld(other.lease);
      // An answer may be so slow that what it leased has lapsed, and the next of the key was given, before it is heard.
      const isLater = mayHaveLapsed && (other.lease?.at ?? 0) > of.receive.at;
      if (isHeld && !isLater) this.#report("records of a key are held one at a time", about);
      const isWaiting = other.isPlain && message.isPlain && other.lease === null && wasKnown;
      if (!isWaiting || other.offset > message.offset || other.letters > 0) continue;
      const isUntouched = queue.lost === other.lostBefore && queue.underWay.size === 0;
      if (isUntouched && deliveries === 1) this.#report("records of a key come in order", about);
    }
  }

  #settling(event: EventOf<"settle">): void {
    const queue = this.#queues.get(event.queue);
    if (queue === undefined) return;
    const asked = event.answers.map((answer) => {
      const message = this.#messageAt(queue, answer);
      if (message === undefined) return null;
      if (answer.kind === "ack" || answer.kind === "reject") message.mayBeDone = true;
      const { lease } = message;
      if (lease === null || lease.deliveries !== answer.deliveries) return null;
      const wasHeld = this.#isHeld(lease);
      if (answer.kind === "extend") {
        lease.terms = [...lease.terms, { sinceMs: event.ms, leaseMs: answer.waitMs }];
      } else lease.isLeft = true;
      return { lease, wasHeld };
    });
    this.#settles.set(event.op, { queue, event, asked });
  }

  #settled({ op, isHeld }: EventOf<"settled">): void {
    const settle = this.#settles.get(op);
    if (settle === undefined) return;
    const { queue, event } = settle;
    this.#settles.delete(op);
    for (const [index, answer] of event.answers.entries()) {
      const message = this.#messageAt(queue, answer);
      if (message === undefined) continue;
      const about = `${answer.kind} of ${message.name}, delivery ${answer.deliveries}`;
      const isTaken = isHeld[index] === true;
      const asked = settle.asked[index] ?? null;
      if (asked === null) {
        if (isTaken) this.#report("only who holds a record settles it", about);
        continue;
      }
      const { lease, wasHeld } = asked;
      if (isTaken) this.#taken({ message, lease, answer, ms: event.ms });
      else if (wasHeld && !this.#hasLapsed(lease)) {
        this.#report("a receipt holds while its lease does", about);
      }
    }
  }

  #taken(of: {
    readonly message: Message;
    readonly lease: Lease;
    readonly answer: EventOf<"settle">["answers"][number];
    readonly ms: number;
  }): void {
    const { message, lease, answer, ms } = of;
    const about = `${answer.kind} of ${message.name}, delivery ${answer.deliveries}`;
    if (lease.taken !== null) {
      this.#report("a delivery is settled once", `${about}, after ${lease.taken}`);
    }
    if (answer.kind === "extend") {
      lease.terms = [{ sinceMs: ms, leaseMs: answer.waitMs }];
      return;
    }
    lease.taken = answer.kind;
    if (answer.kind === "ack") {
      message.isAcked = true;
      const isBack = message.letters > 0 || message.lease !== lease;
      if (isBack) this.#report("an acknowledged record is done", `${about}, and it came again`);
    }
    if (answer.kind === "reject") message.isRejected = true;
  }

  #unanswered(op: number): void {
    const receive = this.#receives.get(op);
    if (receive?.queue.underWay.delete(op) === true) receive.queue.lost++;
  }

  #drained(name: string): void {
    const queue = this.#queues.get(name);
    for (const message of queue?.messages.values() ?? []) {
      if (message.mayBeDone || message.letters > 0) continue;
      this.#report("every record of a queue is delivered until it is done", message.name);
    }
    for (const message of queue?.messages.values() ?? []) {
      if (!message.isRejected || message.letters > 0) continue;
      this.#report("a rejected record is a dead letter", message.name);
    }
  }

  #messageAt(
    queue: Queue | undefined,
    answer: { readonly partition: number; readonly offset: number },
  ): Message | undefined {
    return queue?.messages.get(`${queue.about.topic}/${answer.partition}:${answer.offset}`);
  }

  #isHeld(lease: Lease): boolean {
    return !lease.isLeft && !this.#hasLapsed(lease);
  }

  #hasLapsed(lease: Lease): boolean {
    return lease.terms.some(({ sinceMs, leaseMs }) => this.#time.elapsed(sinceMs) >= leaseMs);
  }
}
