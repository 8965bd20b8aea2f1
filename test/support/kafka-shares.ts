// A client of share groups at a Kafka door over a real engine: it joins, fetches and acknowledges as a member would.

import type { EncodableRequest, ResponseOf } from "../../src/protocol/apis.ts";
import { recordsOf } from "./batches.ts";
import { createTopic, openTestEngine, produce } from "./engines.ts";
import { talkTo } from "./kafka-calls.ts";

/** A partition of an answer to a share fetch. */
export type FetchedShare = ResponseOf<"shareFetch">["responses"][number]["partitions"][number];

type FetchFields = Partial<EncodableRequest<"shareFetch">>;
type AcknowledgeFields = Partial<EncodableRequest<"shareAcknowledge">>;
type Batches =
  EncodableRequest<"shareFetch">["topics"][number]["partitions"][number]["acknowledgementBatches"];

/** Acknowledgement types by Kafka's numbers. */
export const types = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const;

/** One range with one type. */
export function range(firstOffset: number, lastOffset: number, type: number): Batches[number] {
  return { firstOffset, lastOffset, acknowledgeTypes: [type] };
}

/** What came: values of the records that were acquired, and how often each was. */
export function acquiredValues(part: FetchedShare | undefined): readonly (readonly unknown[])[] {
  if (part === undefined) return [];
  const records = recordsOf(part.records ?? new Uint8Array(0));
  return part.acquiredRecords.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
    records
      .filter(({ offset }) => firstOffset <= offset && offset <= lastOffset)
      .map(({ value }) => [value, deliveryCount]),
  );
}

/** The group `g` reads topic `jobs` from its beginning; values of the topic are as they are produced. */
export async function openShares(
  options: {
    readonly partitions?: number;
    readonly configs?: Readonly<Record<string, string>>;
  } = {},
) {
  const { engine, clock } = await openTestEngine();
  const { shares, topics } = engine.services;
  const talk = talkTo(engine.services);
  await createTopic(engine, "jobs", { partitions: options.partitions ?? 1 });
  const topicId = topics.lookup("jobs")?.topicId ?? "";
  await shares.alterGroupConfigs("g", {
    "share.auto.offset.reset": "earliest",
    ...options.configs,
  });
  const numbers = Array.from({ length: options.partitions ?? 1 }, (_, index) => index);
  const added = (partitions: readonly number[]) => [
    {
      topicId,
      partitions: partitions.map((partitionIndex) => {
        return { partitionIndex, acknowledgementBatches: [] };
      }),
    },
  ];
  const fetch = (fields: FetchFields, version = 2) =>
    talk.ask("shareFetch", version, {
      groupId: "g",
      memberId: "m",
      shareSessionEpoch: 0,
      maxWaitMs: 0,
      minBytes: 1,
      maxRecords: 100,
      batchSize: 0,
      shareAcquireMode: 1,
      topics: [],
      forgottenTopicsData: [],
      ...fields,
    });
  return {
    engine,
    clock,
    ...talk,
    topicId,
    fetch,
    /** Opens a session with all partitions. */
    open: (fields: FetchFields = {}) => fetch({ topics: added(numbers), ...fields }),
    /** The first partition of an answer. */
    partOf: (answer: ResponseOf<"shareFetch">): FetchedShare | undefined =>
      answer.responses[0]?.partitions[0],
    acknowledge: (fields: AcknowledgeFields, version = 2) =>
      talk.ask("shareAcknowledge", version, {
        groupId: "g",
        memberId: "m",
        shareSessionEpoch: 1,
        topics: [],
        ...fields,
      }),
    /** Topics of a request that acknowledge ranges of one partition. */
    settling: (batches: Batches, partitionIndex = 0) => [
      { topicId, partitions: [{ partitionIndex, acknowledgementBatches: batches }] },
    ],
    added,
    send: (values: readonly string[], partition = 0) =>
      produce(engine, { topic: "jobs", partition, values }),
    startOffset: async () => (await shares.offsets("g", null))[0]?.startOffset,
  };
}
