// Shows the door's counters in a Prometheus registry: read when scraped, so that requests pay for nothing but a
// sum.

import type { Metric, Registry } from "prom-client";
import { collectDefaultMetrics, Counter, Gauge } from "prom-client";
import type { HttpMetrics } from "./http-metrics.ts";
import { latencyBucketsSeconds } from "./http-metrics.ts";

/** Registers the process's usual metrics and the door's own. Call it once for each registry. */
export function exportMetrics(registry: Registry, metrics: HttpMetrics): void {
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const total = (name: string, help: string, read: () => number): void => {
    const counter: Counter = new Counter({
      name,
      help,
      registers,
      collect(): void {
        counter.reset();
        counter.inc(read());
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number): void => {
    const shown: Gauge = new Gauge({
      name,
      help,
      registers,
      collect(): void {
        shown.set(read());
      },
    });
  };
  const requests = new Counter({
    name: "varve_http_requests_total",
    help: "Requests answered, by method, route and status.",
    labelNames: ["method", "route", "status"],
    registers,
    collect(): void {
      requests.reset();
      for (const { method, route, countByStatus } of metrics.routes()) {
        for (const [status, count] of countByStatus) requests.inc({ method, route, status }, count);
      }
    },
  });
  registry.registerMetric(latencyMetric(metrics));
  total("varve_http_body_bytes_total", "Bytes of request bodies taken.", () => metrics.bytesIn);
  total("varve_http_record_bytes_total", "Bytes of record replies sent.", () => metrics.bytesOut);
  total("varve_http_records_in_total", "Records taken over HTTP.", () => metrics.recordsIn);
  total("varve_http_records_out_total", "Records sent over HTTP.", () => metrics.recordsOut);
  total(
    "varve_http_connections_dropped_total",
    "Connections refused at the limit.",
    () => metrics.connectionsDropped,
  );
  gauge("varve_http_waiting_requests", "Reads, polls and streams waiting.", () => metrics.waiting);
  gauge(
    "varve_http_body_bytes",
    "Bytes of request bodies in memory.",
    () => metrics.bodyBytesInFlight,
  );
}

// prom-client's own histogram counts while it observes; this one is built from our buckets when it is asked for.
function latencyMetric(metrics: HttpMetrics): Metric {
  const name = "varve_http_request_duration_seconds";
  const metric = {
    name,
    get: async () => {
      const values: object[] = [];
      for (const { method, route, countByBucket, secondsSum } of metrics.routes()) {
        const labels = { method, route };
        let count = 0;
        for (const [index, inBucket] of countByBucket.entries()) {
          count += inBucket;
          const le = latencyBucketsSeconds[index] ?? "+Inf";
          values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
        }
        values.push({ metricName: `${name}_sum`, labels, value: secondsSum });
        values.push({ metricName: `${name}_count`, labels, value: count });
      }
      const help = "From a request's headers to the end of its reply.";
      return { name, help, type: "histogram", aggregator: "sum", values };
    },
    reset: () => undefined,
  };
  return metric as unknown as Metric;
}
