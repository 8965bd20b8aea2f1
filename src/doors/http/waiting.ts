// Requests that wait: bounded in number, and let go when the client leaves or the door closes.

import type { FastifyReply } from "fastify";
import { LogError } from "../../base/error.ts";
import type { HttpContext } from "./http-context.ts";

/**
 * Calls `end` once: when the reply has been handed to the system in full (true), or when its connection has closed
 * before (false).
 */
export function afterReply(reply: FastifyReply, end: (wasSent: boolean) => void): void {
  const { raw } = reply;
  const { socket } = raw;
  let isOver = false;
  const finish = (isWritten: boolean): void => {
    if (isOver) return;
    isOver = true;
    // A connection that closes under a reply ends its last write too, and so "finishes" it.
    end(isWritten && socket !== null && !socket.destroyed);
  };
  raw.once("finish", () => finish(true));
  raw.once("close", () => finish(false));
  if (raw.destroyed) finish(false);
}

/**
 * Holds a reply in the door's room until it has been sent or its connection has gone.
 * @throws SERVER_OVERLOADED when there is no room.
 */
export function holdReply({ replies }: HttpContext, reply: FastifyReply, bytes: number): void {
  afterReply(reply, replies.hold(reply.raw, bytes));
}

/** Holds a reply as `holdReply` does, room or not: what it carries has been handed out already. */
export function holdReplyAnyway(context: HttpContext, reply: FastifyReply, bytes: number): void {
  afterReply(reply, context.replies.holdAnyway(reply.raw, bytes));
}

/**
 * Runs something that may wait, with a signal that aborts when the client goes away or the door closes.
 *
 * @throws THROTTLING_QUOTA_EXCEEDED when too many requests wait already.
 */
export async function whileWaiting<Result>(
  context: HttpContext,
  reply: FastifyReply,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { metrics, limits, stopping } = context;
  if (metrics.waiting >= limits.longPollsMax) {
    throw new LogError("THROTTLING_QUOTA_EXCEEDED", "too many requests are waiting", {
      facts: { longPollsMax: limits.longPollsMax },
    });
  }
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  metrics.waiting++;
  reply.raw.once("close", abort);
  stopping.addEventListener("abort", abort, { once: true });
  if (stopping.aborted || reply.raw.destroyed) abort();
  try {
    return await run(controller.signal);
  } finally {
    metrics.waiting--;
    reply.raw.off("close", abort);
    stopping.removeEventListener("abort", abort);
  }
}
