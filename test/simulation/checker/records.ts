// What is promised of records: acknowledged ones are there, once, unchanged, in order, at their offsets; nothing is
// invented; an offset has one record for ever; what readers may see only grows.

import { contentOf, type EventOf, type SendMode, type SimEvent } from "../history.ts";
import { CompactedLog, type RecordFacts } from "./compacted-log.ts";
import { dispatch, type Handlers } from "./dispatch.ts";
import type { Report } from "./report.ts";
import type { TransactionRule } from "./transactions.ts";

interface Attempt {
  readonly mode: SendMode;
  readonly transaction: string | null;
  /** Offsets below were acknowledged before it was sent first. */
  floor: number;
  readonly sentMs: number;
  lastLife: number;
  count: number;
  readonly offsets: Set<number>;
}

interface Log {
  readonly name: string;
  /** What lies at an offset; null: a control record. */
  readonly known: Map<number, string | null>;
  /** Answered when written: gone with the power, perhaps. */
  readonly written: Map<number, string>;
  readonly attempts: Map<string, Attempt>;
  highWatermark: number;
  logStart: number;
  ackedEnd: number;
  /** The first high watermark seen in this life of the server: what earlier lives left lies below. */
  lifeEnd: number | null;
  trimmedTo: number;
  keepMs: number | null;
  compacted: CompactedLog | null;
  /** Records are seen before they are durable. */
  isUnsynced: boolean;
}

interface Search {
  readonly log: Log;
  readonly time: number;
  readonly end: number;
}

type Ask = EventOf<"ask"> & {
  readonly highWatermark: number;
  readonly logStart: number;
  readonly life: number;
};

/** Told of every record that is known at an offset for the first time. */
export type RecordListener = (place: string, offset: number, content: string) => void;

/** The rules of partitions. */
export class RecordRule {
  readonly #report: Report;
  readonly #transactions: TransactionRule;
  readonly #logs = new Map<string, Log>();
  readonly #sends = new Map<number, EventOf<"send"> & { readonly life: number }>();
  readonly #asks = new Map<number, Ask>();
  readonly #searches = new Map<number, Search>();
  #told: { readonly search: Search; readonly offset: number }[] = [];
  readonly #listeners: RecordListener[] = [];
  readonly #foreign = new Set<string>();
  #life = 0;
  /** As late as it may be: what a clock was set back by, a server need not follow. */
  #latestMs = 0;
  #takenMs = 0;
  #wallMs = 0;
  /** How far the wall clock was ever set, either way. */
  #jumpedMs = 0;

  readonly #handlers: Handlers = {
    send: (event) => {
      this.#sending(event);
    },
    sent: (event) => {
      this.#sent(event);
    },
    ask: (event) => {
      const { highWatermark, logStart } = this.#logOf(event.place);
      this.#asks.set(event.op, { ...event, highWatermark, logStart, life: this.#life });
    },
    read: (event) => {
      this.#read(event);
    },
    "ask-time": (event) => {
      const log = this.#logOf(event.place);
      this.#searches.set(event.op, { log, time: event.time, end: log.highWatermark });
    },
    "told-time": (event) => {
      const search = this.#searches.get(event.op);
      if (search !== undefined) this.#told.push({ search, offset: event.offset });
    },
    trim: (event) => {
      const log = this.#logOf(event.place);
      log.trimmedTo = Math.max(log.trimmedTo, event.offset);
    },
    trimmed: (event) => {
      const log = this.#logOf(event.place);
      log.logStart = Math.max(log.logStart, event.offset);
    },
    retention: (event) => {
      this.#logOf(event.place).keepMs = event.keepMs;
    },
    compacted: (event) => {
      this.#logOf(event.place).compacted = new CompactedLog(event.keepDeletionsMs);
    },
    unsynced: (event) => {
      this.#logOf(event.place).isUnsynced = true;
    },
    stopped: (event) => {
      this.#stopped(event.how === "power");
    },
    fault: () => {
      this.#forgetWritten();
    },
  };

  constructor(report: Report, transactions: TransactionRule) {
    this.#report = report;
    this.#transactions = transactions;
  }

  /** Calls `listener` for each record when its offset becomes known. */
  onRecord(listener: RecordListener): void {
    this.#listeners.push(listener);
  }

  /** The server writes to this topic by itself. */
  foreign(topic: string): void {
    this.#foreign.add(topic);
  }

  take(event: SimEvent): void {
    const passedMs = event.ms - this.#takenMs;
    if (this.#latestMs > 0) this.#jumpedMs += Math.abs(event.wallMs - this.#wallMs - passedMs);
    this.#latestMs = Math.max(event.wallMs, this.#latestMs + passedMs);
    this.#takenMs = event.ms;
    this.#wallMs = event.wallMs;
    dispatch(this.#handlers, event);
  }

  /** The history is over: searches by time are held against all that is known now. */
  end(): void {
    for (const { search, offset } of this.#told) this.#checkSearch(search, offset);
    for (const log of this.#logs.values()) {
      log.compacted?.end(log.known, this.#facts(log), (rule, detail) => {
        this.#report(rule, `${log.name} ${detail}`);
      });
    }
  }

  /** A record has been seen at an offset, where anybody may see it. */
  learn(place: string, offset: number, content: string): void {
    const log = this.#logOf(place);
    const at = `${place} at ${offset}`;
    const there = log.known.get(offset) ?? log.written.get(offset);
    if (log.known.get(offset) === content) return;
    if (log.known.has(offset) || (there !== undefined && there !== content)) {
      const detail = `${at}: ${short(there ?? null)}, then ${short(content)}`;
      this.#report("an offset has one record for ever", detail);
      return;
    }
    log.known.set(offset, content);
    if (!this.#foreign.has(place.split("/")[0] ?? "")) this.#checkAttempt(log, offset, content);
    for (const listener of this.#listeners) listener(place, offset, content);
  }

  #checkAttempt(log: Log, offset: number, content: string): void {
    const at = `${log.name} at ${offset}: ${short(content)}`;
    const attempt = log.attempts.get(content);
    if (attempt === undefined) {
      this.#report("nothing is invented or changed", at);
      return;
    }
    attempt.offsets.add(offset);
    const most = attempt.mode === "plain" ? attempt.count : 1;
    if (attempt.offsets.size > most) {
      const offsets = [...attempt.offsets].join();
      this.#report("a record is there as often as it was sent", `${at}, of ${offsets}`);
    }
    if (offset < attempt.floor) {
      this.#report(
        "records are in the order of their answers",
        `${at}, sent after ${attempt.floor}`,
      );
    }
    if (log.lifeEnd !== null && offset >= log.lifeEnd && attempt.lastLife < this.#life) {
      this.#report("what a stop took stays away", at);
    }
  }

  #sending({ op, place, contents, mode, transaction, ...rest }: EventOf<"send">): void {
    const log = this.#logOf(place);
    const life = this.#life;
    this.#sends.set(op, { op, place, contents, mode, transaction, life, ...rest });
    for (const content of contents) {
      const attempt = log.attempts.get(content);
      if (attempt === undefined) {
        const fresh = { mode, transaction, floor: log.ackedEnd, offsets: new Set<number>() };
        const attempt = { ...fresh, count: 1, lastLife: this.#life, sentMs: this.#takenMs };
        log.attempts.set(content, attempt);
      } else {
        attempt.count++;
        attempt.lastLife = this.#life;
      }
    }
  }

  #sent({ op, baseOffset }: EventOf<"sent">): void {
    const send = this.#sends.get(op);
    if (send === undefined) return;
    const log = this.#logOf(send.place);
    // An answer may be slow, and what it promises gone with the server's life.
    if (send.life !== this.#life && (log.isUnsynced || !send.durable)) return;
    for (const [index, content] of send.contents.entries()) {
      const offset = baseOffset + index;
      if (send.durable) this.learn(send.place, offset, content);
      else log.written.set(offset, content);
    }
    if (!send.durable) return;
    const end = baseOffset + send.contents.length;
    log.ackedEnd = Math.max(log.ackedEnd, end);
    log.highWatermark = Math.max(log.highWatermark, end);
  }

  #read(event: EventOf<"read">): void {
    const ask = this.#asks.get(event.op);
    if (ask === undefined) return;
    const log = this.#logOf(ask.place);
    if (log.isUnsynced && ask.life !== this.#life) return;
    const about = `${ask.place} from ${ask.from}`;
    this.#checkPositions(log, ask, event);
    const seen = new Map<number, string>();
    for (const { offset, content } of event.records) {
      seen.set(offset, content);
      this.learn(ask.place, offset, content);
    }
    const missing = new Map<number, string>();
    const limit = ask.committedOnly ? event.stableEnd : event.highWatermark;
    if (event.end > limit && event.end > ask.from) {
      this.#report("nobody sees what is not durable", `${about}: ${event.end} beyond ${limit}`);
    }
    if (event.end === ask.from && limit > ask.from) {
      this.#report("what can be read is read", `${about}: nothing, though there is ${limit}`);
    }
    for (let offset = Math.max(ask.from, event.logStart); offset < event.end; offset++) {
      this.#checkOffset({ log, ask, offset, seen, missing });
    }
    log.compacted?.read(seen, missing, event.ms);
    log.highWatermark = Math.max(log.highWatermark, event.highWatermark);
    log.logStart = Math.max(log.logStart, event.logStart);
    // An answer may be slow, and its server gone.
    if (ask.life === this.#life) log.lifeEnd ??= event.highWatermark;
  }

  #checkOffset(of: {
    readonly log: Log;
    readonly ask: Ask;
    readonly offset: number;
    readonly seen: ReadonlyMap<number, string>;
    readonly missing: Map<number, string>;
  }): void {
    const { log, ask, offset, seen, missing } = of;
    const at = `${log.name} at ${offset}`;
    const there = log.known.get(offset) ?? log.written.get(offset);
    if (there === undefined || there === null) {
      // Only control records are left out by a reader of everything.
      if (!ask.committedOnly && !seen.has(offset) && log.compacted === null)
        log.known.set(offset, null);
      return;
    }
    const transaction = log.attempts.get(there)?.transaction ?? null;
    const isSeen = seen.has(offset);
    if (isSeen && seen.get(offset) !== there) {
      const detail = `${at}: ${short(there)} was written, ${short(seen.get(offset) ?? "")} is read`;
      this.#report("an offset has one record for ever", detail);
    } else if (!isSeen && log.compacted !== null) {
      missing.set(offset, there);
    } else if (ask.committedOnly && transaction !== null) {
      const why = `${at} ${isSeen ? "is" : "is not"} among what is committed`;
      this.#transactions.decide(transaction, isSeen ? "commit" : "abort", why);
    } else if (!isSeen) {
      this.#report("acknowledged records stay", `${at}: ${short(there)} is missing`);
    }
  }

  #facts(log: Log): RecordFacts {
    return {
      outcomeOf: (content) => {
        const transaction = log.attempts.get(content)?.transaction ?? null;
        return transaction === null ? "commit" : this.#transactions.outcomeOf(transaction);
      },
      ageOf: (content, ms) => {
        const attempt = log.attempts.get(content);
        return attempt === undefined ? 0 : ms - attempt.sentMs + this.#jumpedMs;
      },
      unseen: () => [...log.attempts].flatMap(([text, { offsets }]) => (offsets.size ? [] : text)),
    };
  }

  #checkPositions(log: Log, ask: Ask, event: EventOf<"read">): void {
    const { highWatermark, logStart, stableEnd } = event;
    if (highWatermark < ask.highWatermark) {
      const detail = `${log.name}: ${ask.highWatermark}, then ${highWatermark}`;
      this.#report("the high watermark never goes back", detail);
    }
    if (logStart < ask.logStart) {
      const detail = `${log.name}: ${ask.logStart}, then ${logStart}`;
      this.#report("the log start never goes back", detail);
    }
    if (logStart > highWatermark || stableEnd > highWatermark) {
      const detail = `${log.name}: ${logStart} ${stableEnd} ${highWatermark}`;
      this.#report("positions are in order", detail);
    }
    for (let offset = log.logStart; offset < logStart; offset++) {
      const content = log.known.get(offset);
      if (offset < log.trimmedTo || content === undefined || content === null) continue;
      const { timestampMs } = contentOf(content);
      const isOld = log.keepMs !== null && timestampMs + log.keepMs < this.#latestMs;
      if (!isOld) {
        const detail = `${log.name} begins at ${logStart}, without ${short(content)} at ${offset}`;
        this.#report("only what may go is removed", detail);
        break;
      }
    }
  }

  #checkSearch({ log, time, end }: Search, offset: number): void {
    const about = `${log.name}: ${offset} for ${time}`;
    const rule = "a search by time finds the first record that is not older";
    const found = log.known.get(offset);
    if (typeof found === "string" && contentOf(found).timestampMs < time) {
      this.#report(rule, `${about}, ${short(found)}`);
    }
    // Where records go by themselves, what is not found may have been gone already.
    if (log.keepMs !== null || log.trimmedTo > 0 || log.compacted !== null) return;
    const to = offset < 0 ? end : offset;
    for (let before = log.logStart; before < to; before++) {
      const content = log.known.get(before);
      if (typeof content !== "string" || contentOf(content).timestampMs < time) continue;
      this.#report(rule, `${about}, not ${before} ${short(content)}`);
      break;
    }
  }

  #stopped(isPower: boolean): void {
    this.#life++;
    for (const log of this.#logs.values()) {
      log.lifeEnd = null;
      if (isPower && log.isUnsynced) this.#forgetUnsynced(log);
    }
    if (isPower) this.#forgetWritten();
  }

  // Any of it may be gone from some offset on, and others come in its place.
  #forgetUnsynced(log: Log): void {
    log.known.clear();
    log.highWatermark = log.logStart;
    log.ackedEnd = 0;
    for (const attempt of log.attempts.values()) {
      attempt.floor = 0;
      attempt.offsets.clear();
    }
    this.#told = this.#told.filter(({ search }) => search.log !== log);
    for (const [op, search] of this.#searches) if (search.log === log) this.#searches.delete(op);
  }

  #forgetWritten(): void {
    for (const log of this.#logs.values()) log.written.clear();
  }

  #logOf(name: string): Log {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = {
        name,
        known: new Map(),
        written: new Map(),
        attempts: new Map(),
        highWatermark: 0,
        logStart: 0,
        ackedEnd: 0,
        lifeEnd: null,
        trimmedTo: 0,
        keepMs: null,
        compacted: null,
        isUnsynced: false,
      };
      this.#logs.set(name, log);
    }
    return log;
  }
}

function short(content: string | null): string {
  return content === null ? "a control record" : content.slice(0, 60);
}
