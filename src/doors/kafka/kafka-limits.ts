// Hard limits of the Kafka door.

const MiB = 1024 * 1024;

/** Sizes are bytes, times milliseconds. */
export interface KafkaLimits {
  /** Largest request; a larger one closes its connection (Kafka: socket.request.max.bytes). */
  readonly requestBytesMax: number;
  /** Sum of all requests in memory; beyond it connections are not read. */
  readonly requestBytesInFlightMax: number;
  /** Sum of all answers that clients have not taken; beyond it the slowest clients are cut. */
  readonly replyBytesInFlightMax: number;
  /** Open connections; more are closed when they come. */
  readonly connectionsMax: number;
  /** Requests of one connection that run at once; beyond it the connection is not read. */
  readonly requestsPerConnectionMax: number;
  /** A connection without requests is closed after this long (Kafka: connections.max.idle.ms). */
  readonly idleTimeoutMs: number;
  /** A request that has begun to arrive must have arrived after this long. */
  readonly requestTimeoutMs: number;
  /** A client that takes nothing of its answers for this long is cut off. */
  readonly stallTimeoutMs: number;
  /** Share sessions at once (Kafka: group.share.max.share.sessions); no more are opened. */
  readonly shareSessionsMax: number;
  /** Partitions of all share sessions together. */
  readonly sharePartitionsMax: number;
}

/** The limits unless the server's settings say otherwise. */
export const defaultKafkaLimits: KafkaLimits = {
  requestBytesMax: 100 * MiB,
  requestBytesInFlightMax: 256 * MiB,
  replyBytesInFlightMax: 128 * MiB,
  connectionsMax: 10_000,
  requestsPerConnectionMax: 64,
  idleTimeoutMs: 600_000,
  requestTimeoutMs: 60_000,
  stallTimeoutMs: 60_000,
  shareSessionsMax: 2000,
  sharePartitionsMax: 200_000,
};
