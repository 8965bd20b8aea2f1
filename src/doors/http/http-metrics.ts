// The door's own counters: plain numbers while requests run, read when somebody asks.

/** Upper bounds of the latency histogram's buckets, in seconds. */
export const latencyBucketsSeconds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;

/** Requests of one method and route. */
export class RouteCounters {
  readonly method: string;
  /** The pattern of its path, or `unmatched`. */
  readonly route: string;
  /** Requests by status. */
  readonly countByStatus = new Map<number, number>();
  /** Requests by latency bucket; the last is for those above every bound. */
  readonly countByBucket: number[] = new Array<number>(latencyBucketsSeconds.length + 1).fill(0);
  /** Sum of latencies. */
  secondsSum = 0;

  constructor(method: string, route: string) {
    this.method = method;
    this.route = route;
  }

  /** Counts one request. */
  observe(status: number, seconds: number): void {
    this.countByStatus.set(status, (this.countByStatus.get(status) ?? 0) + 1);
    let bucket = 0;
    while (bucket < latencyBucketsSeconds.length) {
      if (seconds <= (latencyBucketsSeconds[bucket] ?? 0)) break;
      bucket++;
    }
    this.countByBucket[bucket] = (this.countByBucket[bucket] ?? 0) + 1;
    this.secondsSum += seconds;
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
