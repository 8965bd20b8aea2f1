// One produce request: its options, when it may be sent again, and its answer.

import { invalidArgument } from "./errors.ts";
import type { HttpTransport, Resend } from "./http-transport.ts";
import { encodeBody } from "./message-pack.ts";
import { checkRecord, type RecordInput, type RecordPlace, toWire } from "./records.ts";
import { topicPath } from "./topics-client.ts";

/** When the server answers: `all` on the disk, 1 written, 0 at once. */
export type Acks = 0 | 1 | "all";

/** Who a producer is to the server. */
export interface ProducerIdentity {
  readonly producerId: number;
  /** A higher one shuts out the ones below. */
  readonly producerEpoch: number;
}

/** Where the records of a request stand among those that the producer sends to the partition. */
export interface ProducerSequence extends ProducerIdentity {
  /** Of the first record: how many the producer sent to the partition before, in this epoch. */
  readonly sequence: number;
}

/** Gets an identity of its own from the server. */
export async function initProducerId(transport: HttpTransport): Promise<ProducerIdentity> {
  // Asked twice the server gives two; one is then never used.
  const reply = await transport.call({ method: "POST", path: "/v1/producers", resend: "always" });
  return reply.body as ProducerIdentity;
}

/** A produce of records to one topic. */
export interface ProduceRequest {
  readonly topic: string;
  readonly records: readonly RecordInput[];
  /** Default `all`. */
  readonly acks?: Acks;
  /** The partition of all records; otherwise by key, or one of the server's choice. */
  readonly partition?: number;
  /** Appends only when the partition's log end offset is exactly this, else OFFSET_MISMATCH. Needs one partition. */
  readonly ifOffsetMatch?: number;
  /**
   * Sends again also when the outcome of an attempt is unknown: the records may then be stored twice. Default false.
   * With `ifOffsetMatch` a second attempt is harmless and always made; when it ends in OFFSET_MISMATCH with
   * `mayHaveApplied`, the first may have been the one that moved the end.
   */
  readonly retryUnknown?: boolean;
  /**
   * Makes the request idempotent: sent again, the server stores it once and answers with the first offsets. Needs
   * `partition` and acks `all` or 1, and fits one batch of the topic (MESSAGE_TOO_LARGE).
   */
  readonly producer?: ProducerSequence;
  /** Where sending again is safe: goes on for this long, in milliseconds, however often it takes. Default 0. */
  readonly retryForMs?: number;
  readonly signal?: AbortSignal | null;
}

/** What a produce came to. */
export interface ProduceResult {
  /** One place a record, in request order; empty with acks 0. */
  readonly results: readonly RecordPlace[];
  /** `fsync` on the disk, `written` in the page cache, null with acks 0. */
  readonly durability: "fsync" | "written" | null;
}

/** Where the records of a request to one partition begin. */
export interface PartitionAppend {
  readonly partition: number;
  /** -1 with acks 0. */
  readonly baseOffset: number;
}

/** Sends a produce. @throws VarveError; see `ProduceRequest.retryUnknown` for what is sent again */
export async function produce(
  transport: HttpTransport,
  request: ProduceRequest,
): Promise<ProduceResult> {
  checkRequest(request);
  const reply = await send(transport, request, {});
  const body = reply as ProduceResult | null;
  return { results: body?.results ?? [], durability: body?.durability ?? null };
}

/** Sends a produce of records that all go to one partition and asks for the short answer. */
export async function produceToPartition(
  transport: HttpTransport,
  request: ProduceRequest,
): Promise<PartitionAppend> {
  const reply = await send(transport, request, { prefer: "return=minimal" });
  const body = reply as { partitions: readonly PartitionAppend[] } | null;
  const append = body?.partitions[0];
  return append ?? { partition: request.partition ?? -1, baseOffset: -1 };
}

async function send(
  transport: HttpTransport,
  request: ProduceRequest,
  headers: Record<string, string>,
): Promise<unknown> {
  const { ifOffsetMatch, producer } = request;
  if (ifOffsetMatch !== undefined) headers["if-offset-match"] = String(ifOffsetMatch);
  if (producer !== undefined) {
    headers["varve-producer-id"] = String(producer.producerId);
    headers["varve-producer-epoch"] = String(producer.producerEpoch);
    headers["varve-sequence"] = String(producer.sequence);
  }
  const reply = await transport.call({
    method: "POST",
    path: `${topicPath(request.topic)}/records`,
    query: { acks: request.acks ?? "all", partition: request.partition ?? null },
    body: encodeBody({ records: request.records.map(toWire) }),
    headers,
    resend: resendOf(request),
    retryForMs: request.retryForMs ?? 0,
    signal: request.signal ?? null,
  });
  return reply.body;
}

function resendOf(request: ProduceRequest): Resend {
  const { ifOffsetMatch, producer, retryUnknown } = request;
  if (ifOffsetMatch !== undefined || producer !== undefined || retryUnknown === true) {
    return "always";
  }
  if (request.partition !== undefined) return "refused";
  // Several partitions answer for themselves: one may have appended where another refused.
  const isOnePartition = request.records.every(
    (record) => record.partition === undefined && (record.key ?? null) === null,
  );
  return isOnePartition || request.records.length === 1 ? "refused" : "unsent";
}

function checkRequest(request: ProduceRequest): void {
  if (request.records.length === 0) throw invalidArgument("there are no records to produce");
  for (const record of request.records) checkRecord(record);
}
