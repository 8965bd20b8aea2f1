// Work queues: create or change, list, describe, delete.

import type { FastifyInstance } from "fastify";
import type { QueueSettings } from "../../services.ts";
import { allowNoBody } from "./bodies.ts";
import { checkedName } from "./group-view.ts";
import type { HttpContext } from "./http-context.ts";
import { mediaTypes } from "./negotiation.ts";
import { queryOf } from "./query.ts";
import { QueueRates } from "./queue-rates.ts";
import { queueInput, queueOutput, queuesOutput } from "./queue-schema.ts";
import { type QueueParams, queueView } from "./queue-view.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";

const path = "/v1/queues/:queue";

const tag = "queues";
const listSchema = routeSchema("/v1/queues", {
  tag,
  summary: "List queues",
  replies: { 200: queuesOutput },
});
const showSchema = routeSchema(path, {
  tag,
  summary: "Describe a queue: settings, counts, rates",
  replies: { 200: queueOutput },
});
// Described, not checked by schema: settings that are refused are a 422 of the queue's own, not a 400.
const putSchema = routeSchema(path, {
  tag,
  summary: "Create a queue, or change settings of it",
  bodies: { [mediaTypes.json[0]]: queueInput, [mediaTypes.msgpack[0]]: queueInput },
  replies: { 200: queueOutput, 201: queueOutput },
});
const deleteSchema = routeSchema(path, {
  tag,
  summary: "Forget a queue's state; its topics stay",
  replies: { 204: null },
});

/** Registers the endpoints that are about queues rather than messages. */
export async function queuesPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const { queues } = context.services;
  const rates = new QueueRates(context.clock);
  app.get("/v1/queues", { schema: listSchema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const listed = (await queues.list()).map((queue) => queueView(queue, rates.of(queue)));
    sendValue(reply, negotiated, { queues: listed });
    return reply;
  });
  app.get<{ Params: QueueParams }>(path, { schema: showSchema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const described = await queues.describe(request.params.queue);
    sendValue(reply, negotiated, queueView(described, rates.of(described)));
    return reply;
  });
  app.put<{ Params: QueueParams; Body: Partial<QueueSettings> }>(
    path,
    { schema: putSchema, preValidation: allowNoBody },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const queue = checkedName(request.params.queue, "queue");
      const { isNew, ...described } = await queues.put(queue, request.body);
      reply.code(isNew ? 201 : 200);
      sendValue(reply, negotiated, queueView(described, rates.of(described)));
      return reply;
    },
  );
  app.delete<{ Params: QueueParams }>(path, { schema: deleteSchema }, async (request, reply) => {
    queryOf(request, []);
    const { queue } = request.params;
    await queues.delete(queue);
    rates.forget(queue);
    return reply.code(204).send();
  });
}
