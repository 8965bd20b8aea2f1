// The tables against an implementation that is not ours: what kafkajs encodes is read, what is encoded kafkajs reads.

import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import type { ApiName, EncodableResponse, RequestOf } from "../../src/protocol/apis.ts";
import { decodeRequest, decodeRequestHeader, encodeResponse } from "../../src/protocol/codec.ts";
import { clientBatch } from "../support/batch-vectors.ts";
import { frameOf } from "./frame-bytes.ts";

interface KafkaJsApi {
  protocol(wanted: { version: number }): (values: object) => {
    readonly request: object;
    readonly response: { decode(payload: Buffer): Promise<unknown> };
  };
}

const require = createRequire(import.meta.url);
const encodeFrame: (
  call: object,
) => Promise<{ readonly buffer: Buffer }> = require("kafkajs/src/protocol/request.js");

function kafkaJs(name: string, version: number): ReturnType<KafkaJsApi["protocol"]> {
  const api: KafkaJsApi = require(`kafkajs/src/protocol/requests/${name}/index.js`);
  return api.protocol({ version });
}

async function requestOf<N extends ApiName>(
  name: N,
  version: number,
  values: object,
): Promise<RequestOf<N>> {
  const { request } = kafkaJs(name, version)(values);
  const { buffer } = await encodeFrame({ correlationId: 5, clientId: "kafkajs", request });
  const frame = buffer.subarray(4);
  const header = decodeRequestHeader(frame);
  expect(header).toMatchObject({
    apiVersion: version,
    correlationId: 5,
    clientId: "kafkajs",
  });
  return decodeRequest(name, header, frame);
}

async function responseOf<N extends ApiName>(
  name: N,
  version: number,
  body: EncodableResponse<N>,
): Promise<unknown> {
  const frame = frameOf(encodeResponse(name, { apiVersion: version, correlationId: 5 }, body));
  // kafkajs wants to know nothing but who asks for this one.
  const values = { topics: [], groups: [], topicData: [], resources: [], groupProtocols: [] };
  return kafkaJs(name, version)(values).response.decode(frame.subarray(4));
}

describe("requests of kafkajs", () => {
  test("Metadata v6", async () => {
    const values = { topics: ["a", "b"], allowAutoTopicCreation: false };
    expect(await requestOf("metadata", 6, values)).toMatchObject({
      topics: [{ name: "a" }, { name: "b" }],
      allowAutoTopicCreation: false,
    });
  });

  test("Produce v3 to v7", async () => {
    const messages = [{ key: "k", value: "v", timestamp: 1700000000000 }];
    const topicData = [{ topic: "t", partitions: [{ partition: 2, messages }] }];
    for (const version of range(3, 7)) {
      const values = { acks: -1, timeout: 1500, transactionalId: "tx", topicData };
      const request = await requestOf("produce", version, values);
      expect(request).toMatchObject({ transactionalId: "tx", acks: -1, timeoutMs: 1500 });
      expect(request.topicData).toMatchObject([{ name: "t", partitionData: [{ index: 2 }] }]);
      const records = Buffer.from(request.topicData[0]?.partitionData[0]?.records ?? []);
      expect(records.readInt32BE(8)).toBe(records.length - 12);
    }
  });

  test("Fetch v4 to v11", async () => {
    const partition = { partition: 1, fetchOffset: "9007199254740991", maxBytes: 1024 };
    const values = {
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 10240,
      isolationLevel: 1,
      topics: [{ topic: "t", partitions: [{ ...partition, currentLeaderEpoch: 4 }] }],
      rackId: "r",
    };
    for (const version of range(4, 11)) {
      expect(await requestOf("fetch", version, values)).toMatchObject({
        replicaId: -1,
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 10240,
        isolationLevel: 1,
        sessionId: 0,
        sessionEpoch: -1,
        rackId: version === 11 ? "r" : "",
        topics: [
          {
            topic: "t",
            partitions: [
              {
                partition: 1,
                currentLeaderEpoch: version < 9 ? -1 : 4,
                fetchOffset: 2 ** 53 - 1,
                partitionMaxBytes: 1024,
              },
            ],
          },
        ],
      });
    }
  });

  test("JoinGroup v0 and v5", async () => {
    const values = {
      groupId: "g",
      sessionTimeout: 30000,
      rebalanceTimeout: 60000,
      memberId: "m",
      groupInstanceId: "i",
      protocolType: "consumer",
      groupProtocols: [{ name: "range", metadata: Buffer.from("meta") }],
    };
    const same = { groupId: "g", sessionTimeoutMs: 30000, memberId: "m", protocolType: "consumer" };
    const first = await requestOf("joinGroup", 0, values);
    expect(first).toMatchObject({ ...same, rebalanceTimeoutMs: -1, groupInstanceId: null });
    const fifth = await requestOf("joinGroup", 5, values);
    expect(fifth).toMatchObject({ ...same, rebalanceTimeoutMs: 60000, groupInstanceId: "i" });
    expect(fifth.protocols[0]?.name).toBe("range");
    expect(Buffer.from(fifth.protocols[0]?.metadata ?? []).toString()).toBe("meta");
  });

  test("SyncGroup v3, LeaveGroup v3", async () => {
    const values = { groupId: "g", generationId: 3, memberId: "m", groupInstanceId: null };
    const groupAssignment = [{ memberId: "m", memberAssignment: Buffer.from("mine") }];
    const sync = await requestOf("syncGroup", 3, { ...values, groupAssignment });
    expect(sync).toMatchObject({ ...values, assignments: [{ memberId: "m" }] });
    const leave = await requestOf("leaveGroup", 3, { groupId: "g", memberId: "m" });
    expect(leave).toMatchObject({
      groupId: "g",
      memberId: "",
      members: [{ memberId: "m", groupInstanceId: null }],
    });
  });

  test("OffsetCommit v2 to v5, OffsetFetch v4", async () => {
    const partitions = [{ partition: 0, offset: "12", metadata: null }];
    const topics = [{ topic: "t", partitions }];
    const values = { groupId: "g", groupGenerationId: 1, memberId: "m", topics };
    for (const version of range(2, 5)) {
      expect(await requestOf("offsetCommit", version, values)).toMatchObject({
        groupId: "g",
        generationIdOrMemberEpoch: 1,
        memberId: "m",
        retentionTimeMs: -1,
        topics: [
          {
            name: "t",
            partitions: [{ partitionIndex: 0, committedOffset: 12, committedMetadata: null }],
          },
        ],
      });
    }
    const fetched = { groupId: "g", topics: [{ topic: "t", partitions: [{ partition: 3 }] }] };
    expect(await requestOf("offsetFetch", 4, fetched)).toMatchObject({
      groupId: "g",
      topics: [{ name: "t", partitionIndexes: [3] }],
    });
  });

  test("CreateTopics v3, DescribeConfigs v2", async () => {
    const configEntries = [{ name: "retention.ms", value: "1000" }];
    const topic = { topic: "t", numPartitions: 3, replicationFactor: 1, configEntries };
    const values = { topics: [topic], validateOnly: true, timeout: 5000 };
    expect(await requestOf("createTopics", 3, values)).toEqual({
      topics: [
        {
          name: "t",
          numPartitions: 3,
          replicationFactor: 1,
          assignments: [],
          configs: configEntries,
        },
      ],
      timeoutMs: 5000,
      validateOnly: true,
    });
    const resources = [{ type: 2, name: "t", configNames: ["retention.ms"] }];
    expect(await requestOf("describeConfigs", 2, { resources, includeSynonyms: true })).toEqual({
      resources: [{ resourceType: 2, resourceName: "t", configurationKeys: ["retention.ms"] }],
      includeSynonyms: true,
      includeDocumentation: false,
    });
  });

  test("InitProducerId v1, AddPartitionsToTxn v1, EndTxn v1, TxnOffsetCommit v1", async () => {
    const producer = { transactionalId: "tx", producerId: "9", producerEpoch: 2 };
    const init = await requestOf("initProducerId", 1, { ...producer, transactionTimeout: 60000 });
    expect(init).toMatchObject({ transactionalId: "tx", transactionTimeoutMs: 60000 });
    const topics = [{ topic: "t", partitions: [1, 2] }];
    expect(await requestOf("addPartitionsToTxn", 1, { ...producer, topics })).toMatchObject({
      v3AndBelowTransactionalId: "tx",
      v3AndBelowProducerId: 9,
      v3AndBelowProducerEpoch: 2,
      v3AndBelowTopics: [{ name: "t", partitions: [1, 2] }],
    });
    const end = await requestOf("endTxn", 1, { ...producer, transactionResult: true });
    expect(end).toEqual({ ...producer, producerId: 9, committed: true });
    const offsets = [{ topic: "t", partitions: [{ partition: 1, offset: "7", metadata: "x" }] }];
    const values = { ...producer, groupId: "g", topics: offsets };
    expect(await requestOf("txnOffsetCommit", 1, values)).toMatchObject({
      groupId: "g",
      producerId: 9,
      topics: [{ partitions: [{ committedOffset: 7, committedMetadata: "x" }] }],
    });
  });
});

describe("responses that kafkajs reads", () => {
  test("Metadata v0 to v6", async () => {
    const partition = { errorCode: 0, partitionIndex: 0, leaderId: 1, leaderEpoch: 3 };
    const replicas = { replicaNodes: [1], isrNodes: [1], offlineReplicas: [2] };
    for (const version of range(0, 6)) {
      const decoded = await responseOf("metadata", version, {
        brokers: [{ nodeId: 1, host: "localhost", port: 9092, rack: null }],
        clusterId: "cluster",
        controllerId: 1,
        topics: [{ errorCode: 0, name: "t", partitions: [{ ...partition, ...replicas }] }],
      });
      const known = { partitionId: 0, leader: 1, replicas: [1], isr: [1] };
      expect(decoded).toMatchObject({
        brokers: [{ nodeId: 1, host: "localhost", port: 9092 }],
        topicMetadata: [
          {
            topic: "t",
            partitionMetadata: [version < 5 ? known : { ...known, offlineReplicas: [2] }],
          },
        ],
        ...(version < 1 ? {} : { controllerId: 1 }),
        ...(version < 2 ? {} : { clusterId: "cluster" }),
      });
    }
  });

  test("Produce v3 to v7", async () => {
    const partition = { index: 1, errorCode: 0, baseOffset: 42, logStartOffset: 7 };
    for (const version of range(3, 7)) {
      const decoded = await responseOf("produce", version, {
        responses: [{ name: "t", partitionResponses: [partition] }],
        throttleTimeMs: 3,
      });
      const expected = { partition: 1, baseOffset: "42", logAppendTime: "-1" };
      expect(decoded).toMatchObject({
        topics: [
          {
            topicName: "t",
            partitions: [version < 5 ? expected : { ...expected, logStartOffset: "7" }],
          },
        ],
        ...(version < 6 ? { throttleTime: 3 } : { clientSideThrottleTime: 3 }),
      });
    }
  });

  test("Fetch v4 to v11, with records", async () => {
    const offsets = { highWatermark: 1, lastStableOffset: 1, logStartOffset: 0 };
    const abortedTransactions = [{ producerId: 9, firstOffset: 0 }];
    const partition = { partitionIndex: 0, errorCode: 0, ...offsets, abortedTransactions };
    for (const version of range(4, 11)) {
      const decoded = await responseOf("fetch", version, {
        throttleTimeMs: 0,
        sessionId: 8,
        responses: [{ topic: "t", partitions: [{ ...partition, records: clientBatch }] }],
      });
      const known = {
        partition: 0,
        highWatermark: "1",
        lastStableOffset: "1",
        abortedTransactions: [{ producerId: "9", firstOffset: "0" }],
        messages: [{ key: Buffer.from("k"), value: Buffer.from("v") }],
      };
      expect(decoded).toMatchObject({
        responses: [
          {
            topicName: "t",
            partitions: [version < 11 ? known : { ...known, preferredReadReplica: -1 }],
          },
        ],
        ...(version < 7 ? {} : { sessionId: 8 }),
      });
    }
  });

  test("ListOffsets v1 to v3, OffsetFetch v1 to v4, OffsetCommit v2 to v5", async () => {
    const found = { partitionIndex: 0, errorCode: 0, timestamp: 9, offset: 5, leaderEpoch: 1 };
    for (const version of range(1, 3)) {
      const topics = [{ name: "t", partitions: [found] }];
      expect(await responseOf("listOffsets", version, { topics })).toMatchObject({
        responses: [{ topic: "t", partitions: [{ partition: 0, timestamp: "9", offset: "5" }] }],
      });
    }
    const committed = { partitionIndex: 0, committedOffset: 5, metadata: "x", errorCode: 0 };
    for (const version of range(1, 4)) {
      const topics = [{ name: "t", partitions: [committed] }];
      expect(await responseOf("offsetFetch", version, { topics })).toMatchObject({
        responses: [{ topic: "t", partitions: [{ partition: 0, offset: "5", metadata: "x" }] }],
      });
    }
    for (const version of range(2, 5)) {
      const topics = [{ name: "t", partitions: [{ partitionIndex: 3, errorCode: 25 }] }];
      expect(await responseOf("offsetCommit", version, { topics })).toMatchObject({
        responses: [{ topic: "t", partitions: [{ partition: 3, errorCode: 25 }] }],
      });
    }
  });

  test("FindCoordinator v0 to v2, JoinGroup v0 to v5", async () => {
    const node = { nodeId: 1, host: "localhost", port: 9092 };
    for (const version of range(0, 2)) {
      const found = await responseOf("findCoordinator", version, { errorCode: 0, ...node });
      expect(found).toMatchObject({ coordinator: node });
    }
    for (const version of range(0, 5)) {
      const joined = await responseOf("joinGroup", version, {
        errorCode: 0,
        generationId: 2,
        protocolName: "range",
        leader: "m",
        memberId: "m",
        members: [{ memberId: "m", groupInstanceId: "i", metadata: Buffer.from("meta") }],
      });
      const member = { memberId: "m", memberMetadata: Buffer.from("meta") };
      expect(joined).toMatchObject({
        generationId: 2,
        groupProtocol: "range",
        leaderId: "m",
        members: [version < 5 ? member : { ...member, groupInstanceId: "i" }],
      });
    }
  });
});

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
