// What state machines keep in their logs: events as JSON, read again at every start.

import { CatalogMachine } from "../../../src/broker/catalog-machine.ts";
import { GroupMachine } from "../../../src/group/group-machine.ts";
import type { GroupLimits } from "../../../src/group/group-context.ts";
import type { ShareEvent } from "../../../src/share/share-events.ts";
import { ShareMachine } from "../../../src/share/share-machine.ts";
import { TransactionMachine } from "../../../src/transaction/transaction-machine.ts";
import type { FuzzTarget } from "../target.ts";
import { alone, logOf, runMachine } from "./event-logs.ts";

const words = [
  "null",
  "true",
  "-1",
  "0",
  "1",
  "9007199254740991",
  "9007199254740993",
  "1e300",
  "0.5",
  "[]",
  "{}",
  '""',
  '"__proto__"',
  '"constructor"',
  '"kind"',
  '"version":1',
  '"version":2',
  '"group"',
  '"topic"',
  '"partition"',
  '"member"',
  "\x1e",
  "\x1f",
  "\\ud800",
  '"\\u0000"',
  ",",
  ":",
  '{"kind":"group","group":"g"}',
];

const bound = {
  text: "128 KiB and 200 bytes a byte: objects of the JSON, and of what it is copied to",
  bytes: (length: number) => 131_072 + 200 * length,
};

const limits = { groupCountMax: 1000, offsetsRetentionMs: 1000, metadataBytesMax: 100 };
const groupOptions = {
  topics: () => ({ topicId: "id", partitionCount: 4 }),
  topicNames: () => ["t", "orders"],
  limits: limits as unknown as GroupLimits,
};
const id = "00000000-0000-4000-8000-000000000001";
const place = { group: "g", topic: "t", partition: 3 };
const committed = { version: 1, offset: 7, metadata: "m", committedAtMs: 5, topicId: id };
const classicMember = {
  memberId: "m-1",
  instanceId: null,
  clientId: "c",
  clientHost: "h",
  sessionTimeoutMs: 10,
  rebalanceTimeoutMs: 10,
  protocols: [{ name: "range", metadata: "AAEAAAABAAF0AAAAAA==" }],
  assignment: "AAEAAAABAAF0AAAAAQAAAAAAAAAA",
};
const member = {
  version: 1,
  memberEpoch: 2,
  previousEpoch: 1,
  clientId: "c",
  clientHost: "h",
  instanceId: null,
  subscribedTopicRegex: "o.*",
  subscribedTopics: ["t"],
  assignor: "uniform",
  sessionTimeoutMs: 9,
  rebalanceTimeoutMs: 9,
  assigned: [{ topic: "t", partitions: [0, 1] }],
  revoking: [],
};
const header = { version: 1, epoch: 2, assignmentEpoch: 2, topicsDigest: "d", emptySinceMs: null };

/** Consumer groups of both protocols. */
export const groupEvents: FuzzTarget = {
  name: "group-events",
  bound,
  refusals: ["KAFKA_STORAGE_ERROR"],
  isJson: true,
  words,
  usualBytesMax: 1024,
  samples: () => [
    logOf([
      [{ kind: "group", group: "g" }, header],
      [{ kind: "member", group: "g", member: "a" }, member],
    ]),
    logOf([
      [
        { kind: "target", group: "g", member: "a" },
        { version: 1, partitions: member.assigned },
      ],
    ]),
    logOf([
      [
        { kind: "offset", ...place },
        { ...committed, leaderEpoch: 4 },
      ],
      [{ kind: "offset", ...place }, null],
    ]),
    logOf([
      [
        { kind: "pending", ...place, producerId: 4 },
        { ...committed, producerEpoch: 1, sequence: 1 },
      ],
      [{ kind: "pending", ...place, producerId: 4 }, null],
    ]),
    logOf([
      [
        { kind: "classic", group: "c" },
        {
          version: 1,
          generationId: 1,
          protocolType: "consumer",
          protocolName: "range",
          leaderId: "m-1",
          members: [classicMember],
          isAssigned: true,
          emptySinceMs: null,
        },
      ],
      [{ kind: "classic", group: "c" }, null],
    ]),
    logOf([
      [{ kind: "topic", topic: "t", topicId: id }, null],
      [{ kind: "group", group: "g" }, null],
    ]),
  ],
  run: (input) => runMachine({ make: () => new GroupMachine(groupOptions), parts: null }, input),
};

/** Transactions and producer ids. */
export const transactionEvents: FuzzTarget = {
  name: "transaction-events",
  bound,
  refusals: ["KAFKA_STORAGE_ERROR"],
  isJson: true,
  words,
  samples: () => [
    logOf([
      [{ kind: "producerIds" }, { version: 1, reservedTo: 1000 }],
      [
        { kind: "transaction", transactionalId: "t" },
        {
          version: 1,
          producerId: 1,
          producerEpoch: 0,
          previous: null,
          timeoutMs: 60_000,
          state: "Ongoing",
          startedAtMs: 5,
          updatedAtMs: 6,
          partitions: [{ topic: "t", partitions: [0, 2] }],
          groups: ["g"],
        },
      ],
    ]),
    logOf([
      [
        { kind: "transaction", transactionalId: "u" },
        {
          version: 1,
          producerId: 2,
          producerEpoch: 3,
          previous: { producerId: 1, producerEpoch: 9 },
          timeoutMs: 1,
          state: "PrepareAbort",
          startedAtMs: -1,
          updatedAtMs: 6,
          partitions: [],
          groups: [],
        },
      ],
      [{ kind: "transaction", transactionalId: "u" }, null],
    ]),
  ],
  run: (input) => runMachine({ make: () => new TransactionMachine(), parts: alone }, input),
};

const counts = { delivered: 1, acked: 2, nacked: 3, lapsed: 4, expired: 5, dead: 6, dropped: 7 };

// Which runs share an event, and in what order they come, is no part of the state.
function shareParts(event: ShareEvent): readonly ShareEvent[] {
  if (event.kind !== "runs") return [event];
  const { group, topic, partition, runs } = event;
  return runs.map((run) => ({ kind: "run", group, topic, partition, ...run }));
}

/** Share groups and queues. */
export const shareEvents: FuzzTarget = {
  name: "share-events",
  bound,
  refusals: ["KAFKA_STORAGE_ERROR"],
  isJson: true,
  words: [...words, '"settings":{}', '"first":0', '"last":2047', '"phase":"leased"', '"dueMs":5'],
  usualBytesMax: 1024,
  samples: () => [
    logOf([
      [
        { kind: "partition", ...place },
        { version: 1, topicId: id, epoch: 1, frontier: 70, counts },
      ],
      [
        { kind: "runs", ...place, first: 3 },
        {
          version: 1,
          fates: [{}, { phase: "leased", deliveries: 2, owner: "m" }],
          runs: [
            [0, 2, 0, 61, 9],
            [4, 2, 1, 61, 9, 99, 5],
            [0, 1],
          ],
        },
      ],
    ]),
    logOf([
      [
        { kind: "group", group: "g" },
        {
          version: 1,
          settings: {
            topic: "t",
            leaseMs: 5,
            maxDeliveries: 3,
            maxDepth: null,
            order: "key",
            backoff: { type: "fixed", baseMs: 1, maxMs: 1, jitter: 0 },
          },
        },
      ],
      [
        { kind: "partition", ...place },
        { version: 1, topicId: id, epoch: 1, frontier: 9, counts },
      ],
      [
        { kind: "run", ...place, first: 2, last: 5 },
        { version: 1, bytes: 10 },
      ],
      [
        { kind: "run", ...place, first: 4, last: 6 },
        {
          version: 1,
          bytes: 2.5,
          phase: "leased",
          deliveries: 2,
          dueMs: 9,
          owner: "m",
          keyHash: 5,
          priority: 4,
          expiresAtMs: 99,
          reason: "r",
        },
      ],
    ]),
    logOf([
      [
        { kind: "partition", ...place },
        { version: 1, topicId: id, epoch: 1, frontier: 3000, counts },
      ],
      [
        { kind: "run", ...place, first: 1000, last: 1030 },
        { version: 1, bytes: 1, phase: "leaving" },
      ],
      [{ kind: "run", ...place, first: 1020, last: 1025 }, null],
      [
        { kind: "move", ...place },
        {
          version: 1,
          topic: "d",
          partition: 0,
          producerId: 4,
          producerEpoch: 0,
          baseSequence: 1,
          offsets: [1001, 1003],
          atMs: 5,
        },
      ],
    ]),
    logOf([
      [{ kind: "group", group: "g" }, null],
      [{ kind: "partition", ...place }, null],
      [{ kind: "move", ...place }, null],
    ]),
  ],
  run: (input) => runMachine({ make: () => new ShareMachine(), parts: shareParts }, input),
};

/** Topics. */
export const catalogEvents: FuzzTarget = {
  name: "catalog-events",
  bound,
  refusals: ["KAFKA_STORAGE_ERROR"],
  isJson: true,
  words: [...words, '"configs":{}', '"state":"live"', '"partitionCount":1'],
  samples: () => [
    logOf([
      [
        { kind: "topic", topicId: id },
        {
          version: 1,
          name: "t",
          partitionCount: 4,
          configs: { "retention.ms": "5" },
          state: "live",
        },
      ],
      [
        { kind: "topic", topicId: "other" },
        { version: 1, name: "u", partitionCount: 1, configs: {}, state: "deleting" },
      ],
      [{ kind: "topic", topicId: id }, null],
    ]),
  ],
  run: (input) => runMachine({ make: () => new CatalogMachine(), parts: alone }, input),
};
