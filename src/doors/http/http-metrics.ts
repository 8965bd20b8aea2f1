// The door's own counters: plain numbers while requests run, read when somebody asks.

import { LatencyCounts } from "../latency.ts";

/** Requests of one method and route. */
export class RouteCounters {
  readonly method: string;
  /** The pattern of its path, or `unmatched`. */
  readonly route: string;
  /** Requests by status. */
  readonly countByStatus = new Map<number, number>();
  readonly latency = new LatencyCounts();

  constructor(method: string, route: string) {
    this.method = method;
    this.route = route;
  }

  /** Counts one request. */
  observe(status: number, seconds: number): void {
    this.countByStatus.set(status, (this.countByStatus.get(status) ?? 0) + 1);
    this.latency.observe(seconds);
  }
}

/** All counters of one door. */
export class HttpMetrics {
  readonly #byRoute = new Map<string, Map<string, RouteCounters>>();
  /** Bytes of request bodies. */
  bytesIn = 0;
  /** Bytes of record replies and streams. */
  bytesOut = 0;
  /** Records accepted. */
  recordsIn = 0;
  /** Records returned. */
  recordsOut = 0;
  /** Reads and polls waiting, streams included. */
  waiting = 0;
  /** Bytes of bodies in memory. */
  bodyBytesInFlight = 0;
  /** Connections dropped because of the limit. */
  connectionsDropped = 0;

  /** The counters of one route, looked up by two names that exist: joining them would cost more than the count. */
  route(method: string, route: string): RouteCounters {
    let byMethod = this.#byRoute.get(route);
    if (byMethod === undefined) {
      byMethod = new Map();
      this.#byRoute.set(route, byMethod);
    }
    const known = byMethod.get(method);
    if (known !== undefined) return known;
    const counters = new RouteCounters(method, route);
    byMethod.set(method, counters);
    return counters;
  }

  /** The counters of every route that was ever asked for. */
  *routes(): Iterable<RouteCounters> {
    for (const byMethod of this.#byRoute.values()) yield* byMethod.values();
  }
}
