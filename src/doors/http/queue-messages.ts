// POST /v1/queues/{queue}/messages: records into the topic of a queue, with wishes about their delivery; let in by the
// queue before they are appended, and appended once under one dedup id.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { LogError } from "../../base/error.ts";
import { Type } from "../../base/schema.ts";
import type { Admission, ProducePartitionResult, TopicListing } from "../../services.ts";
import { Appender } from "./appender.ts";
import type { HttpContext } from "./http-context.ts";
import { type MessagePlace, MessagePlaces } from "./message-places.ts";
import { MessageReader } from "./message-reader.ts";
import { messageFields } from "./message-wishes.ts";
import { bodyEncoding, mediaTypes } from "./negotiation.ts";
import { Packer, type TopicLane } from "./packer.ts";
import { isByItself, isRawBody, stagingOptions } from "./produce.ts";
import { type ProduceTerms, produceTerms } from "./produce-query.ts";
import { answerSeveral, sendAccepted, SingleAnswer } from "./produce-reply.ts";
import { messageInput, messageQuery, messagesInput } from "./queue-schema.ts";
import { needQueue, type QueueParams } from "./queue-view.ts";
import { rawQueryNames } from "./record-raw.ts";
import type { RecordDraft } from "./record-draft.ts";
import { produceHeaders, produceOutput } from "./record-schema.ts";
import { routeSchema } from "./route-schema.ts";
import {
  partitionOf,
  produceError,
  recordBytesBound,
  requireAcceptable,
  Staging,
  type StagingOptions,
} from "./staging.ts";

const path = "/v1/queues/:queue/messages";
const schema = routeSchema(path, {
  tag: "queues",
  summary: "Send messages",
  query: messageQuery,
  headers: produceHeaders,
  bodies: {
    [mediaTypes.json[0]]: messagesInput,
    [mediaTypes.msgpack[0]]: messagesInput,
    [mediaTypes.ndjson[0]]: messageInput,
    "application/octet-stream": Type.Any({ description: "Anything else is one value, verbatim." }),
  },
  replies: { 200: produceOutput, 202: null },
});

const commonNames = ["acks", "partition"] as const;
const rawNames = [...commonNames, ...rawQueryNames, ...messageFields];
const emptyBody = Buffer.alloc(0);

/** Registers the endpoint. */
export async function queueMessagesPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const producer = new MessageProducer(context);
  app.post<{ Params: QueueParams }>(
    path,
    { schema, config: { body: "bytes" } },
    async (request, reply) => {
      // Many bodies may have come in one turn of the event loop; decoding them all in it would hold up the rest.
      const pause = context.share.after(request.bodyBytes);
      if (pause !== null) await pause;
      await producer.accept(request, reply);
      return reply;
    },
  );
}

/** One request on its way to the engine. */
interface Sending {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly terms: ProduceTerms;
  readonly options: StagingOptions;
  readonly lane: TopicLane;
  readonly places: MessagePlaces;
}

/** The one message of a request that may share a batch with others. */
interface Alone {
  readonly draft: RecordDraft;
  readonly partition: number;
}

/** Messages that are good and not yet let in. */
interface Taken {
  readonly alone: Alone | null;
  readonly staging: Staging;
}

class MessageProducer {
  readonly #context: HttpContext;
  readonly #appender: Appender;
  readonly #packer: Packer;
  readonly #messages = new MessageReader();

  constructor(context: HttpContext) {
    this.#context = context;
    this.#appender = new Appender(context.services, context.limits.batchBytesMax);
    this.#packer = new Packer(this.#appender);
  }

  /** Takes one request; resolves when it is answered. */
  async accept(request: FastifyRequest<{ Params: QueueParams }>, reply: FastifyReply) {
    const { services, clock } = this.#context;
    const { queue } = request.params;
    const topic = topicOf(this.#context, queue);
    const isRaw = isRawBody(bodyEncoding(request.headers["content-type"]));
    const terms = produceTerms(request, isRaw ? rawNames : commonNames);
    const lane = this.#packer.laneOf(topic);
    const options = stagingOptions(lane, terms, { appender: this.#appender, nowMs: clock.nowMs() });
    const places = new MessagePlaces();
    const sending: Sending = { request, reply, terms, options, lane, places };
    const { alone, staging } = this.#take(sending);
    requireIdsAnswered(sending);
    const admission = await services.queues.admit({
      queue,
      records: alone === null ? staging.count : 1,
      bytes: alone === null ? staging.sizeBytes : recordBytesBound(alone.draft),
      dedupIds: places.ids,
    });
    places.tell(admission.known);
    if (alone !== null && places.knownCount === 0) this.#sendAlone(sending, alone, admission);
    else await this.#send(sending, staging, admission);
  }

  // Reads every message, so that none is sent before all are good.
  #take({ request, terms, options, places }: Sending): Taken {
    const messages = this.#messages;
    messages.open(request, bodyOf(request), options.nowMs);
    if (!messages.next()) throw new LogError("INVALID_REQUEST", "there are no records");
    const staging = new Staging(options);
    if (messages.isLast && !isByItself(terms)) {
      const draft = messages.draft.copy();
      places.add(messages.dedupId);
      messages.next();
      const partition = partitionOf(draft, options, 0);
      requireAcceptable(draft, options, 0);
      if (draft.timestampMs < 0) draft.timestampMs = options.nowMs;
      return { alone: { draft, partition }, staging };
    }
    let index = 0;
    do {
      if (places.add(messages.dedupId)) staging.add(messages.draft, index);
      index++;
    } while (messages.next());
    if (isByItself(terms)) staging.requireOnePartition();
    return { alone: null, staging };
  }

  // The body again, without the messages that are there already.
  #takeNew({ request, options, places }: Sending): Staging {
    const staging = new Staging(options);
    const messages = this.#messages;
    messages.open(request, bodyOf(request), options.nowMs);
    for (let index = 0; messages.next(); index++) {
      if (places.isNew(index)) staging.add(messages.draft, index);
    }
    return staging;
  }

  #sendAlone(sending: Sending, { draft, partition }: Alone, admission: Admission): void {
    const { reply, terms, lane, places } = sending;
    const { acks } = terms;
    const answer = acks === 0 ? null : new SingleAnswer(reply, terms);
    const settle = (result: ProducePartitionResult, offset: number): void => {
      if (result.error === null) admission.sent(places.reserved([{ partition, offset }]));
      else admission.failed();
      answer?.settle(result, offset);
    };
    try {
      this.#packer.add(lane, { draft, partition, acks, waiter: { settle } });
    } catch (error) {
      admission.failed();
      throw error;
    }
    this.#context.metrics.recordsIn++;
    if (acks === 0) sendAccepted(reply);
  }

  async #send(sending: Sending, all: Staging, admission: Admission): Promise<void> {
    const { reply, terms, options, places } = sending;
    let staging = all;
    let results: readonly ProducePartitionResult[];
    try {
      if (places.knownCount > 0) {
        all.discard();
        staging = this.#takeNew(sending);
      }
      results = await this.#append(sending, staging);
    } catch (error) {
      admission.failed();
      throw error;
    }
    const appended = appendedPlaces(staging, results);
    admission.sent(places.reserved(appended));
    if (terms.acks === 0) return;
    const isAnyKnown = places.knownCount > 0;
    const known = isAnyKnown ? await this.#durabilityOf(options.topic, places.known) : null;
    const shown = {
      countOf: (partition: number) => staging.countOf(partition),
      // Only looked at where every partition has taken its records.
      placesOf: () => places.all(appended as readonly MessagePlace[]),
    };
    answerSeveral(reply, { terms, results, staging: shown, known });
  }

  #append({ reply, terms, lane }: Sending, staging: Staging) {
    const { acks, expectedEndOffset } = terms;
    const parts = staging.finish(expectedEndOffset);
    for (const { partition } of parts) this.#packer.flush(lane, partition);
    this.#context.metrics.recordsIn += staging.count;
    const sent = parts.length === 0 ? Promise.resolve([]) : this.#appender.all(acks, parts);
    if (acks === 0) sendAccepted(reply);
    return sent;
  }

  // What may be promised of records that somebody appended earlier, with an `acks` of their own.
  async #durabilityOf(
    { name }: TopicListing,
    known: readonly MessagePlace[],
  ): Promise<"fsync" | "written"> {
    const { topics, data } = this.#context.services;
    const configs = await topics.describeConfigs(name);
    if (configs.some(({ name: key, value }) => key === "varve.durability" && value === "os")) {
      return "written";
    }
    const partitions = [...new Set(known.map(({ partition }) => partition))];
    const ends = await data.listOffsets(
      partitions.map((partition) => ({ topic: name, partition, timestampMs: -1 })),
    );
    const endOf = new Map(ends.map(({ partition, offset }) => [partition, offset]));
    const areSynced = known.every(({ partition, offset }) => offset < (endOf.get(partition) ?? 0));
    return areSynced ? "fsync" : "written";
  }
}

function bodyOf(request: FastifyRequest): Buffer {
  return (request.body ?? emptyBody) as Buffer;
}

// The topic of a queue is never made anew: whoever deleted it took the queue's messages with it.
function topicOf({ services }: HttpContext, queue: string): TopicListing {
  const { topic } = needQueue(services, queue);
  const listing = services.topics.lookup(topic);
  if (listing !== null) return listing;
  throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", `topic '${topic}' of the queue is gone`, {
    facts: { queue, topic },
  });
}

function requireIdsAnswered({ terms, places }: Sending): void {
  if (places.ids.length === 0) return;
  if (terms.acks === 0) {
    throw new LogError("INVALID_REQUEST", "'dedupId' needs an answer: acks must not be 0");
  }
  if (terms.producer !== null) {
    const detail = "'dedupId' and varve-sequence are two ways to say the same: give one";
    throw new LogError("INVALID_REQUEST", detail);
  }
}

// Null where the record's partition refused it.
function appendedPlaces(
  staging: Staging,
  results: readonly ProducePartitionResult[],
): readonly (MessagePlace | null)[] {
  const refused = new Set(
    results.filter((result) => produceError(result) !== null).map(({ partition }) => partition),
  );
  return staging.placesOf(results).map((place) => (refused.has(place.partition) ? null : place));
}
