// POST /v1/topics/{topic}/records: records in, in four encodings; offsets out.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "../../base/schema.ts";
import { LogError } from "../../base/error.ts";
import type { TopicListing } from "../../services.ts";
import { Appender } from "./appender.ts";
import type { StreamedBody } from "./bodies.ts";
import type { HttpContext } from "./http-context.ts";
import { JsonRecordReader } from "./record-json.ts";
import { MsgpackRecordReader } from "./record-msgpack.ts";
import type { Encoding } from "./negotiation.ts";
import { bodyEncoding, mediaTypes } from "./negotiation.ts";
import { produceStream } from "./produce-stream.ts";
import type { ProduceTerms } from "./produce-query.ts";
import { produceTerms } from "./produce-query.ts";
import { answerSeveral, sendAccepted, SingleAnswer } from "./produce-reply.ts";
import type { TopicLane } from "./packer.ts";
import { Packer } from "./packer.ts";
import type { Query } from "./query.ts";
import { rawQueryNames, readRawRecord } from "./record-raw.ts";
import { RecordDraft } from "./record-draft.ts";
import {
  produceHeaders,
  produceInput,
  produceOutput,
  produceQuery,
  recordInput,
} from "./record-schema.ts";
import { sendProblem } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";
import type { StagingOptions } from "./staging.ts";
import { partitionOf, requireAcceptable, requireNamedPartition, Staging } from "./staging.ts";

const commonNames = ["acks", "partition"] as const;
const rawNames = [...commonNames, ...rawQueryNames];
const path = "/v1/topics/:topic/records";
const schema = routeSchema(path, {
  tag: "records",
  summary: "Append records",
  query: produceQuery,
  headers: produceHeaders,
  bodies: {
    [mediaTypes.json[0]]: produceInput,
    [mediaTypes.msgpack[0]]: produceInput,
    [mediaTypes.ndjson[0]]: recordInput,
    "application/octet-stream": Type.Any({ description: "Anything else is one value, verbatim." }),
  },
  replies: { 200: produceOutput, 202: null },
});

const emptyBody = Buffer.alloc(0);

/** Registers the produce endpoint. */
export async function producePlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const producer = new Producer(context);
  app.post<{ Params: { topic: string } }>(
    path,
    { schema, config: { body: "bytes-or-stream" } },
    (request, reply) => {
      const known = context.services.topics.lookup(request.params.topic);
      if (known !== null) {
        // Many bodies may have come in one turn of the event loop; decoding them all in it would hold up the rest.
        const pause = context.share.after(request.bodyBytes);
        if (pause === null) producer.accept(known, request, reply);
        else void pause.then(() => producer.accept(known, request, reply));
        return;
      }
      try {
        producer.check(request);
      } catch (error) {
        sendProblem(reply, error);
        return;
      }
      context.services.topics.ensure(request.params.topic).then(
        (topic) => producer.accept(topic, request, reply),
        (error: unknown) => sendProblem(reply, error),
      );
    },
  );
}

/** Takes produce requests; one draft and one reader for each encoding serve all, since decoding never waits. */
class Producer {
  readonly #context: HttpContext;
  readonly #appender: Appender;
  readonly #packer: Packer;
  readonly #draft = new RecordDraft();
  readonly #json = new JsonRecordReader(this.#draft);
  readonly #msgpack = new MsgpackRecordReader(this.#draft);

  constructor(context: HttpContext) {
    this.#context = context;
    this.#appender = new Appender(context.services, context.limits.batchBytesMax);
    this.#packer = new Packer(this.#appender);
  }

  /**
   * Reads a request through and keeps nothing, so that no topic is made for one that will be refused. The lines of an
   * NDJSON stream are left alone: they can be read only once.
   *
   * @throws What `accept` would answer.
   */
  check(request: FastifyRequest): void {
    const encoding = bodyEncoding(request.headers["content-type"]);
    const isRaw = isRawBody(encoding);
    const terms = produceTerms(request, isRaw ? rawNames : commonNames);
    if (encoding === "ndjson") return;
    const body = (request.body ?? emptyBody) as Buffer;
    if (isRaw) {
      readRawRecord(this.#draft, body, { query: request.query as Query, raw: request.raw });
      requireNamedPartition(this.#draft, terms, 0);
      return;
    }
    const reader = encoding === "json" ? this.#json : this.#msgpack;
    reader.openBody(body);
    if (!reader.next()) throw new LogError("INVALID_REQUEST", "'records' is empty");
    let index = 0;
    do requireNamedPartition(this.#draft, terms, index++);
    while (reader.next());
  }

  /** Takes one request; every outcome, thrown ones too, ends in a reply. */
  accept(topic: TopicListing, request: FastifyRequest, reply: FastifyReply): void {
    try {
      this.#accept(topic, request, reply);
    } catch (error) {
      sendProblem(reply, error);
    }
  }

  #accept(topic: TopicListing, request: FastifyRequest, reply: FastifyReply): void {
    const encoding = bodyEncoding(request.headers["content-type"]);
    const isRaw = isRawBody(encoding);
    const terms = produceTerms(request, isRaw ? rawNames : commonNames);
    const lane = this.#packer.laneOf(topic);
    const nowMs = this.#context.clock.nowMs();
    const options = stagingOptions(lane, terms, { appender: this.#appender, nowMs });
    const produce: Produce = { reply, terms, options, lane };
    if (encoding === "ndjson") {
      this.#stream(produce, request.body as StreamedBody);
      return;
    }
    const body = (request.body ?? emptyBody) as Buffer;
    const draft = this.#draft;
    if (isRaw) {
      readRawRecord(draft, body, { query: request.query as Query, raw: request.raw });
      this.#single(produce);
      return;
    }
    const reader = encoding === "json" ? this.#json : this.#msgpack;
    reader.openBody(body);
    if (!reader.next()) throw new LogError("INVALID_REQUEST", "'records' is empty");
    if (reader.isLast) {
      reader.next();
      this.#single(produce);
      return;
    }
    const staging = new Staging(options);
    do staging.add(draft);
    while (reader.next());
    this.#several(produce, staging);
  }

  // The one record of the request is in the draft.
  #single(produce: Produce): void {
    const { reply, terms, options, lane } = produce;
    const draft = this.#draft;
    if (isByItself(terms)) {
      const staging = new Staging(options);
      staging.add(draft);
      this.#several(produce, staging);
      return;
    }
    const partition = partitionOf(draft, options, 0);
    requireAcceptable(draft, options, 0);
    if (draft.timestampMs < 0) draft.timestampMs = options.nowMs;
    const { acks } = terms;
    const waiter = acks === 0 ? null : new SingleAnswer(reply, terms);
    this.#packer.add(lane, { draft, partition, acks, waiter });
    this.#context.metrics.recordsIn++;
    if (acks === 0) sendAccepted(reply);
  }

  #several({ reply, terms, lane }: Produce, staging: Staging): void {
    const { acks, expectedEndOffset } = terms;
    if (isByItself(terms)) staging.requireOnePartition();
    const parts = staging.finish(expectedEndOffset);
    for (const { partition } of parts) this.#packer.flush(lane, partition);
    this.#context.metrics.recordsIn += staging.count;
    const sent = this.#appender.all(acks, parts);
    if (acks === 0) sendAccepted(reply);
    // `all` never rejects.
    else void sent.then((results) => answerSeveral(reply, { terms, staging, results }));
  }

  #stream({ reply, terms, options, lane }: Produce, lines: StreamedBody): void {
    const flush = (partition: number): void => this.#packer.flush(lane, partition);
    const stream = { lines, terms, options, flush, appender: this.#appender };
    produceStream(stream, this.#context).then(
      (send) => send(reply),
      (error: unknown) => sendProblem(reply, error),
    );
  }
}

/** How the records of a request find their partition and time; the next request without keys goes to the next one. */
export function stagingOptions(
  lane: TopicLane,
  terms: Pick<ProduceTerms, "partition" | "producer">,
  { appender, nowMs }: { readonly appender: Appender; readonly nowMs: number },
): StagingOptions {
  const { topic } = lane;
  const { partition, producer } = terms;
  const stickyPartition = lane.nextPartition % topic.partitionCount;
  lane.nextPartition = stickyPartition + 1;
  const batchBytesMax =
    producer === null ? appender.batchBytesMaxOf(topic) : appender.wholeBatchBytesMaxOf(topic);
  return { topic, partition, stickyPartition, nowMs, batchBytesMax, producer };
}

/** Whether a request's batch is the answer to one question of its own: nobody else's records are packed with it. */
export function isByItself({ expectedEndOffset, producer }: ProduceTerms): boolean {
  return expectedEndOffset !== null || producer !== null;
}

/** Whether a body is one record's value as it stands. */
export function isRawBody(encoding: Encoding | null): boolean {
  return encoding !== "json" && encoding !== "msgpack" && encoding !== "ndjson";
}

/** One request on its way to the engine. */
interface Produce {
  readonly reply: FastifyReply;
  readonly terms: ProduceTerms;
  readonly options: StagingOptions;
  readonly lane: TopicLane;
}
