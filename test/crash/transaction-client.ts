// A client of a torture that runs transactions: records for several partitions and an offset of a group, committed or
// aborted together.

import { batchOf } from "../support/batches.ts";
import { type TransactionFacts, valueOf } from "./ledger.ts";
import type { Client, LoadContext } from "./load.ts";
import { initProducer, type KafkaCalls, type ProducerName, produceBatch } from "./server-calls.ts";

/** Runs one transaction after the other under one transactional id, which is its own. */
export function transactor(worker: number): Client {
  return async (context, kafka) => {
    const { era, endpoints } = context;
    const transactionalId = `${era.name}-mover-${worker}`;
    let session = null as Session | null;
    for (let round = 1; !context.isStopped; round++) {
      await context.pause(30);
      // Whoever looked after the server was killed has ended what was open, and fenced this producer.
      if (session?.falls !== context.falls) session = null;
      if (session === null) {
        const { falls } = context;
        const producer = await context.survives(
          initProducer(kafka, endpoints.kafka, transactionalId),
        );
        if (producer === null) continue;
        session = { kafka, transactionalId, producer, sequences: new Map(), falls };
      }
      const isWhole: true | null = await context.survives(
        transaction(context, session, { worker, round }),
      );
      // What became of it is unknown: the next producer ends it.
      if (isWhole === null) session = null;
    }
  };
}

interface Session {
  readonly kafka: KafkaCalls;
  readonly transactionalId: string;
  readonly producer: ProducerName;
  readonly sequences: Map<number, number>;
  /** How often the server had gone away by then. */
  readonly falls: number;
}

async function transaction(
  context: LoadContext,
  session: Session,
  { worker, round }: { readonly worker: number; readonly round: number },
): Promise<true> {
  const { era, ledger, random, endpoints } = context;
  const { kafka, transactionalId, producer } = session;
  const name = `${transactionalId}-${round}`;
  const facts: TransactionFacts = {
    name,
    transactionalId,
    topic: era.moved,
    offset: { group: era.movedGroup, partition: worker % era.partitions, value: round },
    values: [],
    committingAt: Infinity,
    committedAt: Infinity,
    abortedAt: Infinity,
    seenAs: null,
  };
  ledger.transactions.push(facts);
  const first = random.below(era.partitions);
  const places = random.below(3) === 0 ? [first] : [first, (first + 1) % era.partitions];
  await addPartitions(context, session, places);
  for (const partition of places) await produce(context, session, { partition, facts });
  await commitOffset(context, session, facts);
  const isCommit = random.below(4) > 0;
  if (isCommit) facts.committingAt = ledger.next();
  const body = { transactionalId, ...producer, committed: isCommit };
  const ask = { name: "endTxn", version: 3, body } as const;
  await kafka.call(endpoints.kafka, ask, (answer) => answer.errorCode);
  if (isCommit) facts.committedAt = ledger.next();
  else facts.abortedAt = ledger.next();
  ledger.counts.transactions++;
  return true;
}

async function addPartitions(
  context: LoadContext,
  { kafka, transactionalId, producer }: Session,
  partitions: readonly number[],
): Promise<void> {
  const body = {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: [{ name: context.era.moved, partitions }],
  };
  const ask = { name: "addPartitionsToTxn", version: 3, body } as const;
  await kafka.call(context.endpoints.kafka, ask, (answer) => {
    const results = answer.resultsByTopicV3AndBelow.flatMap((each) => each.resultsByPartition);
    return results.find((each) => each.partitionErrorCode !== 0)?.partitionErrorCode ?? 0;
  });
}

async function produce(
  context: LoadContext,
  session: Session,
  { partition, facts }: { readonly partition: number; readonly facts: TransactionFacts },
): Promise<void> {
  const { ledger, random, endpoints } = context;
  const { kafka, transactionalId, producer, sequences } = session;
  const texts = Array.from({ length: 1 + random.below(3) }, (_, index) =>
    valueOf(`${facts.name}-${partition}-${index}`),
  );
  const baseSequence = sequences.get(partition) ?? 0;
  const values = texts.map((value) => ({ value, timestampMs: Date.now() }));
  const options = { producer: { ...producer, baseSequence }, isTransactional: true };
  facts.values.push(...texts);
  ledger.sending(facts.topic, texts);
  const records = batchOf(values, options);
  const ask = { transactionalId, topic: facts.topic, partition, records };
  const offset = await produceBatch(kafka, endpoints.kafka, ask);
  sequences.set(partition, baseSequence + texts.length);
  const found = texts.map((text, at) => ({ offset: offset + at, text }));
  ledger.know({ topic: facts.topic, partition }, found, true);
}

async function commitOffset(
  { era, endpoints }: LoadContext,
  { kafka, transactionalId, producer }: Session,
  facts: TransactionFacts,
): Promise<void> {
  const { group: groupId, partition: partitionIndex, value } = facts.offset;
  const adding = { transactionalId, ...producer, groupId };
  const add = { name: "addOffsetsToTxn", version: 3, body: adding } as const;
  await kafka.call(endpoints.kafka, add, (answer) => answer.errorCode);
  const offset = { partitionIndex, committedOffset: value, committedMetadata: null };
  const body = {
    transactionalId,
    ...producer,
    groupId,
    topics: [{ name: era.moved, partitions: [offset] }],
  };
  const ask = { name: "txnOffsetCommit", version: 3, body } as const;
  await kafka.call(endpoints.kafka, ask, (answer) => {
    return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
  });
}
