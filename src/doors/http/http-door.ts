// The HTTP door: fastify with one plugin for each resource, and what holds for every request.

import type { FastifyInstance } from "fastify";
import { fastify } from "fastify";
import { Registry } from "prom-client";
import type { IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { LogError } from "../../base/error.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { Services } from "../../services.ts";
import type { Door } from "../door.ts";
import { takeBodies } from "./bodies.ts";
import { describeApi } from "./docs.ts";
import { groupOffsetsPlugin } from "./group-offsets.ts";
import { groupsPlugin } from "./groups.ts";
import type { HttpContext, HttpLimits } from "./http-context.ts";
import { defaultHttpLimits } from "./http-context.ts";
import { HttpMetrics } from "./http-metrics.ts";
import { mergedRecordsPlugin } from "./merged-records.ts";
import { exportMetrics } from "./metrics-export.ts";
import { operationsPlugin } from "./operations.ts";
import { pollPlugin } from "./poll.ts";
import { PollSessions } from "./poll-sessions.ts";
import { nameError, problemOf, problemType } from "./problem.ts";
import { producePlugin } from "./produce.ts";
import { recordsPlugin } from "./records.ts";
import { sendProblem } from "./replies.ts";
import { bodyCompilers } from "./route-schema.ts";
import { topicsPlugin } from "./topics.ts";

/** What the door is built from. */
export interface HttpDoorOptions {
  readonly services: Services;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Address to bind, e.g. 127.0.0.1. */
  readonly host: string;
  /** 0 takes a free port; see `address`. */
  readonly port: number;
  /** Where `/metrics` reads, and where the door adds its own metrics; its own when absent. */
  readonly registry?: Registry;
  /** Where they differ from `defaultHttpLimits`. */
  readonly limits?: Partial<HttpLimits>;
}

/** The HTTP door; `app` is its fastify instance, ready for `inject`. */
export interface HttpDoor extends Door {
  readonly app: FastifyInstance;
  /** Reads, polls and streams waiting now. */
  readonly waiting: number;
}

/** Builds the door; it accepts nothing before `listen`. */
export async function createHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const { services, clock, random, logger } = options;
  const stop = new AbortController();
  const limits = { ...defaultHttpLimits, ...options.limits };
  const metrics = new HttpMetrics();
  const context: HttpContext = {
    services,
    clock,
    random,
    logger,
    limits,
    metrics,
    stopping: stop.signal,
  };
  const app = buildApp(context);
  takeBodies(app, context);
  const registry = options.registry ?? new Registry();
  exportMetrics(registry, metrics);
  await registerPlugins(app, context, registry);
  await app.ready();
  return {
    app,
    get waiting() {
      return metrics.waiting;
    },
    listen: async () => {
      await app.listen({ host: options.host, port: options.port });
    },
    address: () => addressOf(app),
    close: async (deadlineMs) => {
      stop.abort();
      const cut = clock.after(deadlineMs, () => app.server.closeAllConnections());
      await app.close();
      cut.cancel();
    },
  };
}

async function registerPlugins(
  app: FastifyInstance,
  context: HttpContext,
  registry: Registry,
): Promise<void> {
  const { services, clock, limits } = context;
  const sessions = new PollSessions({ services, clock, sessionsMax: limits.pollSessionsMax });
  describeApi(app);
  await app.register(topicsPlugin, { context });
  await app.register(producePlugin, { context });
  await app.register(recordsPlugin, { context });
  await app.register(mergedRecordsPlugin, { context });
  await app.register(groupsPlugin, { context, sessions });
  await app.register(groupOffsetsPlugin, { context });
  await app.register(pollPlugin, { context, sessions });
  await app.register(operationsPlugin, { context, registry });
}

function buildApp(context: HttpContext): FastifyInstance {
  const { limits } = context;
  const app = fastify({
    logger: false,
    genReqId: requestIds(context.random),
    requestIdHeader: false,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    // Bodies have their own watch: a stream may take longer than any fixed time.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    bodyLimit: limits.bodyBytesMax,
    http: { headersTimeout: limits.headersTimeoutMs, maxHeaderSize: limits.headerBytesMax },
    routerOptions: { maxParamLength: 4096 },
    exposeHeadRoutes: true,
    clientErrorHandler: refuseBrokenRequest,
    schemaController: { compilersFactory: bodyCompilers },
  });
  app.server.maxConnections = limits.connectionsMax;
  app.server.on("drop", () => {
    context.metrics.connectionsDropped++;
  });
  app.decorateRequest("bodyBytes", 0);
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    if (!context.stopping.aborted) {
      done();
      return;
    }
    reply.header("connection", "close");
    sendProblem(reply, new LogError("SERVER_STOPPING", "the server is shutting down"));
  });
  app.addHook("onResponse", (request, reply, done) => {
    context.metrics.bodyBytesInFlight -= request.bodyBytes;
    const route = request.routeOptions.url ?? "unmatched";
    const counters = context.metrics.route(`${request.method} ${route}`);
    counters.observe(reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    const named = nameError(error);
    if (named.code === "UNKNOWN_SERVER_ERROR") {
      const facts = { err: error, requestId: request.id, method: request.method, url: request.url };
      context.logger.error(facts, "a request failed unexpectedly");
    }
    sendProblem(reply, named);
  });
  const routes = collectRoutes(app);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allowed.length === 0) {
      sendProblem(reply, new LogError("NOT_FOUND", `there is nothing at ${path.slice(0, 200)}`));
      return;
    }
    const allow = [...new Set(allowed)].join(", ");
    reply.header("allow", allow);
    const detail = `${request.method} is not a method of this path; it has ${allow}`;
    sendProblem(reply, new LogError("METHOD_NOT_ALLOWED", detail));
  });
  return app;
}

interface KnownRoute {
  readonly method: string;
  readonly pattern: RegExp;
}

function collectRoutes(app: FastifyInstance): readonly KnownRoute[] {
  const routes: KnownRoute[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    const source = url.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/:[a-z]+/gi, "[^/]+");
    const pattern = new RegExp(`^${source.replace("*", ".*")}$`);
    for (const name of Array.isArray(method) ? method : [method]) {
      routes.push({ method: name, pattern });
    }
  });
  return routes;
}

// The caller's id if it is fit to be echoed, else one of ours: a random prefix for the process and a counter.
function requestIds(random: Random): (request: { headers: IncomingMessage["headers"] }) => string {
  const prefix = Buffer.from(random.bytes(6)).toString("hex");
  let count = 0;
  return ({ headers }) => {
    const given = headers["x-request-id"];
    if (
      typeof given === "string" &&
      /^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/.test(given)
    ) {
      return given;
    }
    return `${prefix}-${(++count).toString(36)}`;
  };
}

// What HTTP's own parser refuses never becomes a request, so it is answered on the bare socket.
function refuseBrokenRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const isLate = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const isLong = error.code === "HPE_HEADER_OVERFLOW";
  const line = isLate
    ? "408 Request Timeout"
    : isLong
      ? "431 Request Header Fields Too Large"
      : "400 Bad Request";
  const detail = isLate
    ? "the request did not arrive in time"
    : isLong
      ? "the request's headers are too large"
      : "not an HTTP/1.1 request";
  const { body } = problemOf(new LogError("INVALID_REQUEST", detail), "about:blank");
  const document = JSON.stringify({
    ...(JSON.parse(body) as object),
    status: Number(line.slice(0, 3)),
  });
  const head = [
    `HTTP/1.1 ${line}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(document)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${document}`);
}

function addressOf(app: FastifyInstance): string | null {
  const address = app.server.address() as AddressInfo | null;
  if (address === null) return null;
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
