// How a producer packs and sends, and what holds when nothing is said.

import { invalidArgument } from "./errors.ts";
import type { Acks } from "./produce-call.ts";

/** How a producer packs and sends; all but the topic may be left out. */
export interface ProducerOptions {
  readonly topic: string;
  /** Default `all`. With 0 offsets are unknown and given as -1. */
  readonly acks?: Acks;
  /**
   * Each record is stored once and in order, although requests whose outcome is unknown are sent again; also when the
   * server is killed and comes back. Default true with acks `all`, which it needs. Only the record that makes a topic,
   * when it has a key, is sent as without.
   */
  readonly idempotent?: boolean;
  /** How long an idempotent request is sent again before it fails, in milliseconds. Default 120,000. */
  readonly deliveryTimeoutMs?: number;
  /** How long a record may wait for company, in milliseconds. Default 0: those of one turn travel together. */
  readonly lingerMs?: number;
  /** Records in one request at most. Default 5,000. */
  readonly batchRecordsMax?: number;
  /** Bytes in one request at most, unless one record is larger. Default 512 KiB, or what the topic takes. */
  readonly batchBytesMax?: number;
  /** Requests under way at once, never two for one partition. Default 8. */
  readonly inFlightMax?: number;
  /** Bytes held for records not yet acknowledged. Default 32 MiB. */
  readonly bufferBytesMax?: number;
  /** Age at which the partition count is asked for again, in milliseconds. Default 60,000. */
  readonly partitionsAgeMsMax?: number;
  /** After a failure send nothing more, so that nothing overtakes what failed. Default false. */
  readonly haltOnError?: boolean;
  /** Sends again when the outcome is unknown, where that is not idempotent: stored twice, maybe. Default false. */
  readonly retryUnknown?: boolean;
}

/** The options with their defaults. */
export type ProducerSettings = Required<ProducerOptions>;

/** Fills in the defaults. @throws INVALID_REQUEST for `idempotent` with other acks than `all` */
export function producerSettings(options: ProducerOptions): ProducerSettings {
  const { acks = "all" } = options;
  if (options.idempotent === true && acks !== "all") {
    throw invalidArgument("an idempotent producer needs acks 'all'");
  }
  return {
    acks,
    idempotent: acks === "all",
    deliveryTimeoutMs: 120_000,
    lingerMs: 0,
    batchRecordsMax: 5_000,
    batchBytesMax: 512 * 1024,
    inFlightMax: 8,
    bufferBytesMax: 32 * 1024 * 1024,
    partitionsAgeMsMax: 60_000,
    haltOnError: false,
    retryUnknown: false,
    ...options,
  };
}
