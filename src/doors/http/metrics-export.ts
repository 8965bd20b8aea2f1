// Shows the door's counters in a Prometheus registry: read when scraped, so that requests pay for nothing but a
// sum.

import type { Registry } from "prom-client";
import { collectDefaultMetrics, Counter, Gauge } from "prom-client";
import { type LabelledLatency, latencyMetric } from "../latency.ts";
import type { ReplyRoom } from "../reply-room.ts";
import type { HttpMetrics } from "./http-metrics.ts";

/** Registers the process's usual metrics and the door's own. Call it once for each registry. */
export function exportMetrics(registry: Registry, metrics: HttpMetrics, replies: ReplyRoom): void {
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
  const duration = {
    name: "varve_http_request_duration_seconds",
    help: "From a request's headers to the end of its reply.",
  };
  registry.registerMetric(latencyMetric(duration, () => latencies(metrics)));
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
  gauge("varve_http_reply_bytes", "Bytes of replies not taken yet.", () => replies.heldBytes);
  total(
    "varve_http_slow_readers_cut_total",
    "Connections cut because their replies filled the memory.",
    () => replies.cutCount,
  );
  gauge(
    "varve_http_body_bytes",
    "Bytes of request bodies in memory.",
    () => metrics.bodyBytesInFlight,
  );
}

function* latencies(metrics: HttpMetrics): Iterable<LabelledLatency> {
  for (const { method, route, latency } of metrics.routes()) {
    yield { labels: { method, route }, latency };
  }
}
