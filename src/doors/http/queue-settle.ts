// POST /v1/queues/{queue}/settle: everything a receiver has to say of messages it holds, in one call.

import type { FastifyInstance } from "fastify";
import { GivenAnswers, type SettleBody } from "./given-answers.ts";
import type { HttpContext } from "./http-context.ts";
import { queryOf } from "./query.ts";
import { settleInput, settleOutput } from "./queue-schema.ts";
import { needQueue, type QueueParams } from "./queue-view.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";

const path = "/v1/queues/:queue/settle";
const schema = routeSchema(path, {
  tag: "queues",
  summary: "Settle messages: results by kind (ack, nack, extend, reject), in the order given",
  body: settleInput,
  replies: { 200: settleOutput },
});

/** Registers the endpoint. */
export async function queueSettlePlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const { services } = context;
  app.post<{ Params: QueueParams; Body: SettleBody }>(path, { schema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const { queue } = request.params;
    needQueue(services, queue);
    const given = new GivenAnswers(request.body);
    const { answers } = given;
    const errors = answers.length === 0 ? [] : await services.queues.settle(queue, answers);
    sendValue(reply, negotiated, { results: given.results(errors) });
    return reply;
  });
}
