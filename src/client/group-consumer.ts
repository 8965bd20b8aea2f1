// A member of a consumer group as an async iterable: at least once, whatever becomes of connections and members.
//
// What is committed is what the caller has finished with, which is what came before the record it now asks for: never
// what was merely fetched. A poll whose reply is lost may have moved the member on; so after an unknown outcome the
// member leaves and joins again, which makes the server start at the committed offsets.

import type { Clock } from "../base/clock.ts";
import { hasCode, VarveError } from "./errors.ts";
import type {
  AssignedTopic,
  GroupsClient,
  OffsetToCommit,
  PollReply,
  TopicOffset,
} from "./groups-client.ts";
import { Pacer } from "./pacer.ts";
import type { GroupRecord, Isolation } from "./records.ts";

/** A membership; all but group and topics may be left out. */
export interface GroupConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** The member's name, unique in the group. Default: the client's id and a random part. */
  readonly member?: string;
  /** Where a partition without a committed offset starts. Default `earliest`. */
  readonly from?: "earliest" | "latest";
  /** Default `read_committed`. */
  readonly isolation?: Isolation;
  /** Commits what is finished, with each fetch and every `autoCommitIntervalMs`. Default true. */
  readonly autoCommit?: boolean;
  /** Default 5,000. */
  readonly autoCommitIntervalMs?: number;
  /** Records in one fetch at most. Default 1,000. */
  readonly maxRecords?: number;
  /** Bytes in one fetch, about. Default 1 MiB. */
  readonly maxBytes?: number;
  /** How long the server may hold a fetch that finds nothing, 100 to 60,000. Default 20,000. */
  readonly waitMs?: number;
  /**
   * A member that fetches nothing for this long loses its partitions. Default 45,000. One fetch's records must be
   * finished within it: lower `maxRecords` where a record takes long.
   */
  readonly sessionTimeoutMs?: number;
  /** Ends the reading without an error; the member commits and leaves. */
  readonly signal?: AbortSignal | null;
}

/** What a member works with. */
export interface GroupConsumerContext {
  readonly groups: GroupsClient;
  readonly clock: Clock;
  /** The member's name when the options give none. */
  readonly member: string;
  /** Called when the member has left. */
  readonly onClosed: () => void;
}

// After so many failures in a row, some five-second pauses among them, the caller had better know.
const failuresMax = 10;

const lostMembership = ["FENCED_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID", "STALE_MEMBER_EPOCH"] as const;

/**
 * Reads as a member of a group. Iterate it once, either record by record or through `batches`; leaving the loop
 * closes it.
 *
 * The record at which a loop is left, by `break` or by an error, counts as not finished and will come again, unless
 * `commit()` was called in the loop's body.
 */
export class GroupConsumer implements AsyncIterable<GroupRecord> {
  readonly #options: GroupConsumerOptions;
  readonly #onClosed: () => void;
  readonly #groups: GroupsClient;
  readonly #clock: Clock;
  readonly #member: string;
  #epoch: number | null = null;
  #hasJoined = false;
  /** The server may believe that records were read which never came. */
  #isAstray = false;
  #assignment: readonly AssignedTopic[] = [];
  #records: readonly GroupRecord[] = [];
  /** Where each partition stands after `#records`. */
  #positions: readonly TopicOffset[] = [];
  /** Of `#records`: handed to the caller, finished by the caller, and counted in `#toCommit`. */
  #handedCount = 0;
  #finishedCount = 0;
  #foldedCount = 0;
  readonly #toCommit = new Map<string, OffsetToCommit>();
  #committedAtMs: number;
  #closing: Promise<void> | null = null;

  /** @param options The membership; @param context The member's surroundings. */
  constructor(options: GroupConsumerOptions, context: GroupConsumerContext) {
    this.#onClosed = context.onClosed;
    this.#options = options;
    this.#groups = context.groups;
    this.#clock = context.clock;
    this.#member = options.member ?? context.member;
    this.#committedAtMs = context.clock.monotonicMs();
  }

  /** The member's name. */
  get member(): string {
    return this.#member;
  }

  /** The partitions the member has, as of the last fetch. */
  get assignment(): readonly AssignedTopic[] {
    return this.#assignment;
  }

  /** The records one by one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<GroupRecord, void, undefined> {
    for await (const records of this.#fetches()) {
      for (const record of records) {
        this.#handedCount++;
        yield record;
        this.#finishedCount = this.#handedCount;
        if (this.#isCommitDue()) await this.#autoCommit();
      }
    }
  }

  /** The records in the portions they were fetched in, never empty; one is finished when the next is asked for. */
  async *batches(): AsyncGenerator<readonly GroupRecord[], void, undefined> {
    for await (const records of this.#fetches()) {
      this.#handedCount = records.length;
      yield records;
      this.#finishedCount = records.length;
    }
  }

  /**
   * Commits everything handed out so far, the present record included, or just the offsets given.
   *
   * @throws STALE_MEMBER_EPOCH, FENCED_MEMBER_EPOCH when the partitions may belong to another member by now: what was
   *         not committed will be read again, here or there.
   */
  async commit(offsets: readonly OffsetToCommit[] | null = null): Promise<void> {
    if (offsets !== null) {
      await this.#send(offsets);
      return;
    }
    this.#finishedCount = this.#handedCount;
    await this.#commitFinished();
  }

  /**
   * Commits what is finished (with `autoCommit`) and leaves the group. Does not fail: what could not be committed is
   * read again, and a member that could not leave loses its partitions when its session ends.
   */
  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  async *#fetches(): AsyncGenerator<readonly GroupRecord[], void, undefined> {
    const signal = this.#options.signal ?? null;
    const pacer = new Pacer(this.#clock, signal);
    let failures = 0;
    try {
      while (signal?.aborted !== true && this.#closing === null) {
        const outcome = await this.#cycle();
        if (outcome instanceof VarveError) {
          failures++;
          if (failures > failuresMax || !isPassing(outcome)) throw outcome;
          await pacer.pause();
          continue;
        }
        failures = 0;
        this.#take(outcome);
        if (outcome.records.length === 0) {
          await pacer.afterEmpty(this.#waitMs());
          continue;
        }
        pacer.reset();
        yield outcome.records;
      }
    } catch (error) {
      if (signal?.aborted !== true || !hasCode(error, "ABORTED")) throw error;
    } finally {
      await this.close();
    }
  }

  async #cycle(): Promise<PollReply | VarveError> {
    try {
      await this.#autoCommit();
      if (this.#isAstray) {
        await this.#groups.leave(this.#options.group, this.#member);
        this.#isAstray = false;
      }
      return await this.#poll();
    } catch (error) {
      if (error instanceof VarveError) return error;
      throw error;
    }
  }

  async #poll(): Promise<PollReply> {
    const options = this.#options;
    const request = {
      member: this.#member,
      topics: options.topics,
      maxRecords: options.maxRecords ?? 1_000,
      maxBytes: options.maxBytes ?? 1024 * 1024,
      waitMs: this.#waitMs(),
      sessionTimeoutMs: options.sessionTimeoutMs ?? 45_000,
      autoCommit: false,
      from: options.from ?? "earliest",
      ...(options.isolation === undefined ? {} : { isolation: options.isolation }),
    };
    this.#hasJoined = true;
    try {
      return await this.#groups.poll(options.group, request, options.signal ?? null);
    } catch (error) {
      if (error instanceof VarveError && error.mayHaveApplied) this.#isAstray = true;
      throw error;
    }
  }

  #take(reply: PollReply): void {
    this.#epoch = reply.epoch;
    this.#assignment = reply.assignment;
    this.#records = reply.records;
    this.#positions = reply.positions;
    this.#handedCount = 0;
    this.#finishedCount = 0;
    this.#foldedCount = 0;
    // Another member owns these now; a late commit of ours would move it back.
    for (const [key, { topic, partition }] of this.#toCommit) {
      const isOurs = reply.assignment.some(
        (assigned) => assigned.topic === topic && assigned.partitions.includes(partition),
      );
      if (!isOurs) this.#toCommit.delete(key);
    }
  }

  #fold(): void {
    for (; this.#foldedCount < this.#finishedCount; this.#foldedCount++) {
      const record = this.#records[this.#foldedCount];
      if (record === undefined) break;
      const { topic, partition, offset } = record;
      this.#toCommit.set(`${partition}/${topic}`, { topic, partition, offset: offset + 1 });
    }
    if (this.#foldedCount < this.#records.length) return;
    // All is finished: so is what the server passed over behind the records, such as the end of their transaction.
    for (const { topic, partition, offset } of this.#positions) {
      const key = `${partition}/${topic}`;
      const known = this.#toCommit.get(key);
      if (known === undefined || known.offset >= offset) continue;
      this.#toCommit.set(key, { topic, partition, offset });
    }
  }

  #isCommitDue(): boolean {
    const intervalMs = this.#options.autoCommitIntervalMs ?? 5_000;
    return this.#clock.monotonicMs() - this.#committedAtMs >= intervalMs;
  }

  async #autoCommit(): Promise<void> {
    if (this.#options.autoCommit === false) return;
    try {
      await this.#commitFinished();
    } catch (error) {
      // Tried again with the next fetch, which also tells what is still ours.
      if (!(error instanceof VarveError && isPassing(error))) throw error;
    }
  }

  async #commitFinished(): Promise<void> {
    this.#fold();
    this.#committedAtMs = this.#clock.monotonicMs();
    if (this.#toCommit.size === 0) return;
    const sent = [...this.#toCommit];
    await this.#send(sent.map(([, offset]) => offset));
    for (const [key, offset] of sent) {
      if (this.#toCommit.get(key) === offset) this.#toCommit.delete(key);
    }
  }

  async #send(offsets: readonly OffsetToCommit[]): Promise<void> {
    await this.#groups.commit(this.#options.group, {
      member: this.#member,
      ...(this.#epoch === null ? {} : { epoch: this.#epoch }),
      offsets,
    });
  }

  async #leave(): Promise<void> {
    if (this.#hasJoined) await this.#commitAndLeave();
    this.#onClosed();
  }

  async #commitAndLeave(): Promise<void> {
    try {
      await this.#autoCommit();
    } catch {
      // As documented: what is not committed is read again.
    }
    try {
      await this.#groups.leave(this.#options.group, this.#member);
    } catch {
      // As documented: the session ends by itself.
    }
  }

  #waitMs(): number {
    return Math.min(Math.max(this.#options.waitMs ?? 20_000, 100), 60_000);
  }
}

/** True for a failure after which fetching again makes sense. */
function isPassing(error: VarveError): boolean {
  return hasCode(error, ...lostMembership) || (error.retriable && error.status !== 404);
}
