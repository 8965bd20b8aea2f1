// The API's own description: OpenAPI 3.1 at `/openapi.json`, made from the routes' schemas, and a page to read it
// at `/docs`.

import fastifySwagger from "@fastify/swagger";
import fastifySwaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";

/** Registers both; before any route that is to be described. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Varve",
        version: "1",
        description: "An append-only partitioned log: topics, records, replay and consumer groups.",
      },
      tags: [{ name: "topics" }, { name: "records" }, { name: "groups" }, { name: "operations" }],
    },
  });
  await app.register(fastifySwaggerUi, { routePrefix: "/docs" });
  app.get("/openapi.json", { schema: { hide: true } }, async (_request, reply) => {
    return reply.type("application/json").send(JSON.stringify(app.swagger()));
  });
}
