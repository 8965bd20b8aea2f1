// Reads in the stored form: whole record batches, byte for byte, straight from the log to the socket.

import type { FastifyReply } from "fastify";
import { viewOf } from "../../base/bytes.ts";
import { nextOffsetAt } from "../../record/batch-header.ts";
import { wholeBatchBytes } from "../../record/batch-size.ts";
import type { HttpContext } from "./http-context.ts";
import { mediaTypes } from "./negotiation.ts";
import type { ReadRequest } from "./reading.ts";
import { fetchError } from "./reading.ts";
import { holdReply } from "./waiting.ts";

/**
 * Answers with the batches from an offset on; the first may begin below it. The bytes are on loan from the log
 * until the
 * socket has taken them or has closed. They are all there is up to the end that the isolation sets: markers, and
 * batches of aborted transactions, too.
 *
 * @throws OFFSET_OUT_OF_RANGE, OFFSET_BELOW_LOG_START, UNKNOWN_TOPIC_OR_PARTITION
 */
export async function sendBatches(
  context: HttpContext,
  reply: FastifyReply,
  request: ReadRequest,
): Promise<FastifyReply> {
  const { topic, partition, maxBytes, offset } = request;
  context.replies.require();
  const fetched = await context.services.data.fetch({
    maxWaitMs: request.waitMs,
    minBytes: request.waitMs > 0 ? 1 : 0,
    maxBytes,
    isolation: request.isolation,
    partitions: [{ topic, partition, fetchOffset: offset, maxBytes }],
    signal: request.signal,
  });
  let isReleased = false;
  const release = (): void => {
    if (!isReleased) fetched.release();
    isReleased = true;
  };
  try {
    const [result] = fetched.partitions;
    if (result === undefined) throw new Error("the engine gave no answer to a fetch");
    const failure = fetchError(result, offset);
    if (failure !== null) throw failure;
    const { batches, highWatermark, lastStableOffset, logStartOffset } = result;
    holdReply(context, reply, batches.length);
    reply.raw.once("close", release);
    reply.raw.once("finish", release);
    if (reply.raw.destroyed) release();
    context.metrics.bytesOut += batches.length;
    return reply
      .header("varve-next-offset", String(endOf(batches, offset)))
      .header("varve-high-watermark", String(highWatermark))
      .header("varve-last-stable-offset", String(lastStableOffset))
      .header("varve-log-start-offset", String(logStartOffset))
      .type(mediaTypes.batches[0])
      .send(isReleased ? Buffer.alloc(0) : bufferOver(batches));
  } catch (error) {
    release();
    throw error;
  }
}

function endOf(batches: Uint8Array, offset: number): number {
  const view = viewOf(batches);
  let next = offset;
  for (let at = 0; at < batches.length; at += wholeBatchBytes(view, at)) {
    next = nextOffsetAt(view, at);
  }
  return next;
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
