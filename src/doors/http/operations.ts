// What operators ask: is the process alive, is it ready, and what are its numbers.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Registry } from "prom-client";
import { Type } from "../../base/schema.ts";
import type { HttpContext } from "./http-context.ts";
import type { Negotiated } from "./negotiation.ts";
import { mediaTypes } from "./negotiation.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";

const nanosecondsPerMs = 1_000_000;
// Beyond this delay at the 99th percentile since the last question, requests wait longer than anyone should send
// more.
const eventLoopDelayMsMax = 1000;

const tag = "operations";
const sentences = Type.Array(Type.String());
const health = Type.Object({ status: Type.String(), problems: sentences, warnings: sentences });
const liveSchema = routeSchema("/livez", {
  tag,
  summary: "The process turns",
  replies: { 200: Type.Object({ status: Type.String() }) },
});
const readySchema = routeSchema("/readyz", {
  tag,
  summary: "Recovered, disk writable, event loop healthy",
  replies: { 200: health, 503: health },
});
const metricsSchema = routeSchema("/metrics", {
  tag,
  summary: "Prometheus metrics",
  replies: { 200: Type.String() },
  replyTypes: ["text/plain"],
});

/** Registers `/livez`, `/readyz` and `/metrics`. */
export async function operationsPlugin(
  app: FastifyInstance,
  { context, registry }: { readonly context: HttpContext; readonly registry: Registry },
): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  app.addHook("onClose", async () => {
    delay.disable();
  });
  app.get("/livez", { schema: liveSchema }, async (request, reply) => {
    sendValue(reply, negotiateHealth(request), { status: "ok" });
    return reply;
  });
  app.get("/readyz", { schema: readySchema }, async (request, reply) => {
    const health = await context.services.health();
    const problems = [...health.problems];
    const delayMs = Math.round(delay.percentile(99) / nanosecondsPerMs);
    delay.reset();
    if (delayMs > eventLoopDelayMsMax) {
      problems.push(`the event loop was late by ${delayMs} ms at the 99th percentile`);
    }
    if (context.stopping.aborted) problems.push("the server is stopping");
    const isReady = health.ready && problems.length === 0;
    reply.code(isReady ? 200 : 503);
    const status = isReady ? "ready" : "not ready";
    sendValue(reply, negotiateHealth(request), { status, problems, warnings: health.warnings });
    return reply;
  });
  app.get("/metrics", { schema: metricsSchema }, async (_request, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

// A probe that asks for a type we do not have wants to know about the server's health, not about its own headers.
function negotiateHealth(request: FastifyRequest): Negotiated {
  try {
    return negotiateValue(request);
  } catch {
    return { encoding: "json", mediaType: mediaTypes.json[0] };
  }
}
