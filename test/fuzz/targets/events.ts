// What state machines keep in their logs: events as JSON, read again at every start.
//
// An input is a log: events with 0x1e between them, in each the key, 0x1f and the value; no value, no 0x1f. JSON has
// neither byte. What is read is applied; the snapshot of what that built must build the same again.

import { CatalogMachine } from "../../../src/broker/catalog-machine.ts";
import type { StateMachine } from "../../../src/coordinator/state-machine.ts";
import { GroupMachine } from "../../../src/group/group-machine.ts";
import type { GroupLimits } from "../../../src/group/group-context.ts";
import { ShareMachine } from "../../../src/share/share-machine.ts";
import { TransactionMachine } from "../../../src/transaction/transaction-machine.ts";
import { type FuzzTarget, holds, sameBytes, Violation } from "../target.ts";

const recordEnd = 0x1e;
const keyEnd = 0x1f;

type Json = Readonly<Record<string, unknown>>;

function logOf(events: readonly (readonly [key: Json, value: Json | null])[]): Buffer {
  const texts = events.map(([key, value]) => {
    const about = JSON.stringify(key);
    return value === null ? about : `${about}\x1f${JSON.stringify(value)}`;
  });
  return Buffer.from(texts.join("\x1e"));
}

function encodedLength(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function snapshotOf<Event>(machine: StateMachine<Event>): Buffer {
  const parts: Uint8Array[] = [];
  for (const event of machine.snapshot()) {
    const { key, value } = machine.encode(event);
    parts.push(key, Buffer.from([keyEnd]), value ?? Buffer.from("-"), Buffer.from([recordEnd]));
  }
  return Buffer.concat(parts, encodedLength(parts));
}

// Decodes and applies; the number of events taken. Whatever is thrown by applying breaks the machine's promise.
function replay<Event>(machine: StateMachine<Event>, log: Uint8Array): number {
  let count = 0;
  for (let at = 0; at <= log.length && count < 64; ) {
    const found = log.indexOf(recordEnd, at);
    const end = found < 0 ? log.length : found;
    const cut = log.indexOf(keyEnd, at);
    const hasValue = cut >= 0 && cut < end;
    const key = log.subarray(at, hasValue ? cut : end);
    const event = machine.decode(key, hasValue ? log.subarray(cut + 1, end) : null);
    at = end + 1;
    if (event === null) continue;
    const once = machine.encode(event);
    const again = machine.decode(once.key, once.value);
    holds(again !== null, "an event that its own program does not know again");
    if (again === null) continue;
    const twice = machine.encode(again);
    sameBytes(once.key, twice.key, "another key the second time");
    sameBytes(once.value ?? empty, twice.value ?? empty, "another value the second time");
    apply(machine, event);
    count++;
  }
  return count;
}

const empty = new Uint8Array(0);

function apply<Event>(machine: StateMachine<Event>, event: Event): void {
  try {
    machine.apply(event, 1_700_000_000_000);
  } catch (error) {
    throw new Violation(`applying threw ${String(error)}`);
  }
}

function runMachine<Event>(
  make: () => StateMachine<Event>,
  input: Uint8Array,
  isExact: boolean,
): number {
  const machine = make();
  const count = replay(machine, input);
  if (count === 0) return 0;
  const snapshot = snapshotOf(machine);
  const other = make();
  for (const event of machine.snapshot()) apply(other, event);
  if (isExact) sameBytes(snapshot, snapshotOf(other), "a snapshot that builds another state");
  machine.clear();
  return Math.min(count, 4);
}

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
  run: (input) => runMachine(() => new GroupMachine(groupOptions), input, false),
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
  run: (input) => runMachine(() => new TransactionMachine(), input, true),
};

const counts = { delivered: 1, acked: 2, nacked: 3, lapsed: 4, expired: 5, dead: 6, dropped: 7 };

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
  run: (input) => runMachine(() => new ShareMachine(), input, true),
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
  run: (input) => runMachine(() => new CatalogMachine(), input, true),
};
