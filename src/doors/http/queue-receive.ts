// POST /v1/queues/{queue}/receive: leases messages to the caller, and waits while there are none. It may settle earlier
// ones on the way: then it answers at once, so that nobody waits to hear what became of them.

import type { FastifyInstance, FastifyReply } from "fastify";
import type { Static } from "../../base/schema.ts";
import type { ReceivedRange, ReceiveRequest } from "../../services.ts";
import { allowNoBody } from "./bodies.ts";
import { GivenAnswers } from "./given-answers.ts";
import type { HttpContext } from "./http-context.ts";
import type { Negotiated } from "./negotiation.ts";
import { badQuery, queryOf } from "./query.ts";
import { receiptHead, receiptTail } from "./queue-receipts.ts";
import { receiveInput, receiveOutput } from "./queue-schema.ts";
import type { QueueParams } from "./queue-view.ts";
import { walkRanges } from "./range-walk.ts";
import { type PageEncoding, RecordPage } from "./record-page.ts";
import type { RecordPlace } from "./record-writer.ts";
import { negotiateValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";
import { afterReply, holdReplyAnyway, whileWaiting } from "./waiting.ts";

const path = "/v1/queues/:queue/receive";
const schema = routeSchema(path, {
  tag: "queues",
  summary: "Receive messages, each leased to the caller",
  body: receiveInput,
  replies: { 200: receiveOutput },
});

const maxDefault = 10;
const maxBytesDefault = 1024 * 1024;

/** Registers the endpoint. */
export async function queueReceivePlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  app.post<{ Params: QueueParams; Body: Static<typeof receiveInput> }>(
    path,
    { schema, preValidation: allowNoBody },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const { max = maxDefault, waitMs = 0, leaseMs = null, maxBytes, settle } = request.body;
      const { waitMsMax, maxBytesMax } = context.limits;
      if (waitMs > waitMsMax) throw badQuery("waitMs", `must be an integer from 0 to ${waitMsMax}`);
      const asked: Omit<ReceiveRequest, "signal"> = {
        queue: request.params.queue,
        max,
        // A reply may always hold less than was asked for, so that more than the server gives is no error.
        maxBytes: Math.min(maxBytes ?? maxBytesDefault, maxBytesMax),
        waitMs,
        leaseMs,
      };
      const given = settle === undefined ? null : new GivenAnswers(settle);
      const receiving = { reply, negotiated, asked, given };
      if (waitMs === 0 || given !== null) return receive(context, receiving, null);
      return whileWaiting(context, reply, (signal) => receive(context, receiving, signal));
    },
  );
}

interface Receiving {
  readonly reply: FastifyReply;
  readonly negotiated: Negotiated;
  readonly asked: Omit<ReceiveRequest, "signal">;
  /** Null: the request settles nothing. */
  readonly given: GivenAnswers | null;
}

async function receive(
  context: HttpContext,
  { reply, negotiated, asked, given }: Receiving,
  signal: AbortSignal | null,
): Promise<unknown> {
  // Before anything is leased: what a refused reply would have held were handed out in vain. Answers are taken always.
  if (given === null) context.replies.require();
  const { queues } = context.services;
  const answers = given === null ? {} : { answers: given.answers, waitMs: 0 };
  const received = await queues.receive({ ...asked, ...answers, signal });
  const { ranges } = received;
  try {
    if (ranges.length > 0) giveBackIfLost(context, reply, { queue: asked.queue, ranges });
    const page = new RecordPage(negotiated.encoding as PageEncoding, "messages");
    let place: RecordPlace | null = null;
    let placed: ReceivedRange | null = null;
    await walkRanges(ranges, context.share, (cursor, range) => {
      if (place === null || placed !== range) {
        placed = range;
        place = placeOf(range);
      }
      page.add(cursor, place);
    });
    const body = page.close(given === null ? {} : { results: given.results(received.settled) });
    holdReplyAnyway(context, reply, body.length);
    context.metrics.recordsOut += page.count;
    context.metrics.bytesOut += body.length;
    return reply.type(negotiated.mediaType).send(body);
  } finally {
    // The page is a copy of its own.
    received.release();
  }
}

function placeOf(range: ReceivedRange): RecordPlace {
  const { topic, partition, deliveries } = range;
  const delivery = {
    receiptHead: receiptHead(partition),
    receiptTail: receiptTail(range),
    deliveries,
  };
  return { topic, partition, form: null, isLine: false, delivery };
}

// Nobody has the receipts of a reply that could not be sent: others get the messages at once, not after the lease.
function giveBackIfLost(
  { services, logger }: HttpContext,
  reply: FastifyReply,
  { queue, ranges }: { readonly queue: string; readonly ranges: readonly ReceivedRange[] },
): void {
  afterReply(reply, (wasSent) => {
    if (wasSent) return;
    const answers = ranges.flatMap(({ partition, firstOffset, lastOffset, deliveries, epoch }) =>
      Array.from({ length: lastOffset - firstOffset + 1 }, (_, index) => ({
        kind: "nack" as const,
        receipt: { partition, offset: firstOffset + index, deliveries, epoch },
        delayMs: 0,
        reason: "the receiver went away",
      })),
    );
    services.queues.settle(queue, answers).catch((error: unknown) => {
      logger.debug(
        { err: error, queue },
        "messages of a lost reply wait for their leases to lapse",
      );
    });
  });
}
