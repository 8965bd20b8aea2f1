// The door's own counters: plain numbers while requests run, read when somebody asks.

import type { ApiName } from "../../protocol/apis.ts";
import { LatencyCounts } from "../latency.ts";

/** What there is to count of one request that was answered. */
export interface AnsweredRequest {
  /** From its last byte to the readiness of its answer. */
  readonly seconds: number;
  /** With the size in front. */
  readonly bytesIn: number;
  /** With the size in front; 0 when there was no answer. */
  readonly bytesOut: number;
  /** Every code in the answer that is not 0. */
  readonly errorCodes: readonly number[];
}

/** Requests of one API. */
export class ApiCounters {
  readonly name: ApiName;
  /** Requests answered. */
  count = 0;
  /** Errors in their answers, by code: an answer may hold several. */
  readonly countByErrorCode = new Map<number, number>();
  readonly latency = new LatencyCounts();
  bytesIn = 0;
  bytesOut = 0;

  constructor(name: ApiName) {
    this.name = name;
  }

  /** Counts one request. */
  observe({ seconds, bytesIn, bytesOut, errorCodes }: AnsweredRequest): void {
    this.count++;
    this.bytesIn += bytesIn;
    this.bytesOut += bytesOut;
    this.latency.observe(seconds);
    for (const code of errorCodes) {
      this.countByErrorCode.set(code, (this.countByErrorCode.get(code) ?? 0) + 1);
    }
  }
}

/** All counters of one door. */
export class KafkaMetrics {
  readonly #byApi = new Map<ApiName, ApiCounters>();
  /** Connections taken since the start. */
  connectionsAccepted = 0;
  /** Connections open now. */
  connectionsOpen = 0;
  /** Connections refused at the limit. */
  connectionsDropped = 0;
  /** Connections closed by the door because of what came over them, or did not. */
  connectionsCut = 0;
  /** Requests that run now, those that wait for more to come included. */
  requestsInProgress = 0;

  /** The counters of one API. */
  api(name: ApiName): ApiCounters {
    const known = this.#byApi.get(name);
    if (known !== undefined) return known;
    const counters = new ApiCounters(name);
    this.#byApi.set(name, counters);
    return counters;
  }

  /** The counters of every API that was ever asked for. */
  apis(): Iterable<ApiCounters> {
    return this.#byApi.values();
  }
}
