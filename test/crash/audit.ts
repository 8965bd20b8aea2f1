// Holds a server to a ledger: what was acknowledged or seen by a moment is there once, unchanged and at its offset;
// nothing is there that was never sent; commits and settled messages are not taken back; transactions are whole.

import type { Era } from "./era.ts";
import type { CommitFacts, Ledger, MessageFacts, TransactionFacts } from "./ledger.ts";
import { sleep } from "./load.ts";
import { drainQueue } from "./queue-clients.ts";
import {
  callHttp,
  committedOffsets,
  type Endpoints,
  initProducer,
  KafkaCalls,
  readPartition,
  Refused,
} from "./server-calls.ts";

/** What an audit looks at. */
export interface AuditScope {
  readonly endpoints: Endpoints;
  readonly eras: readonly Era[];
  /** Facts up to this one must hold. */
  readonly upTo: number;
  /**
   * True when the server audited is the one that goes on: what is found is then known, and must be there from now on.
   * False for a copy, of which the ledger knows nothing afterwards; its queues are emptied, too.
   */
  readonly isLive: boolean;
  /**
   * True for a copy whose files are of different moments: it may hold records of a transaction that began after its
   * coordinator's log was copied, which nobody will ever decide. What lies behind them says nothing then.
   */
  readonly isSmeared?: boolean;
}

/** Resolves with what is wrong, in sentences, and how many records were looked at. */
export async function audit(
  ledger: Ledger,
  scope: AuditScope,
): Promise<{ readonly problems: readonly string[]; readonly records: number }> {
  const audit = new Audit(ledger, scope);
  await audit.run();
  return { problems: audit.problems, records: audit.records };
}

class Audit {
  readonly problems: string[] = [];
  records = 0;
  readonly #ledger: Ledger;
  readonly #scope: AuditScope;

  constructor(ledger: Ledger, scope: AuditScope) {
    this.#ledger = ledger;
    this.#scope = scope;
  }

  async run(): Promise<void> {
    await this.#topics();
    for (const era of this.#scope.eras) {
      await this.#endTransactions(era);
      for (const topic of [era.plain, era.moved, era.queue]) await this.#records(topic);
      await this.#transactions(era);
      await this.#commits(era);
      if (!this.#scope.isLive && this.#isOld(era.queue)) await this.#queue(era);
    }
  }

  // A topic whose creation was answered is there; one whose deletion was answered is gone for good.
  async #topics(): Promise<void> {
    const { upTo, endpoints } = this.#scope;
    const body = await callHttp(endpoints.url, "GET /v1/topics");
    const { topics } = body as { readonly topics: readonly { readonly name: string }[] };
    const found = new Set(topics.map(({ name }) => name));
    for (const [name, facts] of this.#ledger.topics) {
      const isDue = facts.createdAt <= upTo && facts.deletingAt === Infinity;
      if (isDue && !found.has(name)) this.problems.push(`topic ${name} is lost`);
      if (facts.deletedAt <= upTo && found.has(name)) {
        this.problems.push(`topic ${name} is back after it was deleted`);
      }
    }
  }

  #isOld(topic: string): boolean {
    return (this.#ledger.topics.get(topic)?.createdAt ?? Infinity) <= this.#scope.upTo;
  }

  // Whatever an earlier producer left open is ended by the next one of its name, as after any crash.
  async #endTransactions(era: Era): Promise<void> {
    const ids = new Set(
      this.#ledger.transactions
        .filter(({ topic }) => topic === era.moved)
        .map(({ transactionalId }) => transactionalId),
    );
    const kafka = new KafkaCalls();
    try {
      for (const id of ids) await initProducer(kafka, this.#scope.endpoints.kafka, id);
    } finally {
      kafka.close();
    }
  }

  async #records(topic: string): Promise<void> {
    if (!this.#isOld(topic)) return;
    const { partitions = 0, isTransactional = false } = this.#ledger.topics.get(topic) ?? {};
    for (let partition = 0; partition < partitions; partition++) {
      const place = { topic, partition };
      const { records } = await readPartition(this.#scope.endpoints.url, place);
      this.records += records.length;
      const found = new Map(records.map(({ offset, text }) => [offset, text]));
      const name = `${topic}-${partition}`;
      for (const [offset, { value, at }] of this.#ledger.partitionOf(place).known) {
        if (at > this.#scope.upTo || found.get(offset) === value) continue;
        const instead = found.get(offset);
        this.problems.push(
          instead === undefined ? `${name}: ${offset} is lost` : `${name}: ${offset} changed`,
        );
      }
      const values = new Set(found.values());
      if (values.size !== records.length) this.problems.push(`${name}: a record is there twice`);
      records.forEach(({ offset, text }, index) => {
        // Only markers of transactions take offsets without being records.
        if (!isTransactional && offset !== index) this.problems.push(`${name}: a hole at ${index}`);
        if (!this.#ledger.wasSent(topic, text)) {
          this.problems.push(`${name}: ${offset} was never sent: ${text.slice(0, 60)}`);
        }
      });
      if (this.#scope.isLive) this.#ledger.know(place, records, false);
    }
  }

  async #transactions(era: Era): Promise<void> {
    if (!this.#isOld(era.moved)) return;
    const visible = await this.#committed(era);
    if (visible === null) return;
    for (const facts of this.#ledger.transactions) {
      if (facts.topic !== era.moved) continue;
      const seen = facts.values.filter((value) => visible.has(value)).length;
      const isSeen = seen > 0;
      if (seen > 0 && seen < facts.values.length) {
        this.problems.push(`${facts.name}: ${seen} of ${facts.values.length} records committed`);
      }
      this.#outcome(facts, isSeen);
      if (this.#scope.isLive && facts.values.length > 0) {
        facts.seenAs = isSeen ? "committed" : "aborted";
      }
    }
  }

  #outcome(facts: TransactionFacts, isSeen: boolean): void {
    const { upTo } = this.#scope;
    const { name } = facts;
    if (facts.committedAt <= upTo && !isSeen) this.problems.push(`${name}: its commit is lost`);
    if (facts.committingAt === Infinity && isSeen) {
      this.problems.push(`${name}: committed, and nobody asked for it`);
    }
    const wasAborted = facts.seenAs === "aborted" && isSeen;
    const wasCommitted = facts.seenAs === "committed" && !isSeen;
    if (wasAborted || wasCommitted) this.problems.push(`${name}: was ${facts.seenAs} before`);
  }

  // The values a reader of committed records sees; markers follow the decision, so it waits for them.
  async #committed(era: Era): Promise<ReadonlySet<string> | null> {
    const values = new Set<string>();
    const { url } = this.#scope.endpoints;
    for (let partition = 0; partition < era.partitions; partition++) {
      const place = { topic: era.moved, partition };
      for (const deadline = performance.now() + 30_000; ; ) {
        const all = await readPartition(url, place);
        const read = await readPartition(url, place, "read_committed");
        if (read.end === all.end) {
          for (const { text } of read.records) values.add(text);
          break;
        }
        if (performance.now() > deadline) {
          if (this.#scope.isSmeared === true) return null;
          this.problems.push(`${era.moved}-${partition}: read_committed stands at ${read.end}`);
          break;
        }
        await sleep(20);
      }
    }
    return values;
  }

  async #commits(era: Era): Promise<void> {
    const { url } = this.#scope.endpoints;
    const [plain, moved] = [
      await committedOffsets(url, era.group),
      await committedOffsets(url, era.movedGroup),
    ];
    for (let partition = 0; partition < era.partitions; partition++) {
      this.#commit(this.#ledger.commitsOf(era.group, partition), plain.get(partition) ?? -1);
      this.#movedOffset(era, partition, moved.get(partition) ?? -1);
    }
  }

  #commit({ group, partition, answered, asked }: CommitFacts, found: number): void {
    const due = answered.filter(({ at }) => at <= this.#scope.upTo).at(-1)?.offset ?? -1;
    if (found < due) this.problems.push(`${group}/${partition}: committed ${due}, now ${found}`);
    if (found > asked) this.problems.push(`${group}/${partition}: ${found} was never committed`);
    if (this.#scope.isLive && found > due) {
      const at = this.#ledger.next();
      this.#ledger.commitsOf(group, partition).answered.push({ offset: found, at });
    }
  }

  #movedOffset(era: Era, partition: number, found: number): void {
    const { upTo } = this.#scope;
    const mine = this.#ledger.transactions.filter(({ offset }) => {
      return offset.group === era.movedGroup && offset.partition === partition;
    });
    const due = mine.filter(({ committedAt }) => committedAt <= upTo).at(-1)?.offset.value ?? -1;
    const name = `${era.movedGroup}/${partition}`;
    if (found < due) this.problems.push(`${name}: a transaction committed ${due}, now ${found}`);
    const from = mine.find(({ offset }) => offset.value === found);
    if (found >= 0 && (from === undefined || from.committingAt === Infinity)) {
      this.problems.push(`${name}: ${found} is of no transaction that was committed`);
    }
  }

  async #queue(era: Era): Promise<void> {
    const { upTo, endpoints } = this.#scope;
    const messages = this.#ledger.queueOf(era.queue);
    try {
      const { came, dead } = await drainQueue(endpoints.url, era.queue);
      this.problems.push(...queueProblems(messages, { came, dead, upTo }));
    } catch (error) {
      if (error instanceof Refused) throw error;
      this.problems.push(String(error));
    }
  }
}

/** What is wrong with what came out of a queue at the end, and with its dead letters. */
export function queueProblems(
  messages: ReadonlyMap<string, MessageFacts>,
  found: {
    readonly came: ReadonlySet<string>;
    readonly dead: readonly string[];
    readonly upTo: number;
  },
): readonly string[] {
  const { came, dead, upTo } = found;
  const problems: string[] = [];
  const buried = new Set(dead);
  if (buried.size < dead.length) problems.push("a dead letter is there twice");
  for (const value of [...came, ...dead]) {
    if (!messages.has(value)) problems.push(`message '${value}' was never sent`);
  }
  for (const [value, facts] of messages) {
    const isSettled = facts.settledAt <= upTo;
    const isMaybeSettled = facts.settlingAt < Infinity;
    if (isSettled && came.has(value)) problems.push(`'${value}' came after it was settled`);
    if (isSettled && facts.settledAs === "reject" && !buried.has(value)) {
      problems.push(`'${value}' was rejected and is no dead letter`);
    }
    if (facts.settledAs === "ack" && isSettled && buried.has(value)) {
      problems.push(`'${value}' was acknowledged and died`);
    }
    if (facts.sentAt > upTo || isMaybeSettled || came.has(value) || buried.has(value)) continue;
    problems.push(`message '${value}' is lost`);
  }
  return problems;
}
