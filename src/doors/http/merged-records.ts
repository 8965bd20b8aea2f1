// GET /v1/topics/{topic}/records: all partitions merged; its position is a vector.

import type { FastifyInstance, FastifyReply } from "fastify";
import { LogError } from "../../base/error.ts";
import type { HttpContext } from "./http-context.ts";
import { partitionsOf } from "./group-view.ts";
import type { MergedRequest } from "./merged-reading.ts";
import { readMerged } from "./merged-reading.ts";
import type { Encoding } from "./negotiation.ts";
import { mediaTypes } from "./negotiation.ts";
import { mergedOutput, readQuery } from "./record-schema.ts";
import { routeSchema } from "./route-schema.ts";
import { parsePosition, resolvePosition } from "./positions.ts";
import type { ReadTerms } from "./read-query.ts";
import { readTerms } from "./read-query.ts";
import type { PageEncoding } from "./record-page.ts";
import { RecordPage } from "./record-page.ts";
import type { StreamSource } from "./streams.ts";
import { sendStream } from "./streams.ts";
import { formatVector, looksLikeVector, parseVector } from "./vector.ts";
import { holdReply, whileWaiting } from "./waiting.ts";

// The stored form does not say which partition a batch is of.
const encodings: readonly Encoding[] = ["json", "msgpack", "ndjson", "sse"];

const path = "/v1/topics/:topic/records";
const schema = routeSchema(path, {
  tag: "records",
  summary: "Read all partitions merged",
  query: readQuery,
  replies: { 200: mergedOutput },
  replyTypes: encodings.map((encoding) => mediaTypes[encoding][0]),
});

/** Where a merged read begins. */
export type MergedStart = Pick<MergedRequest, "topic" | "from" | "isFloating">;

/** Registers the merged read. */
export async function mergedRecordsPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  app.get<{ Params: { topic: string } }>(path, { schema }, async (request, reply) => {
    const terms = readTerms(request, encodings, context);
    const start = await startOf(context, request.params.topic, terms);
    if (terms.negotiated.encoding === "sse" || terms.isFollowing) {
      return sendStream(context, reply, { terms, source: sourceOf(context, terms, start) });
    }
    if (terms.waitMs === 0) return answer(context, reply, { terms, start, signal: null });
    return whileWaiting(context, reply, (signal) => {
      return answer(context, reply, { terms, start, signal });
    });
  });
}

async function startOf(
  context: HttpContext,
  topic: string,
  { from, isolation }: Pick<ReadTerms, "from" | "isolation">,
): Promise<MergedStart> {
  const { services } = context;
  const partitions = partitionsOf(services, [topic]).map(({ partition }) => partition);
  if (looksLikeVector(from)) {
    const vector = parseVector(from);
    const missing = partitions.filter((partition) => !vector.has(partition));
    const where = { topic, partitions: missing };
    const starts = await resolvePosition(services.data, { kind: "earliest" }, where);
    const full = new Map(missing.map((partition, index) => [partition, starts[index] ?? 0]));
    for (const [partition, offset] of vector) full.set(partition, offset);
    return { topic, from: full, isFloating: false };
  }
  const position = parsePosition(from, "from");
  if (position.kind === "offset") {
    const detail = "a merged read starts at a vector such as 0:17,1:4, not at one offset";
    throw new LogError("INVALID_REQUEST", detail, { facts: { parameter: "from" } });
  }
  const where = { topic, partitions, isolation };
  const found = await resolvePosition(services.data, position, where);
  const full = new Map(partitions.map((partition, index) => [partition, found[index] ?? 0]));
  const isFloating = position.kind === "earliest" || position.kind === "last";
  return { topic, from: full, isFloating };
}

function sourceOf(context: HttpContext, terms: ReadTerms, start: MergedStart): StreamSource {
  const { maxRecords, maxBytes, isolation } = terms;
  const { topic, isFloating } = start;
  const vector = new Map(start.from);
  return {
    readOn: async (wait, take) => {
      addNewPartitions(context, topic, vector);
      const bounds = { maxRecords, maxBytes, isolation, ...wait };
      const request = { topic, isFloating, from: vector, ...bounds };
      const end = await readMerged(context, request, (cursor, partition) => {
        vector.set(partition, cursor.offset + 1);
        take(cursor, partition, formatVector(vector));
      });
      for (const [partition, offset] of end) vector.set(partition, offset);
    },
  };
}

// Partitions that came while the stream ran start at their first record.
function addNewPartitions(context: HttpContext, topic: string, vector: Map<number, number>): void {
  const count = context.services.topics.lookup(topic)?.partitionCount ?? 0;
  for (let partition = 0; partition < count; partition++) {
    if (!vector.has(partition)) vector.set(partition, 0);
  }
}

async function answer(
  context: HttpContext,
  reply: FastifyReply,
  read: {
    readonly terms: ReadTerms;
    readonly start: MergedStart;
    readonly signal: AbortSignal | null;
  },
): Promise<unknown> {
  const { start, signal } = read;
  const { maxRecords, maxBytes, waitMs, isolation, form, negotiated } = read.terms;
  context.replies.require();
  const page = new RecordPage(negotiated.encoding as PageEncoding);
  const isLine = negotiated.encoding === "ndjson";
  const isGone = (): boolean => reply.raw.destroyed;
  const request = { ...start, maxRecords, maxBytes, waitMs, isolation, signal, isGone };
  const end = await readMerged(context, request, (cursor, partition) => {
    page.add(cursor, { topic: null, partition, form, isLine });
  });
  const next = formatVector(end);
  const body = page.close({ next });
  holdReply(context, reply, body.length);
  context.metrics.recordsOut += page.count;
  context.metrics.bytesOut += body.length;
  return reply.header("varve-next", next).type(negotiated.mediaType).send(body);
}
