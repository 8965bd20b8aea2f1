// Eras of a torture: each has topics, groups and a queue of its own, so that what a check has to read stays small.

import { queueProblems } from "./audit.ts";
import type { Era } from "./era.ts";
import { type Client, leaseMs, type LoadContext } from "./load.ts";
import { drainQueue, sender, worker } from "./queue-clients.ts";
import {
  committer,
  follower,
  housekeeper,
  httpProducer,
  idempotentProducer,
} from "./record-clients.ts";
import { callHttp } from "./server-calls.ts";
import { transactor } from "./transaction-client.ts";

/** The clients of a load; `name` makes their records' values differ from all others. */
export function clientsOf(name: string, size: { producers: number; partitions: number }): Client[] {
  const producers = Array.from({ length: size.producers }, (_, index) => index);
  const partitions = Array.from({ length: size.partitions }, (_, index) => index);
  return [
    ...producers.map((index) => httpProducer(`${name}-http-${index}`)),
    ...producers.map((index) => idempotentProducer(`${name}-kafka-${index}`)),
    ...partitions.map(committer),
    ...[0, 1].map(transactor),
    follower("plain"),
    follower("moved"),
    housekeeper(name),
    ...[0, 1].map((index) => sender(`${name}-job-${index}`)),
    ...[0, 1, 2].map(() => worker),
  ];
}

/** Makes the topics and the queue of an era; the ledger hears of it. */
export async function createEra(context: LoadContext): Promise<void> {
  const { era, ledger } = context;
  const { partitions } = era;
  for (const [topic, isTransactional] of [
    [era.plain, false],
    [era.moved, true],
  ] as const) {
    const facts = ledger.creating(topic, partitions, isTransactional);
    await callHttp(context.endpoints.url, `PUT /v1/topics/${topic}`, { partitions });
    facts.createdAt = ledger.next();
  }
  const facts = ledger.creating(era.queue, 1);
  const settings = { leaseMs, maxDeliveries: 100 };
  await callHttp(context.endpoints.url, `PUT /v1/queues/${era.queue}`, settings);
  facts.createdAt = ledger.next();
  ledger.queueOf(era.queue);
}

/** The end of an era, its load stopped: what is left in its queue comes out, and nothing else. */
export async function closeEra({ ledger, era, endpoints }: LoadContext): Promise<void> {
  const messages = ledger.queueOf(era.queue);
  const settlingAt = ledger.next();
  const found = await drainQueue(endpoints.url, era.queue);
  const upTo = ledger.next();
  for (const each of queueProblems(messages, { ...found, upTo: settlingAt - 1 })) {
    ledger.problem(each);
  }
  // Taken out behind the ledger's back: a later look must not find them again.
  for (const value of found.came) {
    const facts = messages.get(value);
    if (facts !== undefined)
      Object.assign(facts, { settlingAt, settledAt: upTo, settledAs: "ack" });
  }
}

/** Deletes what an era has, and forgets it. */
export async function leaveEra({ ledger, endpoints }: LoadContext, era: Era): Promise<void> {
  for (const name of [era.plain, era.moved, era.queue]) {
    const facts = ledger.topics.get(name);
    if (facts === undefined) continue;
    facts.deletingAt = ledger.next();
    if (name === era.queue) await callHttp(endpoints.url, `DELETE /v1/queues/${name}`);
    await callHttp(endpoints.url, `DELETE /v1/topics/${name}`);
    facts.deletedAt = ledger.next();
    ledger.forget(name);
  }
  const left = ledger.transactions.filter(({ topic }) => topic !== era.moved);
  ledger.transactions.splice(0, Infinity, ...left);
}
