// A run: consecutive records of one share partition of which the same is to be remembered. What is settled has no run.

/**
 * `waiting`: to be delivered, from a time on. `leased`: held by a receiver, up to a time. `leaving`: on its way to
 * another topic, for good.
 */
export type RunPhase = "waiting" | "leased" | "leaving";

/** No event gives more offsets a fate: a table of runs has an entry for each thousand of them. */
export const fateOffsetsMax = 2 ** 27;

/** What is remembered of one record, or of several alike. Never changed: another fate is another object. */
export interface RecordFate {
  readonly phase: RunPhase;
  /** How often it was handed out. */
  readonly deliveries: number;
  /** Waiting: not to be delivered before. Leased: lapses then. Unix milliseconds; 0 is at once. */
  readonly dueMs: number;
  /** Not to be delivered from then on; Infinity: never expires. Unix milliseconds. */
  readonly expiresAtMs: number;
  /** 0 to 9; higher ones are delivered first. */
  readonly priority: number;
  /** Hash of the key where records of one key wait for each other; -1 where they do not. */
  readonly keyHash: number;
  /** Kafka's member that holds the lease; empty for a receiver that has only its receipt. */
  readonly owner: string;
  /** Why it failed last, or why it leaves; empty when nobody said. */
  readonly reason: string;
  /** Bytes of its record, as stored before compression; of several alike their average. */
  readonly bytes: number;
}

/** Offsets of records, both ends included. */
export interface OffsetRange {
  readonly first: number;
  readonly last: number;
}

/** A range with the fate of its records. */
export interface FatedRange extends OffsetRange {
  readonly fate: RecordFate;
}

/** A run. */
export interface RecordRun extends FatedRange {
  /** Its time has come; kept by the partition that has the run. */
  isDue: boolean;
  /** It stands among those that can be delivered; kept by the partition as well. */
  isOffered: boolean;
}

/** A record of which nothing is known but its bytes. */
export function freshFate(bytes: number): RecordFate {
  return {
    phase: "waiting",
    deliveries: 0,
    dueMs: 0,
    expiresAtMs: Number.POSITIVE_INFINITY,
    priority: 0,
    keyHash: -1,
    owner: "",
    reason: "",
    bytes,
  };
}

/** How many records are given a fate; those that are settled take no room. */
export function fatedLength(range: OffsetRange & { readonly fate: RecordFate | null }): number {
  return range.fate === null ? 0 : lengthOf(range);
}

/** How many records. */
export function lengthOf({ first, last }: OffsetRange): number {
  return last - first + 1;
}

/** Whether two records that lie beside each other may be one run. Keyed ones stand alone: each waits for its turn. */
export function areAlike(one: RecordFate, other: RecordFate): boolean {
  return (
    one.keyHash < 0 &&
    other.keyHash < 0 &&
    one.phase === other.phase &&
    one.deliveries === other.deliveries &&
    one.dueMs === other.dueMs &&
    one.expiresAtMs === other.expiresAtMs &&
    one.priority === other.priority &&
    one.owner === other.owner &&
    one.reason === other.reason
  );
}

/** Whether two fates are the same. */
export function isSameFate(one: RecordFate, other: RecordFate): boolean {
  return (
    one.phase === other.phase &&
    one.deliveries === other.deliveries &&
    one.dueMs === other.dueMs &&
    one.expiresAtMs === other.expiresAtMs &&
    one.priority === other.priority &&
    one.keyHash === other.keyHash &&
    one.owner === other.owner &&
    one.reason === other.reason &&
    one.bytes === other.bytes
  );
}

/** Whether offsets that were read are in order, exact, and not too many for the fate they are given. */
export function isFateRange({ first, last }: OffsetRange, fate: RecordFate | null): boolean {
  const isRange = first >= 0 && first <= last && Number.isSafeInteger(first);
  if (!isRange || !Number.isSafeInteger(last)) return false;
  return fate === null || last - first < fateOffsetsMax;
}
