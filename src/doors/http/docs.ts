// The API's own description: OpenAPI 3.1 at `/openapi.json`, made from the routes' schemas, and a page to read it
// at `/docs`. Few starts are asked for either: all of it is loaded and made at the first request.

import type { FastifyInstance, FastifyReply, FastifySchema, RouteOptions } from "fastify";
import { fastify } from "fastify";
import { LogError } from "../../base/error.ts";
import { sendProblem } from "./replies.ts";
import { bodyCompilers } from "./route-schema.ts";

type DescribedRoute = Pick<RouteOptions, "method" | "url"> & { readonly schema: FastifySchema };

const hidden = { schema: { hide: true } };

/** Adds both; before any route that is to be described. */
export function describeApi(app: FastifyInstance): void {
  const described: DescribedRoute[] = [];
  app.addHook("onRoute", (route) => {
    const { method, url, schema = {} } = route;
    if (method !== "HEAD" && schema.hide !== true) described.push({ method, url, schema });
    // The app keeps what it has to check: each other part would be one more call for each request.
    route.schema = isChecked(schema.body) ? { body: schema.body } : {};
  });
  let making: Promise<FastifyInstance> | null = null;
  for (const path of ["/openapi.json", "/docs", "/docs/*"]) {
    app.get(path, hidden, async (request, reply) => {
      making ??= makeDocs(described);
      const docs = await making;
      handOver(reply);
      docs.routing(request.raw, reply.raw);
      return reply;
    });
  }
}

// Bodies by media type are read by readers of their own.
function isChecked(body: unknown): boolean {
  return typeof body === "object" && body !== null && !("content" in body);
}

// An app of its own, that is never listening: plugins cannot be added to one that is.
async function makeDocs(described: readonly DescribedRoute[]): Promise<FastifyInstance> {
  const docs = fastify({ schemaController: { compilersFactory: bodyCompilers } });
  const { default: fastifySwagger } = await import("@fastify/swagger");
  const { default: fastifySwaggerUi } = await import("@fastify/swagger-ui");
  await docs.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Varve",
        version: "1",
        description:
          "An append-only partitioned log: topics, records, replay, consumer groups and work queues.",
      },
      tags: [
        { name: "topics" },
        { name: "records" },
        { name: "groups" },
        { name: "queues" },
        { name: "operations" },
      ],
    },
  });
  for (const { method, url, schema } of described) {
    docs.route({ method, url, schema, handler: () => undefined });
  }
  await docs.register(fastifySwaggerUi, { routePrefix: "/docs" });
  docs.get("/openapi.json", hidden, async (_request, reply) =>
    reply.type("application/json").send(JSON.stringify(docs.swagger())),
  );
  docs.setNotFoundHandler((request, reply) => {
    sendProblem(reply, new LogError("NOT_FOUND", `there is nothing at ${request.url}`));
  });
  await docs.ready();
  return docs;
}

function handOver(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.hijack();
}
