// What every plugin of the HTTP door is handed: the services, and the door's own limits and counters.

import type { Clock } from "../../base/clock.ts";
import type { LoopShare } from "../../base/loop-share.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { Services } from "../../services.ts";
import type { HttpMetrics } from "./http-metrics.ts";
import type { ReplyRoom } from "../reply-room.ts";

/** Hard limits of the door. Sizes are bytes, times milliseconds. */
export interface HttpLimits {
  /** Largest request body; an NDJSON stream may be longer but is then not all-or-none. */
  readonly bodyBytesMax: number;
  /** Sum of all bodies in memory; beyond it requests are refused with SERVER_OVERLOADED. */
  readonly bodyBytesInFlightMax: number;
  /** Sum of all replies that clients have not taken; beyond it the slowest clients are cut. */
  readonly replyBytesInFlightMax: number;
  /** The door closes a batch before it grows past this; below the usual max.message.bytes. */
  readonly batchBytesMax: number;
  /** Open connections; more are dropped when they come. */
  readonly connectionsMax: number;
  /** Reads and polls that wait, streams included; beyond it: THROTTLING_QUOTA_EXCEEDED. */
  readonly longPollsMax: number;
  /** Longest `waitMs`. */
  readonly waitMsMax: number;
  /** Largest `maxRecords`. */
  readonly maxRecordsMax: number;
  /** Largest `maxBytes`. */
  readonly maxBytesMax: number;
  /** All headers of one request. */
  readonly headerBytesMax: number;
  /** A body must have arrived after this long; an NDJSON stream must not stand still for as long. */
  readonly requestTimeoutMs: number;
  /** The headers must have arrived after this long. */
  readonly headersTimeoutMs: number;
  /** An idle connection is closed after this long. */
  readonly keepAliveTimeoutMs: number;
  /** A reader of a stream that takes nothing for this long is cut off. */
  readonly streamStallMs: number;
  /** How often a quiet event stream gets a comment. */
  readonly streamHeartbeatMs: number;
  /** Poll sessions kept; the longest unused one makes room. */
  readonly pollSessionsMax: number;
}

/** The limits unless the server's settings say otherwise. */
export const defaultHttpLimits: HttpLimits = {
  bodyBytesMax: 16 * 1024 * 1024,
  bodyBytesInFlightMax: 256 * 1024 * 1024,
  replyBytesInFlightMax: 128 * 1024 * 1024,
  batchBytesMax: 1_000_000,
  connectionsMax: 10_000,
  longPollsMax: 5_000,
  waitMsMax: 60_000,
  maxRecordsMax: 100_000,
  maxBytesMax: 64 * 1024 * 1024,
  headerBytesMax: 16 * 1024,
  requestTimeoutMs: 300_000,
  headersTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000,
  streamStallMs: 30_000,
  streamHeartbeatMs: 15_000,
  pollSessionsMax: 10_000,
};

/** What plugins work with. */
export interface HttpContext {
  readonly services: Services;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: HttpLimits;
  readonly metrics: HttpMetrics;
  readonly replies: ReplyRoom;
  /** Asked by whatever works on much data, so that the event loop keeps turning. */
  readonly share: LoopShare;
  /** Aborted when the door begins to close: what waits answers at once. */
  readonly stopping: AbortSignal;
}
