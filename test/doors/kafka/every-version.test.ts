// Every API of groups, transactions and administration in every version it is served in, over a real engine.

import { expect, test } from "vitest";
import { adminHandlers } from "../../../src/doors/kafka/admin-handlers.ts";
import { groupHandlers } from "../../../src/doors/kafka/group-handlers.ts";
import { transactionHandlers } from "../../../src/doors/kafka/transaction-handlers.ts";
import { type ApiName, apis, type EncodableRequest } from "../../../src/protocol/apis.ts";
import { defaultsOf } from "../../../src/protocol/field.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

const served = { ...groupHandlers, ...transactionHandlers, ...adminHandlers };
const names = Object.keys(served) as (keyof typeof served)[];

const calls = names.flatMap((name) => {
  const { min, max } = served[name] ?? { min: 0, max: -1 };
  return Array.from({ length: max - min + 1 }, (_, index) => ({ name, version: min + index }));
});

/** Requests that name a topic, a group and a producer that are not there, with every list filled. */
const strangers: { readonly [Name in ApiName]?: EncodableRequest<Name> } = {
  joinGroup: {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    memberId: "nobody",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from("m") }],
  },
  syncGroup: {
    groupId: "g",
    generationId: 1,
    memberId: "nobody",
    assignments: [{ memberId: "nobody", assignment: Buffer.from("a") }],
  },
  heartbeat: { groupId: "g", generationId: 1, memberId: "nobody" },
  leaveGroup: {
    groupId: "g",
    memberId: "nobody",
    members: [{ memberId: "nobody", groupInstanceId: null }],
  },
  offsetCommit: {
    groupId: "g",
    generationIdOrMemberEpoch: 1,
    memberId: "nobody",
    topics: [
      {
        name: "none",
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }],
      },
    ],
  },
  offsetFetch: {
    groupId: "g",
    topics: [{ name: "none", partitionIndexes: [0] }],
    groups: [{ groupId: "g", topics: [{ name: "none", partitionIndexes: [0] }] }],
  },
  offsetDelete: { groupId: "g", topics: [{ name: "none", partitions: [{ partitionIndex: 0 }] }] },
  describeGroups: { groups: ["g"] },
  listGroups: { statesFilter: ["Stable"], typesFilter: ["classic"] },
  deleteGroups: { groupsNames: ["g"] },
  consumerGroupHeartbeat: {
    groupId: "g",
    memberId: "nobody",
    memberEpoch: 3,
    instanceId: null,
    rackId: null,
    subscribedTopicNames: ["none"],
    serverAssignor: null,
    topicPartitions: [{ topicId: "00000000-0000-4000-8000-000000000001", partitions: [0] }],
  },
  consumerGroupDescribe: { groupIds: ["g"], includeAuthorizedOperations: true },
  initProducerId: { transactionalId: "t", transactionTimeoutMs: 10_000 },
  addPartitionsToTxn: {
    v3AndBelowTransactionalId: "none",
    v3AndBelowProducerId: 5,
    v3AndBelowTopics: [{ name: "none", partitions: [0, 1] }],
  },
  addOffsetsToTxn: { transactionalId: "none", producerId: 5, producerEpoch: 0, groupId: "g" },
  endTxn: { transactionalId: "none", producerId: 5, producerEpoch: 0, committed: true },
  txnOffsetCommit: {
    transactionalId: "none",
    groupId: "g",
    producerId: 5,
    producerEpoch: 0,
    topics: [
      {
        name: "none",
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "m" }],
      },
    ],
  },
  describeTransactions: { transactionalIds: ["none"] },
  listTransactions: { stateFilters: ["Ongoing", "Odd"], producerIdFilters: [5] },
  describeProducers: { topics: [{ name: "none", partitionIndexes: [0] }] },
  createTopics: {
    topics: [
      {
        name: "no/name",
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [{ name: "retention.ms", value: "1" }],
      },
    ],
    validateOnly: false,
  },
  deleteTopics: {
    topics: [{ name: "none", topicId: "00000000-0000-0000-0000-000000000000" }],
    topicNames: ["none"],
    timeoutMs: 1000,
  },
  createPartitions: {
    topics: [{ name: "none", count: 2, assignments: [{ brokerIds: [1] }] }],
    timeoutMs: 1000,
    validateOnly: false,
  },
  describeConfigs: {
    resources: [
      { resourceType: 2, resourceName: "none", configurationKeys: ["retention.ms"] },
      { resourceType: 4, resourceName: "9", configurationKeys: null },
      { resourceType: 9, resourceName: "1", configurationKeys: null },
    ],
    includeSynonyms: true,
  },
  alterConfigs: {
    resources: [{ resourceType: 2, resourceName: "none", configs: [{ name: "k", value: null }] }],
    validateOnly: false,
  },
  incrementalAlterConfigs: {
    resources: [
      {
        resourceType: 2,
        resourceName: "none",
        configs: [{ name: "k", configOperation: 0, value: "v" }],
      },
    ],
    validateOnly: false,
  },
  listConfigResources: { resourceTypes: [2, 4, 16, 32] },
  describeCluster: { includeClusterAuthorizedOperations: true },
  describeTopicPartitions: {
    topics: [{ name: "none" }],
    cursor: { topicName: "a", partitionIndex: 1 },
  },
  describeLogDirs: { topics: [{ topic: "none", partitions: [0] }] },
  listPartitionReassignments: { topics: [{ name: "none", partitionIndexes: [0] }] },
};

test("the tables: every API has a request here, and versions that the messages have", () => {
  expect(Object.keys(strangers).sort()).toEqual([...names].sort());
  for (const name of names) {
    const { min, max } = served[name] ?? { min: -1, max: -1 };
    expect(apis[name].minVersion, name).toBe(min);
    expect(apis[name].maxVersion, name).toBeGreaterThanOrEqual(max);
  }
});

test("about strangers: every version answers, and nothing fails that nobody foresaw", async () => {
  const { engine } = await openTestEngine();
  await createTopic(engine, "orders");
  const { ask, unforeseen } = talkTo(engine.services);
  for (const { name, version } of calls) {
    const answer = await ask(name, version, strangers[name] as EncodableRequest<typeof name>);
    expect(answer, `${name} ${version}`).toBeTypeOf("object");
    expect(unforeseen, `${name} ${version}`).toEqual([]);
  }
});

test("with every field at its default: every version answers", async () => {
  const { engine } = await openTestEngine();
  await createTopic(engine, "orders");
  const { ask, unforeseen } = talkTo(engine.services);
  for (const { name, version } of calls) {
    const empty = defaultsOf(apis[name].request) as EncodableRequest<typeof name>;
    const answer = await ask(name, version, empty);
    expect(answer, `${name} ${version}`).toBeTypeOf("object");
    expect(unforeseen, `${name} ${version}`).toEqual([]);
  }
});
