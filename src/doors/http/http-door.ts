// The HTTP door: fastify with one plugin for each resource, and what holds for every request.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { fastify } from "fastify";
import { Registry } from "prom-client";
import { setMaxListeners } from "node:events";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { LogError } from "../../base/error.ts";
import type { Logger } from "../../base/logger.ts";
import { LoopShare } from "../../base/loop-share.ts";
import type { Random } from "../../base/random.ts";
import type { Services } from "../../services.ts";
import { type Door, listenBacklog } from "../door.ts";
import { backupPlugin } from "./backup.ts";
import { releaseBody, takeBodies } from "./bodies.ts";
import { boundConnections, inTurn } from "./connections.ts";
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
import { nameError } from "./problem.ts";
import { producePlugin } from "./produce.ts";
import { producersPlugin } from "./producers.ts";
import { queueDeadPlugin } from "./queue-dead.ts";
import { queueMessagesPlugin } from "./queue-messages.ts";
import { queueReceivePlugin } from "./queue-receive.ts";
import { queueSettlePlugin } from "./queue-settle.ts";
import { queuesPlugin } from "./queues.ts";
import { recordsPlugin } from "./records.ts";
import { answerUnknown, refuseExpectations, refuseUnparsed, refuseUnrouted } from "./refusals.ts";
import { sendProblem } from "./replies.ts";
import { ReplyRoom } from "../reply-room.ts";
import { requestNaming } from "./request-id.ts";
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
  // As many listeners as there are requests waiting, which has a limit of its own.
  setMaxListeners(0, stop.signal);
  const limits = { ...defaultHttpLimits, ...options.limits };
  const metrics = new HttpMetrics();
  const context: HttpContext = {
    services,
    clock,
    random,
    logger,
    limits,
    metrics,
    replies: new ReplyRoom(clock, limits.replyBytesInFlightMax),
    share: new LoopShare(clock),
    stopping: stop.signal,
  };
  const app = buildApp(context);
  takeBodies(app, context);
  const registry = options.registry ?? new Registry();
  exportMetrics(registry, metrics, context.replies);
  await registerPlugins(app, context, registry);
  await app.ready();
  return {
    app,
    get waiting() {
      return metrics.waiting;
    },
    listen: async () => {
      await app.listen({ host: options.host, port: options.port, backlog: listenBacklog });
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
  await app.register(producersPlugin, { context });
  await app.register(recordsPlugin, { context });
  await app.register(mergedRecordsPlugin, { context });
  await app.register(groupsPlugin, { context, sessions });
  await app.register(groupOffsetsPlugin, { context });
  await app.register(pollPlugin, { context, sessions });
  await app.register(queuesPlugin, { context });
  await app.register(queueMessagesPlugin, { context });
  await app.register(queueReceivePlugin, { context });
  await app.register(queueSettlePlugin, { context });
  await app.register(queueDeadPlugin, { context });
  await app.register(backupPlugin, { context });
  await app.register(operationsPlugin, { context, registry });
}

function buildApp(context: HttpContext): FastifyInstance {
  const { limits } = context;
  const naming = requestNaming(context.random);
  const app = fastify({
    logger: false,
    genReqId: naming,
    requestIdHeader: false,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    // Bodies have their own watch: a stream may take longer than any fixed time.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    bodyLimit: limits.bodyBytesMax,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      maxHeaderSize: limits.headerBytesMax,
      // Looked at below, so that this refusal is a problem document as well.
      requireHostHeader: false,
    },
    routerOptions: { maxParamLength: 4096 },
    exposeHeadRoutes: true,
    frameworkErrors: refuseUnrouted,
    clientErrorHandler: (error, socket) => refuseUnparsed(error, socket, naming),
    schemaController: { compilersFactory: bodyCompilers },
  });
  boundConnections(app, context);
  app.decorateRequest("bodyBytes", 0);
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    if (mayHaveBody(request)) {
      // A reply whose client has gone is never finished: `onResponse` does not come then.
      reply.raw.on("close", () => releaseBody(request, context));
    }
    if (!context.stopping.aborted && !lacksHost(request)) {
      inTurn(request, reply.raw, done);
      return;
    }
    reply.header("connection", "close");
    const refusal = context.stopping.aborted
      ? new LogError("SERVER_STOPPING", "the server is shutting down")
      : new LogError("INVALID_REQUEST", "an HTTP/1.1 request must have a host header");
    sendProblem(reply, refusal);
  });
  app.addHook("onResponse", (request, reply, done) => {
    releaseBody(request, context);
    const counters = context.metrics.route(request.method, request.routeOptions.url ?? "unmatched");
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
  answerUnknown(app);
  refuseExpectations(app, naming);
  return app;
}

function mayHaveBody({ headers }: FastifyRequest): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

// RFC 9112, section 3.2.
function lacksHost({ headers, raw }: FastifyRequest): boolean {
  return headers.host === undefined && raw.httpVersion === "1.1";
}

function addressOf(app: FastifyInstance): string | null {
  const address = app.server.address() as AddressInfo | null;
  if (address === null) return null;
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
