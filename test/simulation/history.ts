// What happened in a simulation, as its clients saw it: the only thing that the checker is given.
//
// Everything is told from outside: a call begins, and it is answered, refused, or nobody ever hears of it.

/** A record at its offset. `content` is all of it: key, value, time and headers. */
export interface SeenRecord {
  readonly offset: number;
  readonly content: string;
}

/** How a producer sends: `plain` may double a record, the others must not. */
export type SendMode = "plain" | "idempotent" | "transactional";

/** How a transaction ends. */
export type Outcome = "commit" | "abort";

/** Names one delivery of a record of a queue. */
export interface SeenDelivery {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
}

/** When something happened. */
export interface Times {
  /** Time that only goes forward, in milliseconds. */
  readonly ms: number;
  /** The server's wall clock, which may jump. */
  readonly wallMs: number;
}

/** One thing that happened. `op` numbers a call; a place is `topic/partition`. */
export type SimEvent = Times &
  (
    | {
        readonly type: "send";
        readonly op: number;
        readonly place: string;
        readonly mode: SendMode;
        /** Of the transaction they belong to; null outside of one. */
        readonly transaction: string | null;
        /** False: answered when written, which a power cut may take back. */
        readonly durable: boolean;
        readonly contents: readonly string[];
      }
    | { readonly type: "sent"; readonly op: number; readonly baseOffset: number }
    /** Any call that ended otherwise; null: the answer was lost. */
    | { readonly type: "unanswered"; readonly op: number; readonly code: string | null }
    | {
        readonly type: "ask";
        readonly op: number;
        readonly place: string;
        readonly committedOnly: boolean;
        readonly from: number;
      }
    | {
        readonly type: "read";
        readonly op: number;
        /** In order, from `from` on, without control records and (committed only) what was aborted. */
        readonly records: readonly SeenRecord[];
        /** First offset that the answer says nothing about. */
        readonly end: number;
        readonly logStart: number;
        readonly stableEnd: number;
        readonly highWatermark: number;
      }
    /** A search by time: `offset` is -1 where nothing is that young. */
    | {
        readonly type: "ask-time";
        readonly op: number;
        readonly place: string;
        readonly time: number;
      }
    | { readonly type: "told-time"; readonly op: number; readonly offset: number }
    /** Records below may be removed from now on. */
    | { readonly type: "trim"; readonly place: string; readonly offset: number }
    /** They are removed, the server says. */
    | { readonly type: "trimmed"; readonly place: string; readonly offset: number }
    /** Records of this age may be removed; places never named here keep everything. */
    | { readonly type: "retention"; readonly place: string; readonly keepMs: number }
    /** Of a key only the latest record must stay; a deletion of this age may go, too. */
    | { readonly type: "compacted"; readonly place: string; readonly keepDeletionsMs: number }
    /** Its records are seen when written: a power cut may take back any at its end. */
    | { readonly type: "unsynced"; readonly place: string }
    | { readonly type: "begin"; readonly transaction: string }
    | {
        readonly type: "end";
        readonly op: number;
        readonly transaction: string;
        readonly outcome: Outcome;
      }
    | { readonly type: "ended"; readonly op: number }
    /** Writes a register: a committed offset. Within a transaction it counts when that is committed. */
    | {
        readonly type: "write";
        readonly op: number;
        readonly register: string;
        readonly value: number;
        readonly transaction: string | null;
      }
    | { readonly type: "written"; readonly op: number }
    | { readonly type: "look"; readonly op: number; readonly register: string }
    | { readonly type: "looked"; readonly op: number; readonly value: number }
    /** A member of a group is told all it may read; without a further word it is thought dead at `untilMs`. */
    | {
        readonly type: "assigned";
        readonly group: string;
        readonly member: string;
        readonly partitions: readonly string[];
        readonly untilMs: number;
      }
    /** It has let go of some, or of all. */
    | {
        readonly type: "let-go";
        readonly group: string;
        readonly member: string;
        readonly kept: readonly string[];
      }
    | { readonly type: "receive"; readonly op: number; readonly queue: string }
    | {
        readonly type: "received";
        readonly op: number;
        readonly leaseMs: number;
        readonly messages: readonly (SeenDelivery & { readonly content: string })[];
      }
    | {
        readonly type: "settle";
        readonly op: number;
        readonly queue: string;
        readonly answers: readonly (SeenDelivery & {
          readonly kind: "ack" | "nack" | "reject" | "extend";
          /** Of a nack its delay, of an extension the new lease. */
          readonly waitMs: number;
        })[];
      }
    | { readonly type: "settled"; readonly op: number; readonly isHeld: readonly boolean[] }
    /** What is known of a queue from now on; its topic's places are `topic/partition`. */
    | {
        readonly type: "queue";
        readonly queue: string;
        readonly topic: string;
        readonly deadTopic: string;
        readonly order: "none" | "key";
        readonly maxDeliveries: number;
      }
    /** Nothing is left in the queue, the server says. */
    | { readonly type: "drained"; readonly queue: string }
    | { readonly type: "stopped"; readonly how: "close" | "kill" | "power" }
    | { readonly type: "started" }
    /** A fault that may take back what was only written. */
    | { readonly type: "fault"; readonly what: string }
    /** The server did what no server may: it did not start, threw something unknown, stood still. */
    | { readonly type: "broken"; readonly what: string }
  );

/** One kind of event. */
export type EventOf<Type extends SimEvent["type"]> = Extract<SimEvent, { readonly type: Type }>;

/** A promise that a history breaks. */
export interface Violation {
  readonly rule: string;
  readonly detail: string;
  /** Which event of the history told it. */
  readonly at: number;
}

/** What a record is, in the words of a queue: the parts of its content. */
export interface Content {
  /** Null: the key is deleted. */
  readonly value: string | null;
  readonly key: string | null;
  readonly timestampMs: number;
  readonly headers: readonly (readonly [string, string | null])[];
}

/** A record's content as histories carry it. */
export function contentText({ value, key, timestampMs, headers }: Content): string {
  return JSON.stringify([value, key, timestampMs, headers]);
}

/** The parts of it. */
export function contentOf(text: string): Content {
  const [value, key, timestampMs, headers] = JSON.parse(text) as [
    string | null,
    string | null,
    number,
    [string, string | null][],
  ];
  return { value, key, timestampMs, headers };
}
