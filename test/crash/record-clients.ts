// Clients of a torture that produce, read and commit.

import { batchOf } from "../support/batches.ts";
import { valueOf } from "./ledger.ts";
import type { Client } from "./load.ts";
import { callHttp, initProducer, produceBatch, readPartition, Refused } from "./server-calls.ts";

/** Produces JSON over HTTP; what got no answer is not sent again. */
export function httpProducer(name: string): Client {
  return async (context) => {
    const { era, ledger, random } = context;
    for (let round = 0; !context.isStopped; round++) {
      await context.pause(8);
      const partition = random.below(era.partitions);
      const texts = Array.from({ length: 1 + random.below(5) }, (_, index) =>
        valueOf(`${name}-${round}-${index}`),
      );
      ledger.sending(era.plain, texts);
      const path = `/v1/topics/${era.plain}/records?partition=${partition}`;
      const records = texts.map((text) => ({ text }));
      const answer = (await context.http(`POST ${path}`, { records })) as {
        readonly results: readonly { readonly offset: number }[];
      } | null;
      if (answer === null) continue;
      const found = answer.results.map(({ offset }, at) => ({ offset, text: texts[at] ?? "" }));
      ledger.know({ topic: era.plain, partition }, found, true);
    }
  };
}

/** An idempotent producer of Kafka's protocol; what got no answer is sent again with its sequence. */
export function idempotentProducer(name: string): Client {
  return async (context, kafka) => {
    const { era, ledger, random, endpoints } = context;
    let producer = await retried(context, () => initProducer(kafka, endpoints.kafka, null));
    const sequences = new Map<number, number>();
    for (let round = 0; producer !== null && !context.isStopped; round++) {
      await context.pause(8);
      const partition = random.below(era.partitions);
      const texts = Array.from({ length: 1 + random.below(5) }, (_, index) =>
        valueOf(`${name}-${round}-${index}`),
      );
      const baseSequence = sequences.get(partition) ?? 0;
      const records = batchOf(
        texts.map((value) => ({ value, timestampMs: Date.now() })),
        { producer: { ...producer, baseSequence } },
      );
      ledger.sending(era.plain, texts);
      const ask = { transactionalId: null, topic: era.plain, partition, records };
      const offset = await retried(context, () => produceBatch(kafka, endpoints.kafka, ask));
      // The load ended, or was refused for good: the sequence is in doubt, so another producer goes on.
      if (offset === null) {
        producer = await retried(context, () => initProducer(kafka, endpoints.kafka, null));
        sequences.clear();
        continue;
      }
      sequences.set(partition, baseSequence + texts.length);
      const found = texts.map((text, at) => ({ offset: offset + at, text }));
      ledger.know({ topic: era.plain, partition }, found, true);
    }
  };
}

/** Calls until there is an answer; null when the load has ended, or after a refusal that is allowed. */
export async function retried<Answer>(
  context: Parameters<Client>[0],
  call: () => Promise<Answer>,
): Promise<Answer | null> {
  while (!context.isStopped) {
    let isRefused = false;
    const answer = await context.survives(
      call().catch((error: unknown) => {
        isRefused = error instanceof Refused;
        throw error;
      }),
    );
    if (answer !== null) return answer;
    await context.pause(20);
    if (isRefused) return null;
  }
  return null;
}

/** Follows the partitions of a topic: what a reader has seen must stay. */
export function follower(pick: "plain" | "moved"): Client {
  return async (context) => {
    const { era, ledger, random, endpoints } = context;
    const positions = new Map<number, number>();
    while (!context.isStopped) {
      await context.pause(40);
      const partition = random.below(era.partitions);
      const topic = era[pick];
      const from = positions.get(partition) ?? 0;
      const read = await context.survives(
        readPartition(endpoints.url, { topic, partition, from }, "read_uncommitted"),
      );
      if (read === null) continue;
      ledger.know({ topic, partition }, read.records, false);
      positions.set(partition, read.end);
    }
  };
}

/** Commits offsets of a group over HTTP, one at a time for a partition. */
export function committer(partition: number): Client {
  return async (context) => {
    const { era, ledger, endpoints } = context;
    const { known } = ledger.partitionOf({ topic: era.plain, partition });
    const commits = ledger.commitsOf(era.group, partition);
    while (!context.isStopped) {
      await context.pause(60);
      const offset = Math.max(0, known.size - 1);
      // One that got no answer may still be on its way; a greater one takes its place.
      if (offset <= commits.asked) continue;
      commits.asked = offset;
      const body = { offsets: [{ topic: era.plain, partition, offset }] };
      const call = `POST /v1/groups/${era.group}/commit`;
      const answer = await context.survives(callHttp(endpoints.url, call, body));
      if (answer === null) continue;
      commits.answered.push({ offset, at: ledger.next() });
      ledger.counts.commits++;
    }
  };
}

/** Makes topics and deletes them again. */
export function housekeeper(name: string): Client {
  return async (context) => {
    const { ledger } = context;
    for (let round = 0; !context.isStopped; round++) {
      await context.pause(300);
      const topic = `brief-${name}-${round}`;
      const facts = ledger.creating(topic, 2);
      const isMade = await context.survives(
        callHttp(context.endpoints.url, `PUT /v1/topics/${topic}`, { partitions: 2 }),
      );
      if (isMade !== null) facts.createdAt = ledger.next();
      ledger.counts.topics++;
      await context.pause(100);
      if (context.random.below(4) === 0) continue;
      facts.deletingAt = ledger.next();
      const call = `DELETE /v1/topics/${topic}`;
      const isGone = await context.survives(
        callHttp(context.endpoints.url, call).then(
          () => true,
          (error: unknown) => {
            if (error instanceof Refused && error.status === 404) return true;
            throw error;
          },
        ),
      );
      if (isGone !== null) facts.deletedAt = ledger.next();
    }
  };
}
