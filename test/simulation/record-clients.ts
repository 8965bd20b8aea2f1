// Producers and readers of one simulation.

import type { Random } from "../../src/base/random.ts";
import type { CodecName } from "../../src/record/compression.ts";
import type {
  DataServices,
  IsolationLevel,
  ProducePartitionResult,
  ProducerIdentity,
  Services,
} from "../../src/services.ts";
import { batchOf } from "../support/batches.ts";
import { openFetched } from "./fetched.ts";
import { type Content, contentText, type SendMode } from "./history.ts";
import type { Answer, World } from "./world.ts";

/** A partition of a topic. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  /** Tells topics of one name apart; the name itself when absent. */
  readonly alias?: string;
  /** Every record has a key, of which the latest is kept. */
  readonly isCompacted?: boolean;
}

/** `topic/partition`. */
export function placeText({ topic, partition, alias }: Place): string {
  return `${alias ?? topic}/${partition}`;
}

/** Records that nobody else sends. */
export class Contents {
  readonly #world: World;
  readonly #random: Random;
  readonly #name: string;
  #count = 0;

  constructor(world: World, random: Random, name: string) {
    this.#world = world;
    this.#random = random;
    this.#name = name;
  }

  /** A few new ones. */
  few(most: number, headers: (random: Random) => Content["headers"] = () => []): Content[] {
    return Array.from({ length: 1 + this.#random.below(most) }, () => {
      const size = this.#random.below(this.#random.below(8) === 0 ? 700 : 40);
      const key = this.#random.below(3) === 0 ? null : `k${this.#random.below(3)}`;
      return {
        value: `${this.#name}-${this.#count++}-${"x".repeat(size)}`,
        key,
        timestampMs: Math.max(1, this.#world.nowMs - this.#random.below(2000)),
        headers: headers(this.#random),
      };
    });
  }
}

/** The same for a topic where each record has a key; some delete it. */
export function keyed(place: Place, contents: readonly Content[]): readonly Content[] {
  if (place.isCompacted !== true) return contents;
  return contents.map((content) => {
    const key = content.key ?? "k9";
    // Deletions say nothing, so a header tells them apart.
    const isDeletion = content.key === null && content.value?.endsWith("xx") === true;
    const headers = isDeletion ? ([["was", content.value]] as const) : content.headers;
    return { ...content, key, headers, value: isDeletion ? null : content.value };
  });
}

/** One batch of one producer, to be sent once or again. */
export interface Parcel {
  readonly place: Place;
  readonly mode: SendMode;
  readonly contents: readonly Content[];
  readonly producer: (ProducerIdentity & { readonly baseSequence: number }) | null;
  readonly transaction: { readonly id: string; readonly name: string } | null;
  readonly acks: 1 | -1;
  readonly codec: CodecName;
  /** Given: a message with a dedup id, which its queue is asked about first. */
  readonly admittedTo?: { readonly queue: string; readonly id: string };
}

/** Sends a parcel once and tells what came of it; the base offset, or why there is none. */
export async function send(world: World, parcel: Parcel): Promise<Answer<number>> {
  const { place, mode, contents, transaction, acks, admittedTo } = parcel;
  const op = world.nextOp();
  const texts = contents.map(contentText);
  world.tell({
    type: "send",
    op,
    place: placeText(place),
    mode,
    transaction: transaction?.name ?? null,
    durable: acks === -1,
    contents: texts,
  });
  const answer = await world.call(`produce ${mode}`, ({ data, queues }) =>
    admittedTo === undefined
      ? produce(data, parcel)
      : produceAdmitted({ data, queues }, parcel, admittedTo),
  );
  const ended = placed(world, answer, admittedTo !== undefined);
  if (ended.kind === "ok") world.tell({ type: "sent", op, baseOffset: ended.value });
  else world.tell({ type: "unanswered", op, code: ended.kind === "error" ? ended.code : null });
  return ended;
}

type Produced = Pick<ProducePartitionResult, "error" | "detail" | "baseOffset" | "isDuplicate">;

async function produce(data: DataServices, parcel: Parcel): Promise<Produced> {
  const { place, contents, producer, transaction, acks, codec } = parcel;
  const records = contents.map(({ value, key, timestampMs, headers }) => {
    return { value, key, timestampMs, headers: headers.map(([k, v]) => ({ key: k, value: v })) };
  });
  const batch = batchOf(records, {
    codec,
    isTransactional: transaction !== null,
    ...(producer === null ? {} : { producer }),
  });
  const { topic, partition } = place;
  const [result] = await data.produce({
    acks,
    transactionalId: transaction?.id ?? null,
    partitions: [{ topic, partition, batches: [batch], expectedEndOffset: null }],
  });
  if (result === undefined) throw new Error("a produce without an answer");
  return result;
}

// As a door sends a message: its queue is asked whether there is room and whether the id is new.
async function produceAdmitted(
  { data, queues }: Pick<Services, "data" | "queues">,
  parcel: Parcel,
  { queue, id }: { readonly queue: string; readonly id: string },
): Promise<Produced> {
  const records = parcel.contents.length;
  const admission = await queues.admit({ queue, records, bytes: 100, dedupIds: [id] });
  const known = admission.known[0] ?? null;
  if (known !== null) {
    admission.sent([]);
    return { error: null, detail: null, baseOffset: known.offset, isDuplicate: true };
  }
  let places: Parameters<typeof admission.sent>[0] | null = null;
  try {
    const result = await produce(data, parcel);
    const { partition } = parcel.place;
    if (result.error === null) places = [{ partition, offset: result.baseOffset }];
    return result;
  } finally {
    if (places === null) admission.failed();
    else admission.sent(places);
  }
}

function placed(world: World, answer: Answer<Produced>, isMessage: boolean): Answer<number> {
  if (answer.kind !== "ok") return answer;
  const { error, baseOffset, isDuplicate, detail } = answer.value;
  if (isDuplicate)
    world.coverage.hit(`state ${isMessage ? "dedup id known" : "duplicate recognised"}`);
  if (error === null) return { kind: "ok", value: baseOffset };
  world.coverage.hit(`error ${error}`);
  return {
    kind: "error",
    code: error,
    error: Object.assign(new Error(detail ?? ""), { code: error }) as never,
  };
}

const codecs: readonly CodecName[] = ["snappy", "lz4", "gzip", "zstd"];

/** A codec, most often none. */
export function someCodec(random: Random): CodecName {
  return random.below(25) === 0 ? oneOf(random, codecs) : "none";
}

/** Sends single requests and, where the answer is lost, perhaps once more. */
export async function plainProducer(world: World, random: Random, places: readonly Place[]) {
  const contents = new Contents(world, random, `p${random.below(1000)}`);
  while (!world.isEnding) {
    await world.sleep(random.below(120));
    const place = oneOf(random, places);
    const acks = random.below(6) === 0 ? 1 : -1;
    const codec = someCodec(random);
    const parcel = { place, mode: "plain", producer: null, transaction: null } as const;
    const whole: Parcel = { ...parcel, contents: keyed(place, contents.few(4)), acks, codec };
    const answer = await send(world, whole);
    if (answer.kind === "lost" && random.below(2) === 0) await send(world, whole);
  }
}

/** Sends each batch until it is answered, in order, each at most once in the log. */
export async function idempotentProducer(world: World, random: Random, places: readonly Place[]) {
  const contents = new Contents(world, random, `i${random.below(1000)}`);
  let identity: ProducerIdentity | null = null;
  const sequences = new Map<string, number>();
  while (!world.isEnding) {
    await world.sleep(random.below(100));
    identity ??= await newIdentity(world);
    if (identity === null) continue;
    const place = oneOf(random, places);
    const batch = keyed(place, contents.few(4));
    const baseSequence = sequences.get(placeText(place)) ?? 0;
    const parcel: Parcel = {
      place,
      mode: "idempotent",
      contents: batch,
      producer: { ...identity, baseSequence },
      transaction: null,
      acks: -1,
      codec: someCodec(random),
    };
    let answer = await send(world, parcel);
    for (let tries = 0; answer.kind !== "ok" && tries < 200; tries++) {
      await world.sleep(10 + random.below(150));
      answer = await send(world, parcel);
    }
    if (answer.kind !== "ok") return;
    sequences.set(placeText(place), baseSequence + batch.length);
  }
}

/** A producer id without a transactional id; null when none was answered. */
export async function newIdentity(world: World): Promise<ProducerIdentity | null> {
  const answer = await world.call("initProducerId", ({ transactions }) =>
    transactions.initProducerId({
      transactionalId: null,
      transactionTimeoutMs: 0,
      producerId: -1,
      producerEpoch: -1,
    }),
  );
  return answer.kind === "ok" ? answer.value : null;
}

/** How to read. */
export interface ReadOptions {
  readonly isolation: IsolationLevel;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}

/** Reads once and tells; where to go on, or why there is no answer. */
export async function read(
  world: World,
  place: Place,
  options: ReadOptions & { readonly from: number },
): Promise<
  Answer<{ readonly end: number; readonly logStart: number; readonly stableEnd: number }>
> {
  const { from, isolation, maxBytes, maxWaitMs } = options;
  const op = world.nextOp();
  const committedOnly = isolation === "read_committed";
  world.tell({ type: "ask", op, place: placeText(place), committedOnly, from });
  const answer = await world.call(`fetch ${isolation}`, async ({ data }, signal) => {
    const reply = await data.fetch({
      maxWaitMs,
      minBytes: maxWaitMs === 0 ? 0 : 1,
      maxBytes,
      isolation,
      partitions: [{ ...place, fetchOffset: from, maxBytes }],
      signal,
    });
    try {
      const [part] = reply.partitions;
      if (part === undefined) throw new Error("a fetch without an answer");
      const { error, highWatermark, logStartOffset, lastStableOffset } = part;
      const fetched = error === null ? openFetched(part, from, place.isCompacted) : null;
      return {
        error,
        highWatermark,
        logStart: logStartOffset,
        stableEnd: lastStableOffset,
        fetched,
      };
    } finally {
      reply.release();
    }
  });
  if (answer.kind !== "ok") {
    world.tell({ type: "unanswered", op, code: answer.kind === "error" ? answer.code : null });
    return answer;
  }
  const { error, fetched, highWatermark, logStart, stableEnd } = answer.value;
  if (fetched === null) {
    world.coverage.hit(`error ${error}`);
    world.tell({ type: "unanswered", op, code: error });
    return { kind: "error", code: error ?? "", error: new Error() as never };
  }
  const { records, end, problem } = fetched;
  if (problem !== null) world.broken(`a fetch of ${placeText(place)} from ${from}: ${problem}`);
  world.tell({ type: "read", op, records, end, logStart, stableEnd, highWatermark });
  if (place.topic.endsWith(".dead") && records.length > 0) world.coverage.hit("state dead letter");
  if (stableEnd < highWatermark) world.coverage.hit("state open transaction holds readers back");
  return { kind: "ok", value: { end, logStart, stableEnd } };
}

/** Follows the ends of partitions, goes back at times, and asks for offsets by time. */
export async function reader(world: World, random: Random, places: readonly Place[]) {
  const positions = new Map<string, number>();
  while (!world.isEnding) {
    await world.sleep(random.below(150));
    const place = oneOf(random, places);
    const name = placeText(place);
    const isolation = random.below(2) === 0 ? "read_committed" : "read_uncommitted";
    const known = positions.get(name) ?? 0;
    const from = random.below(5) === 0 ? random.below(known + 1) : known;
    const maxBytes = oneOf(random, [1, 300, 2000, 1 << 20]);
    const maxWaitMs = oneOf(random, [0, 0, 100, 1000]);
    const answer = await read(world, place, { from, isolation, maxBytes, maxWaitMs });
    if (answer.kind === "ok" && answer.value.end > known) positions.set(name, answer.value.end);
    if (answer.kind === "error" && answer.code.startsWith("OFFSET_")) {
      positions.set(name, (await endsOf(world, place))?.start ?? 0);
    }
    if (random.below(6) === 0) await askTime(world, place, world.nowMs - random.below(20_000));
  }
}

/** Where a partition begins and ends; null when nobody says. */
export async function endsOf(
  world: World,
  place: Place,
): Promise<{ readonly start: number; readonly end: number } | null> {
  const answer = await world.call("listOffsets", ({ data }) =>
    data.listOffsets([
      { ...place, timestampMs: -2 },
      { ...place, timestampMs: -1 },
    ]),
  );
  if (answer.kind !== "ok") return null;
  const [start, end] = answer.value;
  if (start === undefined || end === undefined) return null;
  return start.error === null && end.error === null
    ? { start: start.offset, end: end.offset }
    : null;
}

/** Searches by time once. */
export async function askTime(world: World, place: Place, time: number): Promise<void> {
  const op = world.nextOp();
  world.tell({ type: "ask-time", op, place: placeText(place), time });
  const answer = await world.call("listOffsets by time", ({ data }) =>
    data.listOffsets([{ ...place, timestampMs: time }]),
  );
  const [found] = answer.kind === "ok" ? answer.value : [];
  if (found === undefined || found.error !== null) {
    world.tell({ type: "unanswered", op, code: found?.error ?? null });
  } else world.tell({ type: "told-time", op, offset: found.offset });
}

/** All of a partition, from its start to its end; false when that could not be had. */
export async function readAll(
  world: World,
  place: Place,
  isolation: IsolationLevel,
): Promise<boolean> {
  for (let tries = 0, from = -1; tries < 400; tries++) {
    if (from < 0) {
      from = (await endsOf(world, place))?.start ?? -1;
      if (from < 0) await world.sleep(100);
      continue;
    }
    const options = { from, isolation, maxBytes: 1 << 20, maxWaitMs: 0 };
    const answer = await read(world, place, options);
    if (answer.kind !== "ok") from = answer.kind === "error" ? -1 : from;
    else if (answer.value.end === from) return true;
    else from = answer.value.end;
  }
  return false;
}

/** One of them. */
export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)] as Item;
}
