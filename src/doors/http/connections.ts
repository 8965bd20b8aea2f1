// What holds for connections, whatever is asked on them: how many there may be, and how long one may stand still.

import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HttpContext } from "./http-context.ts";

/** Bounds the app's connections. */
export function boundConnections(app: FastifyInstance, { limits, metrics }: HttpContext): void {
  const { server } = app;
  server.maxConnections = limits.connectionsMax;
  server.on("drop", () => {
    metrics.connectionsDropped++;
  });
  // Fires when nothing was read or written for this long; bytes that the other side takes slowly count as written.
  server.timeout = limits.streamStallMs;
  server.on("timeout", (socket: Socket) => {
    const isStalled = socket.writableLength > 0;
    const hasNeverAsked = socket.bytesRead === 0;
    // A read may wait in silence for as long as it likes, uploads have their own watch, and a connection between two
    // requests lasts as long as its keep-alive header has promised.
    if (isStalled || hasNeverAsked) socket.destroy();
  });
}

/**
 * Begins a request when the replies to those before it on its connection have been sent. Pipelined requests arrive by
 * the hundred in one packet; begun together they would hold all their replies in memory at once. Produce requests,
 * whose replies are small, begin as they come and so share a sync.
 */
export function inTurn(request: FastifyRequest, reply: ServerResponse, begin: () => void): void {
  const isBehind = reply.socket === null;
  if (isBehind && request.routeOptions.config.body === undefined) {
    reply.once("socket", () => begin());
  } else {
    begin();
  }
}

/** The reply that is being made or sent on a connection; null between requests. */
export function replyInProgress(socket: Socket): ServerResponse | null {
  // Node keeps it here, and nowhere that is documented.
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
}
