// Requests that wait: bounded in number, and let go when the client leaves or the door closes.

import type { FastifyReply } from "fastify";
import { LogError } from "../../base/error.ts";
import type { HttpContext } from "./http-context.ts";

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
