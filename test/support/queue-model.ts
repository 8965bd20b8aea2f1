// A queue as simple as can be: every record with what may have become of it. Where an answer was lost in a crash there
// is more than one possibility; whatever is seen later strikes out those that do not go with it, and when none is left
// the real queue has broken a promise.

import type { QueueCounts } from "../../src/services.ts";

/** What may have become of a record. `dying`: given up, its dead letter is not seen yet. */
export type Fate =
  | { readonly phase: "waiting" | "leased"; readonly deliveries: number; readonly dueMs: number }
  | { readonly phase: "dying"; readonly deliveries: number; readonly reason: string }
  | { readonly phase: "dead" | "acked" | "dropped" };

/** What a message was sent with. */
export interface Message {
  readonly value: string;
  readonly key: string | null;
  readonly priority: number;
  /** 0: at once. */
  readonly deliverAtMs: number;
  /** Infinity: never. */
  readonly expiresAtMs: number;
}

/** A message at its place in the topic. */
export interface ModelRecord extends Message {
  readonly partition: number;
  readonly offset: number;
  fates: readonly Fate[];
}

/** A dead letter at its place. */
export interface ModelLetter {
  readonly partition: number;
  readonly offset: number;
  readonly record: ModelRecord;
  isRedriven: boolean;
}

/** Settings that matter here. */
export interface ModelSettings {
  leaseMs: number;
  maxDeliveries: number;
  backoffMs: number;
  readonly order: "none" | "key";
  readonly expired: "dead-letter" | "drop";
}

/** Names one delivery. */
export interface ModelReceipt {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
}

/** What a receiver answers. */
export type ModelVerdict =
  | { readonly kind: "ack" }
  | { readonly kind: "nack"; readonly delayMs: number | null; readonly reason: string }
  | { readonly kind: "reject"; readonly reason: string }
  | { readonly kind: "extend"; readonly leaseMs: number };

/** A dead letter as it was found. */
export interface FoundLetter {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
  readonly origin: ModelReceipt;
  readonly reason: string;
}

type Counter = "delivered" | "acked" | "nacked" | "lapsed" | "expired";
type Live = Fate & { readonly phase: "waiting" | "leased" };

const counterNames: readonly Counter[] = ["delivered", "acked", "nacked", "lapsed", "expired"];

/** The model. Every method throws when what it is told cannot be. */
export class QueueModel {
  readonly settings: ModelSettings;
  readonly records = new Map<string, ModelRecord>();
  readonly letters = new Map<string, ModelLetter>();
  readonly #counters = new Map(counterNames.map((name) => [name, { least: 0, most: 0 }]));
  #nowMs = 0;

  constructor(settings: ModelSettings) {
    this.settings = { ...settings };
  }

  /** A message lies in the topic now. */
  appeared(place: { readonly partition: number; readonly offset: number }, message: Message): void {
    const name = nameOf(place);
    check(!this.records.has(name), `two records at ${name}`);
    const { deliverAtMs } = message;
    const dueMs = deliverAtMs > this.#nowMs ? deliverAtMs : 0;
    const fates = [{ phase: "waiting", deliveries: 0, dueMs }] as const;
    this.records.set(name, { ...message, ...place, fates });
    this.passed(this.#nowMs);
  }

  /** It is that time now: leases lapse, records expire. */
  passed(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const record of this.records.values()) {
      this.#each(record, "lapsed", (fate) => this.#lapsed(fate));
      this.#each(record, "expired", (fate) => this.#expired(record, fate));
    }
  }

  /** A receiver answered; `isHeld` is what it was told, null when the answer was lost. */
  settled(receipt: ModelReceipt, verdict: ModelVerdict, isHeld: boolean | null): void {
    const record = this.#at(receipt);
    const fits = (fate: Fate): fate is Live => {
      return fate.phase === "leased" && fate.deliveries === receipt.deliveries;
    };
    const counter = verdict.kind === "extend" ? null : verdict.kind === "ack" ? "acked" : "nacked";
    if (isHeld === null) {
      const after = record.fates.filter(fits).map((fate) => this.#after(fate, verdict));
      if (after.length > 0 && counter !== null) this.#count(counter, 0, 1);
      record.fates = different([...record.fates, ...after]);
      this.passed(this.#nowMs);
      return;
    }
    const told = `${textOf(record)} was told ${isHeld} for ${JSON.stringify({ receipt, verdict })}`;
    const possible = record.fates.filter((fate) => fits(fate) === isHeld);
    check(possible.length > 0, told);
    record.fates = different(
      possible.map((fate) => (fits(fate) ? this.#after(fate, verdict) : fate)),
    );
    if (isHeld && counter !== null) this.#count(counter, 1, 1);
    // It may have expired while it was held.
    this.passed(this.#nowMs);
  }

  /** A receiver was given a record. */
  received(receipt: ModelReceipt): void {
    const record = this.#at(receipt);
    const given = `${textOf(record)} was delivered as number ${receipt.deliveries}`;
    const fits = record.fates.filter((fate) => {
      return this.#isDue(fate) && fate.deliveries === receipt.deliveries - 1;
    });
    check(fits.length > 0, given);
    for (const other of this.#sameKey(record)) {
      other.fates = other.fates.filter(
        (fate) => !this.#stands(other, fate, { record, fates: fits }),
      );
      check(other.fates.length > 0, `${given} before ${textOf(other)}`);
    }
    const dueMs = this.#nowMs + this.settings.leaseMs;
    record.fates = [{ phase: "leased", deliveries: receipt.deliveries, dueMs }];
    this.#count("delivered", 1, 1);
  }

  /** Receivers that asked for so many got these and nothing else happened meanwhile. */
  receivedAlone(receipts: readonly ModelReceipt[], max: number): void {
    const others = [...this.records.values()].filter((record) => {
      return !receipts.some((receipt) => nameOf(receipt) === nameOf(record));
    });
    const certain = others.filter((record) => this.#isSurelyThere(record));
    for (const receipt of receipts) {
      const record = this.#at(receipt);
      const before = certain.find((other) => isBefore(other, record));
      check(before === undefined, `${textOf(record)} came before ${textOf(before)}`);
    }
    for (const [index, receipt] of receipts.entries()) {
      const next = receipts.slice(index + 1).find((each) => each.partition === receipt.partition);
      if (next === undefined) continue;
      const pair = [this.#at(receipt), this.#at(next)] as const;
      check(isBefore(...pair), `${textOf(pair[0])} came before ${textOf(pair[1])}`);
    }
    check(receipts.length <= max, `${receipts.length} records for ${max}`);
    const left = receipts.length < max ? certain[0] : undefined;
    check(left === undefined, `${receipts.length} of ${max} came, but not ${textOf(left)}`);
    for (const receipt of receipts) this.received(receipt);
    // What was not delivered though there was room was not there.
    if (receipts.length === max) return;
    for (const record of others) {
      if (this.#sameKey(record).some((other) => this.#mayStandBefore(other, record))) continue;
      record.fates = record.fates.filter((fate) => !this.#isDue(fate));
      check(record.fates.length > 0, `${textOf(record)} was passed over`);
    }
  }

  /** A receiver asked and its answer was lost: whatever was there may be leased. */
  receivedMaybe(): void {
    for (const record of this.records.values()) {
      const due = record.fates.filter((fate): fate is Live => this.#isDue(fate));
      if (due.length === 0 || !this.#isMaybeThere(record)) continue;
      const dueMs = this.#nowMs + this.settings.leaseMs;
      const leased = due.map(({ deliveries }): Fate => {
        return { phase: "leased", deliveries: deliveries + 1, dueMs };
      });
      record.fates = different([...record.fates, ...leased]);
      this.#count("delivered", 0, 1);
    }
  }

  /** A dead letter lies in its topic. */
  died({ partition, offset, value, origin, reason }: FoundLetter): void {
    const record = this.#at(origin);
    const name = nameOf({ partition, offset });
    const letter = `letter ${name} of '${value}' (${reason}, ${origin.deliveries} deliveries)`;
    check(!this.letters.has(name), `two letters at ${name}`);
    check(value === record.value, `${letter} is not ${textOf(record)}`);
    const isExpected = record.fates.some((fate) => {
      const isDying = fate.phase === "dying" && fate.reason === reason;
      return isDying && fate.deliveries === origin.deliveries;
    });
    check(isExpected, `${letter} of ${textOf(record)}`);
    record.fates = [{ phase: "dead" }];
    this.letters.set(name, { partition, offset, record, isRedriven: false });
  }

  /** All that died has its letter by now. */
  allBuried(): void {
    for (const record of this.records.values()) {
      const { fates } = record;
      record.fates = fates.filter(({ phase }) => phase !== "dying");
      check(record.fates.length > 0, `no letter of ${textOf({ ...record, fates })}`);
    }
  }

  /** Counts as described agree. What they tell of the past is the truth from now on. */
  described(counts: QueueCounts): void {
    const records = [...this.records.values()];
    const range = (name: keyof QueueCounts, is: (fate: Fate) => boolean): void => {
      const least = records.filter(({ fates }) => fates.every(is)).length;
      const most = records.filter(({ fates }) => fates.some(is)).length;
      checkRange(name, counts[name] ?? -1, { least, most });
    };
    range("depth", ({ phase }) => phase === "waiting" || phase === "leased");
    range("inFlight", ({ phase }) => phase === "leased");
    range("delayed", (fate) => fate.phase === "waiting" && fate.dueMs > this.#nowMs);
    const dead = [...this.letters.values()].filter(({ isRedriven }) => !isRedriven).length;
    checkRange("dead", counts.dead, { least: dead, most: dead });
    for (const [name, range] of this.#counters) {
      checkRange(name, counts[name], range);
      this.#counters.set(name, { least: counts[name], most: counts[name] });
    }
  }

  /** Records that are not surely settled. */
  unsettled(): readonly ModelRecord[] {
    return [...this.records.values()].filter(({ fates }) => fates.some((fate) => isLive(fate)));
  }

  #at(place: { readonly partition: number; readonly offset: number }): ModelRecord {
    const record = this.records.get(nameOf(place));
    if (record === undefined) throw new Error(`there is no record at ${nameOf(place)}`);
    return record;
  }

  #after(fate: Live, verdict: ModelVerdict): Fate {
    const { deliveries } = fate;
    switch (verdict.kind) {
      case "ack":
        return { phase: "acked" };
      case "extend":
        return { ...fate, dueMs: this.#nowMs + verdict.leaseMs };
      case "reject":
        return { phase: "dying", deliveries, reason: verdict.reason || "rejected" };
      case "nack": {
        const waitMs = verdict.delayMs ?? this.settings.backoffMs;
        const dueMs = waitMs > 0 ? this.#nowMs + waitMs : 0;
        return this.#again(deliveries, dueMs, verdict.reason || "not acknowledged");
      }
    }
  }

  #again(deliveries: number, dueMs: number, reason: string): Fate {
    if (deliveries < this.settings.maxDeliveries) return { phase: "waiting", deliveries, dueMs };
    return { phase: "dying", deliveries, reason };
  }

  #lapsed(fate: Fate): Fate | null {
    if (fate.phase !== "leased" || fate.dueMs > this.#nowMs) return null;
    return this.#again(fate.deliveries, 0, "lease lapsed");
  }

  #expired({ expiresAtMs }: ModelRecord, fate: Fate): Fate | null {
    if (fate.phase !== "waiting" || expiresAtMs > this.#nowMs) return null;
    if (this.settings.expired === "drop") return { phase: "dropped" };
    return { phase: "dying", deliveries: fate.deliveries, reason: "expired" };
  }

  #each(record: ModelRecord, counter: Counter, change: (fate: Fate) => Fate | null): void {
    const changed = record.fates.map(change);
    const count = changed.filter((fate) => fate !== null).length;
    if (count === 0) return;
    this.#count(counter, count === record.fates.length ? 1 : 0, 1);
    record.fates = different(record.fates.map((fate, index) => changed[index] ?? fate));
  }

  #count(name: Counter, least: number, most: number): void {
    const range = this.#counters.get(name);
    if (range === undefined) return;
    range.least += least;
    range.most += most;
  }

  #isDue(fate: Fate): fate is Live {
    return fate.phase === "waiting" && fate.dueMs <= this.#nowMs;
  }

  #sameKey(record: ModelRecord): readonly ModelRecord[] {
    if (this.settings.order === "none" || record.key === null) return [];
    return [...this.records.values()].filter(({ key, partition, offset }) => {
      return key === record.key && partition === record.partition && offset !== record.offset;
    });
  }

  // Whether a record with this fate keeps another of its key, with those fates, from being delivered.
  #stands(
    one: ModelRecord,
    fate: Fate,
    other: { readonly record: ModelRecord; readonly fates: readonly Fate[] },
  ): boolean {
    if (fate.phase === "leased") return true;
    if (fate.phase !== "waiting") return false;
    if (fate.deliveries > 0) return true;
    const isOld = other.fates.every((each) => isLive(each) && each.deliveries > 0);
    return !isOld && this.#isDue(fate) && one.offset < other.record.offset;
  }

  #mayStandBefore(one: ModelRecord, record: ModelRecord): boolean {
    const due = record.fates.filter((fate) => this.#isDue(fate));
    return one.fates.some((fate) => this.#stands(one, fate, { record, fates: due }));
  }

  #isSurelyThere(record: ModelRecord): boolean {
    if (!record.fates.every((fate) => this.#isDue(fate))) return false;
    return !this.#sameKey(record).some((other) => this.#mayStandBefore(other, record));
  }

  #isMaybeThere(record: ModelRecord): boolean {
    const due = record.fates.filter((fate) => this.#isDue(fate));
    return this.#sameKey(record).every((other) => {
      return other.fates.some((fate) => !this.#stands(other, fate, { record, fates: due }));
    });
  }
}

/** `partition:offset`. */
export function nameOf(place: { readonly partition: number; readonly offset: number }): string {
  return `${place.partition}:${place.offset}`;
}

function isLive(fate: Fate): fate is Live {
  return fate.phase === "waiting" || fate.phase === "leased";
}

function isBefore(one: ModelRecord, other: ModelRecord): boolean {
  if (one.partition !== other.partition) return false;
  if (one.priority !== other.priority) return one.priority > other.priority;
  return one.offset < other.offset;
}

function different(fates: readonly Fate[]): readonly Fate[] {
  return [...new Map(fates.map((fate) => [JSON.stringify(fate), fate])).values()];
}

function textOf(record: ModelRecord | undefined): string {
  if (record === undefined) return "nothing";
  return `${nameOf(record)} '${record.value}' ${JSON.stringify(record.fates)}`;
}

function check(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new Error(otherwise);
}

function checkRange(name: string, value: number, range: { least: number; most: number }): void {
  const { least, most } = range;
  check(value >= least && value <= most, `${name} is ${value}, not ${least} to ${most}`);
}
