// Shows the door's counters in a Prometheus registry: read when scraped, so that requests pay for nothing but a sum.

import { Counter, Gauge, type Registry } from "prom-client";
import { type LabelledLatency, latencyMetric } from "../latency.ts";
import { errorNameOf } from "./error-code.ts";
import type { ApiCounters, KafkaMetrics } from "./kafka-metrics.ts";

/**
 * Registers the door's metrics. Call it once for each registry.
 *
 * @param requestBytes Tells how many bytes of requests are in memory.
 */
export function exportMetrics(
  registry: Registry,
  metrics: KafkaMetrics,
  requestBytes: () => number,
): void {
  exportRequests(registry, metrics);
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
  total(
    "varve_kafka_connections_accepted_total",
    "Connections taken.",
    () => metrics.connectionsAccepted,
  );
  total(
    "varve_kafka_connections_dropped_total",
    "Connections refused at the limit.",
    () => metrics.connectionsDropped,
  );
  total(
    "varve_kafka_connections_cut_total",
    "Connections closed because of what came over them, or did not.",
    () => metrics.connectionsCut,
  );
  gauge("varve_kafka_connections", "Connections open.", () => metrics.connectionsOpen);
  gauge(
    "varve_kafka_requests_in_progress",
    "Requests that run, waiting ones included.",
    () => metrics.requestsInProgress,
  );
  gauge("varve_kafka_request_bytes", "Bytes of requests in memory.", requestBytes);
}

function exportRequests(registry: Registry, metrics: KafkaMetrics): void {
  const perApi = (name: string, help: string, read: (api: ApiCounters) => number): void => {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: ["api"],
      registers: [registry],
      collect(): void {
        counter.reset();
        for (const api of metrics.apis()) counter.inc({ api: api.name }, read(api));
      },
    });
  };
  perApi("varve_kafka_requests_total", "Requests answered, by API.", (api) => api.count);
  perApi("varve_kafka_request_bytes_total", "Bytes of requests, by API.", (api) => api.bytesIn);
  perApi("varve_kafka_response_bytes_total", "Bytes of answers, by API.", (api) => api.bytesOut);
  const errors = new Counter({
    name: "varve_kafka_errors_total",
    help: "Errors in answers, by API and name; an answer may hold several.",
    labelNames: ["api", "error"],
    registers: [registry],
    collect(): void {
      errors.reset();
      for (const { name, countByErrorCode } of metrics.apis()) {
        for (const [code, count] of countByErrorCode) {
          errors.inc({ api: name, error: errorNameOf(code) }, count);
        }
      }
    },
  });
  const duration = {
    name: "varve_kafka_request_duration_seconds",
    help: "From a request's last byte until its answer is ready; a fetch that waits included.",
  };
  registry.registerMetric(latencyMetric(duration, () => latencies(metrics)));
}

function* latencies(metrics: KafkaMetrics): Iterable<LabelledLatency> {
  for (const { name, latency } of metrics.apis()) yield { labels: { api: name }, latency };
}
