// Latencies as doors count them: a histogram of plain numbers while requests run, Prometheus' form when it is scraped.

import type { Metric } from "prom-client";

/** Upper bounds of the histogram's buckets, in seconds. */
export const latencyBucketsSeconds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;

/** How long requests of one kind took. */
export class LatencyCounts {
  /** Requests by bucket; the last is for those above every bound. */
  readonly countByBucket: number[] = new Array<number>(latencyBucketsSeconds.length + 1).fill(0);
  /** Sum of latencies. */
  secondsSum = 0;

  /** Counts one request. */
  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < latencyBucketsSeconds.length) {
      if (seconds <= (latencyBucketsSeconds[bucket] ?? 0)) break;
      bucket++;
    }
    this.countByBucket[bucket] = (this.countByBucket[bucket] ?? 0) + 1;
    this.secondsSum += seconds;
  }
}

/** The requests of one kind, and the labels they are shown under. */
export interface LabelledLatency {
  readonly labels: Readonly<Record<string, string>>;
  readonly latency: LatencyCounts;
}

/**
 * A histogram metric for a registry. prom-client's own counts while it observes; this one is built from our buckets
 * when it is asked for.
 *
 * @param about Its name and help.
 * @param read  What there is to show now.
 */
export function latencyMetric(
  { name, help }: { readonly name: string; readonly help: string },
  read: () => Iterable<LabelledLatency>,
): Metric {
  const metric = {
    name,
    get: async () => {
      const values: object[] = [];
      for (const { labels, latency } of read()) {
        let count = 0;
        for (const [index, inBucket] of latency.countByBucket.entries()) {
          count += inBucket;
          const le = latencyBucketsSeconds[index] ?? "+Inf";
          values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
        }
        values.push({ metricName: `${name}_sum`, labels, value: latency.secondsSum });
        values.push({ metricName: `${name}_count`, labels, value: count });
      }
      return { name, help, type: "histogram", aggregator: "sum", values };
    },
    reset: () => undefined,
  };
  return metric as unknown as Metric;
}
