// Answers what reaches no route: text that is not HTTP, requests that HTTP itself forbids, paths that cannot be
// decoded, unknown paths and methods. All of it as problem documents with a request id, like every other error.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { LogError } from "../../base/error.ts";
import { replyInProgress } from "./connections.ts";
import { problemOf, problemType } from "./problem.ts";
import { sendProblem } from "./replies.ts";
import type { RequestNaming } from "./request-id.ts";

/** What Node's HTTP parser says of a request it gives up. */
export type ParserError = Error & { readonly code?: string };

interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
}

const notHttp: Refusal = { status: 400, reason: "Bad Request", detail: "not an HTTP/1.1 request" };
const refusals: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    reason: "Request Timeout",
    detail: "the request did not arrive in time",
  },
  HPE_HEADER_OVERFLOW: {
    status: 431,
    reason: "Request Header Fields Too Large",
    detail: "the request's headers are too large",
  },
};

/** Answers on the bare socket, since what the parser refuses never becomes a request. */
export function refuseUnparsed(error: ParserError, socket: Socket, name: RequestNaming): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  // It belongs to the request before, which was in order; this refusal would be taken for its answer.
  const reply = replyInProgress(socket);
  if (reply !== null && !reply.writableFinished && reply.req.complete) {
    reply.once("finish", () => refuseUnparsed(error, socket, name));
    return;
  }
  const refusal = refusals[error.code ?? ""] ?? notHttp;
  const id = name({ headers: {} });
  const document = documentOf(refusal, id);
  const head = [
    `HTTP/1.1 ${refusal.status} ${refusal.reason}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(document)}`,
    `x-request-id: ${id}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${document}`);
}

/** Answers requests that expect something other than `100-continue`. */
export function refuseExpectations(app: FastifyInstance, name: RequestNaming): void {
  app.server.on("checkExpectation", (request: IncomingMessage, reply: ServerResponse) => {
    const id = name(request);
    const detail = "the only expectation that is met is 100-continue";
    const document = documentOf({ status: 417, reason: "", detail }, id);
    reply.writeHead(417, {
      "content-type": problemType,
      "content-length": Buffer.byteLength(document),
      "x-request-id": id,
      connection: "close",
    });
    reply.end(document);
  });
}

/** Answers what the router itself refuses, a path that cannot be decoded: no hook has seen it. */
export function refuseUnrouted(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  reply.header("x-request-id", request.id);
  sendProblem(reply, error);
}

/** Answers unknown paths with 404, methods that a path does not have with 405, and OPTIONS with what it has. */
export function answerUnknown(app: FastifyInstance): void {
  const routes = collectRoutes(app);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allowed.length === 0) {
      sendProblem(reply, new LogError("NOT_FOUND", `there is nothing at ${path.slice(0, 200)}`));
      return;
    }
    const allow = [...new Set([...allowed, "OPTIONS"])].join(", ");
    reply.header("allow", allow);
    if (request.method === "OPTIONS") {
      reply.code(204).send();
      return;
    }
    const detail = `${request.method} is not a method of this path; it has ${allow}`;
    sendProblem(reply, new LogError("METHOD_NOT_ALLOWED", detail));
  });
}

function documentOf({ status, detail }: Refusal, id: string): string {
  const error = new LogError("INVALID_REQUEST", detail);
  const { body } = problemOf(error, `urn:varve:request:${id}`);
  return JSON.stringify({ ...(JSON.parse(body) as object), status });
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
