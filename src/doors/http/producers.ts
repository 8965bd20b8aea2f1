// POST /v1/producers: an identity for an idempotent producer, to be named in the headers of its produce requests.

import type { FastifyInstance } from "fastify";
import { Type } from "../../base/schema.ts";
import { allowNoBody } from "./bodies.ts";
import type { HttpContext } from "./http-context.ts";
import { queryOf } from "./query.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { closed, integer, routeSchema } from "./route-schema.ts";

const path = "/v1/producers";
const schema = routeSchema(path, {
  tag: "records",
  summary: "Get a producer id, for idempotent produce requests",
  body: closed({}),
  replies: { 201: Type.Object({ producerId: integer, producerEpoch: integer }) },
});

/** Registers the endpoint. */
export async function producersPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  app.post(path, { schema, preValidation: allowNoBody }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const { producerId, producerEpoch } = await context.services.transactions.initProducerId({
      transactionalId: null,
      transactionTimeoutMs: 0,
      producerId: -1,
      producerEpoch: -1,
    });
    reply.code(201);
    sendValue(reply, negotiated, { producerId, producerEpoch });
    return reply;
  });
}
