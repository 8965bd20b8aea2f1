// Work queues of one simulation: messages that wait, workers that answer well, badly or never, and share consumers.

import type { Random } from "../../src/base/random.ts";
import type {
  AcknowledgeType,
  QueueSettings,
  ReceivedRange,
  Services,
  SettleAnswer,
} from "../../src/services.ts";
import { messageHeaders } from "../../src/services.ts";
import { type ReadRecord, recordsOf } from "../support/batches.ts";
import { type Content, contentText, type SeenDelivery } from "./history.ts";
import { Contents, oneOf, type Place, send } from "./record-clients.ts";
import type { World } from "./world.ts";

/** What of a queue matters to its clients. */
export interface SimQueue {
  readonly name: string;
  readonly topic: string;
  readonly deadTopic: string;
  readonly partitions: number;
  readonly settings: Partial<QueueSettings>;
  readonly leaseMs: number;
}

type Message = SeenDelivery & { readonly content: string; readonly epoch: number };

/** Sends messages, some of them for later. */
export async function messageProducer(world: World, random: Random, queue: SimQueue) {
  const contents = new Contents(world, random, "m");
  while (!world.isEnding) {
    await world.sleep(random.below(200));
    const place: Place = { topic: queue.topic, partition: random.below(queue.partitions) };
    if (random.below(4) === 0) {
      await sendOnce(world, random, { queue, place, contents });
      continue;
    }
    const answer = await send(world, {
      place,
      mode: "plain",
      contents: contents.few(3, (dice) => wishes(world, dice)),
      producer: null,
      transaction: null,
      acks: -1,
      codec: "none",
    });
    if (answer.kind === "ok") world.coverage.hit("state message queued");
  }
}

function wishes(world: World, dice: Random): Content["headers"] {
  const headers: [string, string][] = [];
  if (dice.below(5) === 0) {
    headers.push([messageHeaders.deliverAt, String(world.nowMs + dice.below(1500))]);
  }
  if (dice.below(6) === 0) headers.push([messageHeaders.priority, String(dice.below(10))]);
  if (dice.below(8) === 0) {
    headers.push([messageHeaders.expiresAt, String(world.nowMs + dice.below(3000))]);
  }
  return headers;
}

// A message with an id, sent until it is answered.
async function sendOnce(
  world: World,
  random: Random,
  {
    queue,
    place,
    contents,
  }: { readonly queue: SimQueue; readonly place: Place; readonly contents: Contents },
): Promise<void> {
  const [content] = contents.few(1);
  if (content === undefined) return;
  const id = content.value ?? "";
  const parcel = {
    place,
    mode: "idempotent",
    contents: [{ ...content, headers: [[messageHeaders.dedupId, id] as const] }],
    producer: null,
    transaction: null,
    acks: -1,
    codec: "none",
    admittedTo: { queue: queue.name, id },
  } as const;
  for (let tries = 0; tries < 50 && !world.isEnding; tries++) {
    const answer = await send(world, parcel);
    // One that got its answer may still be sent again by somebody who did not hear it.
    if (answer.kind === "ok" && random.below(3) > 0) return;
    await world.sleep(10 + random.below(150));
  }
}

/** Receives, and answers each message in one way or another. */
export async function worker(world: World, random: Random, queue: SimQueue): Promise<void> {
  const late: Message[] = [];
  while (!world.isEnding) {
    await world.sleep(random.below(100));
    const max = oneOf(random, [1, 3, 20]);
    const waitMs = oneOf(random, [0, 0, 200]);
    const messages = (await receive(world, queue, { max, waitMs })) ?? [];
    await world.sleep(random.below(oneOf(random, [10, 10, queue.leaseMs * 2])));
    const now = messages.filter(() => random.below(6) > 0);
    late.push(...messages.filter((message) => !now.includes(message)));
    if (late.length > 0 && random.below(4) === 0) now.push(late.shift() as Message);
    const verdicts = now.map((message) => verdict(random, message));
    if (verdicts.length > 0) await settle(world, queue, verdicts);
  }
}

/** Receives and acknowledges until nothing is left; false when that does not come to an end. */
export async function drain(world: World, queue: SimQueue): Promise<boolean> {
  for (let round = 0; round < 300; round++) {
    const messages = (await receive(world, queue, { max: 100, waitMs: 500 })) ?? [];
    if (messages.length > 0) {
      await settle(
        world,
        queue,
        messages.map((message) => ({ message, kind: "ack", waitMs: 0 })),
      );
      continue;
    }
    const answer = await world.call("describe queue", ({ queues }) => queues.describe(queue.name));
    if (answer.kind === "ok" && answer.value.counts.depth === 0) {
      if (answer.value.counts.expired > 0) world.coverage.hit("state message expired");
      return true;
    }
    await world.sleep(200);
  }
  return false;
}

interface Verdict {
  readonly message: Message;
  readonly kind: "ack" | "nack" | "reject" | "extend";
  readonly waitMs: number;
}

function verdict(random: Random, message: Message): Verdict {
  const dice = random.below(10);
  if (dice < 6) return { message, kind: "ack", waitMs: 0 };
  if (dice < 8) return { message, kind: "nack", waitMs: oneOf(random, [0, 300]) };
  if (dice < 9) return { message, kind: "reject", waitMs: 0 };
  return { message, kind: "extend", waitMs: 200 + random.below(2000) };
}

async function receive(
  world: World,
  queue: SimQueue,
  how: { readonly max: number; readonly waitMs: number },
): Promise<readonly Message[] | null> {
  const op = world.nextOp();
  world.tell({ type: "receive", op, queue: queue.name });
  const answer = await world.call("receive", async ({ queues }, signal) => {
    const request = { queue: queue.name, maxBytes: 1 << 20, leaseMs: null, signal, ...how };
    const result = await queues.receive(request);
    try {
      return result.ranges.flatMap(messagesOf);
    } finally {
      result.release();
    }
  });
  if (answer.kind !== "ok") {
    world.tell({ type: "unanswered", op, code: answer.kind === "error" ? answer.code : null });
    return null;
  }
  const messages = answer.value;
  world.tell({ type: "received", op, leaseMs: queue.leaseMs, messages });
  if (messages.some(({ deliveries }) => deliveries > 1))
    world.coverage.hit("state delivered again");
  return messages;
}

function messagesOf(range: ReceivedRange): Message[] {
  const { partition, deliveries, epoch, firstOffset, lastOffset } = range;
  return recordsOf(range.batches)
    .filter(({ offset }) => offset >= firstOffset && offset <= lastOffset)
    .map((record) => ({
      partition,
      offset: record.offset,
      deliveries,
      epoch,
      content: contentOfRecord(record),
    }));
}

function contentOfRecord({ value, key, timestampMs, headers }: ReadRecord): string {
  const pairs = headers.map((each) => [each.key, each.value] as const);
  return contentText({ value: value ?? "", key, timestampMs, headers: pairs });
}

async function settle(world: World, queue: SimQueue, verdicts: readonly Verdict[]): Promise<void> {
  const op = world.nextOp();
  const answers = verdicts.map(({ message, kind, waitMs }) => {
    const { partition, offset, deliveries } = message;
    return { partition, offset, deliveries, kind, waitMs };
  });
  world.tell({ type: "settle", op, queue: queue.name, answers });
  for (const { kind } of verdicts) world.coverage.hit(`call settle ${kind}`);
  const answer = await world.call("settle", ({ queues }) =>
    queues.settle(queue.name, verdicts.map(answerOf)),
  );
  if (answer.kind !== "ok") {
    world.tell({ type: "unanswered", op, code: answer.kind === "error" ? answer.code : null });
    return;
  }
  const isHeld = answer.value.map((error) => error === null);
  for (const error of answer.value) if (error !== null) world.coverage.hit(`error ${error}`);
  world.tell({ type: "settled", op, isHeld });
}

function answerOf({ message, kind, waitMs }: Verdict): SettleAnswer {
  const { partition, offset, deliveries, epoch } = message;
  const receipt = { partition, offset, deliveries, epoch };
  switch (kind) {
    case "ack":
      return { kind, receipt };
    case "nack":
      return { kind, receipt, delayMs: waitMs, reason: "not now" };
    case "reject":
      return { kind, receipt, reason: "never" };
    case "extend":
      return { kind, receipt, leaseMs: waitMs };
  }
}

/** A share group's consumer: acquires records of a topic and answers each. */
export async function shareConsumer(
  world: World,
  random: Random,
  options: { readonly group: string; readonly places: readonly Place[]; readonly memberId: string },
): Promise<void> {
  const { group, places, memberId } = options;
  let memberEpoch = 0;
  const topics = [...new Set(places.map(({ topic }) => topic))];
  while (!world.isEnding) {
    await world.sleep(random.below(200));
    const epoch = memberEpoch;
    const joined = await world.call("share heartbeat", ({ shares }) =>
      shares.heartbeat({
        group,
        memberId,
        memberEpoch: epoch,
        rackId: null,
        subscribedTopics: epoch === 0 ? topics : null,
        clientId: "simulation",
        clientHost: "",
      }),
    );
    if (joined.kind === "error") memberEpoch = 0;
    if (joined.kind !== "ok") continue;
    ({ memberEpoch } = joined.value);
    await acquire(world, random, options);
  }
}

async function acquire(
  world: World,
  random: Random,
  options: { readonly group: string; readonly places: readonly Place[]; readonly memberId: string },
): Promise<void> {
  const { group, memberId } = options;
  const { topic, partition } = oneOf(random, options.places);
  const place = { topic, partition };
  const queue = `${group} ${topic}`;
  const op = world.nextOp();
  world.tell({ type: "receive", op, queue });
  const maxWaitMs = oneOf(random, [0, 200]);
  const answer = await world.call("share acquire", async ({ shares }: Services, signal) => {
    const request = { group, memberId, partitions: [place], maxRecords: 20, maxBytes: 1 << 20 };
    const result = await shares.acquire({ ...request, maxWaitMs, signal });
    try {
      const records = result.partitions.flatMap(({ batches }) => batches.flatMap(recordsOf));
      return { lockMs: result.lockMs, ranges: result.partitions[0]?.acquired ?? [], records };
    } finally {
      result.release();
    }
  });
  if (answer.kind !== "ok") {
    world.tell({ type: "unanswered", op, code: answer.kind === "error" ? answer.code : null });
    return;
  }
  const { lockMs, ranges, records } = answer.value;
  const messages = ranges.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
    records
      .filter(({ offset }) => offset >= firstOffset && offset <= lastOffset)
      .map((record) => {
        const { offset } = record;
        return { partition, offset, deliveries: deliveryCount, content: contentOfRecord(record) };
      }),
  );
  world.tell({ type: "received", op, leaseMs: lockMs, messages });
  if (messages.length === 0) return;
  await world.sleep(random.below(300));
  const types = messages.map(() => oneOf<AcknowledgeType>(random, ["accept", "accept", "release"]));
  const settleOp = world.nextOp();
  const kinds = { accept: "ack", release: "nack" } as const;
  const answers = messages.map(({ offset, deliveries }, index) => {
    const kind = kinds[types[index] as "accept" | "release"];
    return { partition, offset, deliveries, kind, waitMs: 0 };
  });
  world.tell({ type: "settle", op: settleOp, queue, answers });
  const batches = messages.map(({ offset }, index) => {
    return { firstOffset: offset, lastOffset: offset, types: [types[index] as AcknowledgeType] };
  });
  const acknowledged = await world.call("share acknowledge", ({ shares }) =>
    shares.acknowledge(group, memberId, [{ ...place, batches }]),
  );
  const [result] = acknowledged.kind === "ok" ? acknowledged.value : [];
  // A partition's acknowledgements are refused whole, perhaps for one of them or for no fault of theirs.
  if (result === undefined || result.error !== null) {
    world.tell({ type: "unanswered", op: settleOp, code: result?.error ?? null });
  } else world.tell({ type: "settled", op: settleOp, isHeld: answers.map(() => true) });
}
