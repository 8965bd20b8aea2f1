// The dead letters of a queue: GET /v1/queues/{queue}/dead shows them, POST …/redrive puts them back.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { LogError } from "../../base/error.ts";
import type { Static } from "../../base/schema.ts";
import { allowNoBody } from "./bodies.ts";
import { DeadLetterStory } from "./dead-letter-story.ts";
import type { HttpContext } from "./http-context.ts";
import type { Negotiated } from "./negotiation.ts";
import { parsePosition, resolvePosition } from "./positions.ts";
import { badQuery, integerIn, queryOf, wordIn } from "./query.ts";
import { deadOutput, deadQuery, redriveInput, redriveOutput } from "./queue-schema.ts";
import { needQueue, type QueueParams } from "./queue-view.ts";
import { walkRanges } from "./range-walk.ts";
import { type PageEncoding, RecordPage } from "./record-page.ts";
import { type ValueForm, valueForms } from "./record-writer.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";
import { formatVector, looksLikeVector, parseVector } from "./vector.ts";

const deadPath = "/v1/queues/:queue/dead";
const redrivePath = "/v1/queues/:queue/redrive";

const tag = "queues";
const deadSchema = routeSchema(deadPath, {
  tag,
  summary: "Dead letters that were not put back, with where they came from and why they died",
  query: deadQuery,
  replies: { 200: deadOutput },
});
const redriveSchema = routeSchema(redrivePath, {
  tag,
  summary: "Put dead letters back, once each",
  body: redriveInput,
  replies: { 200: redriveOutput },
});

const maxRecordsDefault = 500;
const maxBytesDefault = 1024 * 1024;

/** Registers both endpoints. */
export async function queueDeadPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  app.get<{ Params: QueueParams }>(deadPath, { schema: deadSchema }, (request, reply) => {
    return sendDead(context, reply, {
      queue: request.params.queue,
      ...deadTerms(context, request),
    });
  });
  app.post<{ Params: QueueParams; Body: Static<typeof redriveInput> }>(
    redrivePath,
    { schema: redriveSchema, preValidation: allowNoBody },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const { queue } = request.params;
      const { max = Number.MAX_SAFE_INTEGER, offsets } = request.body;
      const places = offsets === undefined ? null : placesIn(context, queue, offsets);
      const redriven = await context.services.queues.redrive(queue, { max, offsets: places });
      sendValue(reply, negotiated, { redriven });
      return reply;
    },
  );
}

interface DeadTerms {
  readonly negotiated: Negotiated;
  readonly from: string;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly form: ValueForm | null;
}

function deadTerms({ limits }: HttpContext, request: FastifyRequest): DeadTerms {
  const negotiated = negotiateValue(request);
  const query = queryOf(request, Object.keys(deadQuery));
  const form = wordIn(query, "as", valueForms);
  if (form !== null && negotiated.encoding === "msgpack") {
    throw badQuery("as", "is for JSON replies; this encoding has bytes");
  }
  const range = { min: 1, max: Number.MAX_SAFE_INTEGER };
  const maxRecords = integerIn(query, "maxRecords", range) ?? maxRecordsDefault;
  const maxBytes = integerIn(query, "maxBytes", range) ?? maxBytesDefault;
  return {
    negotiated,
    from: query["from"] ?? "earliest",
    maxRecords: Math.min(maxRecords, limits.maxRecordsMax),
    maxBytes: Math.min(maxBytes, limits.maxBytesMax),
    form,
  };
}

async function sendDead(
  context: HttpContext,
  reply: FastifyReply,
  { queue, negotiated, maxRecords, maxBytes, form, from }: DeadTerms & { readonly queue: string },
): Promise<unknown> {
  const { queues } = context.services;
  const start = await startOf(context, queue, from);
  const dead = await queues.dead(queue, { from: start, maxRecords, maxBytes });
  try {
    const page = new RecordPage(negotiated.encoding as PageEncoding, "messages");
    const story = new DeadLetterStory();
    await walkRanges(dead.ranges, context.share, (cursor, { partition }) => {
      page.add(cursor, { topic: null, partition, form, isLine: false, story });
    });
    const { next } = dead;
    const [only] = next;
    const vector = new Map(next.map(({ partition, offset }) => [partition, offset]));
    const body = page.close({
      ...(next.length === 1 ? { nextOffset: only?.offset } : {}),
      next: formatVector(vector),
    });
    context.metrics.recordsOut += page.count;
    context.metrics.bytesOut += body.length;
    return reply.type(negotiated.mediaType).send(body);
  } finally {
    dead.release();
  }
}

function deadLetterTopicOf({ services }: HttpContext, queue: string) {
  const { deadLetterTopic } = needQueue(services, queue);
  const partitionCount = services.topics.lookup(deadLetterTopic)?.partitionCount ?? 0;
  return { deadLetterTopic, partitionCount };
}

interface Place {
  readonly partition: number;
  readonly offset: number;
}

async function startOf(
  context: HttpContext,
  queue: string,
  from: string,
): Promise<readonly Place[]> {
  const { deadLetterTopic, partitionCount } = deadLetterTopicOf(context, queue);
  if (looksLikeVector(from)) {
    return [...parseVector(from)].map(([partition, offset]) => ({ partition, offset }));
  }
  const position = parsePosition(from, "from");
  if (position.kind === "earliest") return [];
  if (position.kind === "offset" && partitionCount > 1) {
    const detail = `'${deadLetterTopic}' has ${partitionCount} partitions: give a vector such as 0:17,1:4`;
    throw new LogError("INVALID_REQUEST", detail, { facts: { parameter: "from" } });
  }
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  const where = { topic: deadLetterTopic, partitions };
  const found = await resolvePosition(context.services.data, position, where);
  return partitions.map((partition, index) => ({ partition, offset: found[index] ?? 0 }));
}

function placesIn(
  context: HttpContext,
  queue: string,
  offsets: readonly (number | Place)[],
): readonly Place[] {
  const { deadLetterTopic, partitionCount } = deadLetterTopicOf(context, queue);
  return offsets.map((place) => {
    if (typeof place !== "number") return place;
    if (partitionCount <= 1) return { partition: 0, offset: place };
    const detail = `'${deadLetterTopic}' has ${partitionCount} partitions: give {"partition", "offset"}`;
    throw new LogError("INVALID_REQUEST", detail, { facts: { offset: place } });
  });
}
