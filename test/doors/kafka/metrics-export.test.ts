import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { KafkaMetrics } from "../../../src/doors/kafka/kafka-metrics.ts";
import { exportMetrics } from "../../../src/doors/kafka/metrics-export.ts";

test("export: scraped twice: counts are the door's, not added up; errors have names", async () => {
  const registry = new Registry();
  const metrics = new KafkaMetrics();
  exportMetrics(registry, metrics, () => 77);
  metrics.connectionsOpen = 2;
  const answered = { seconds: 0.002, bytesIn: 10, bytesOut: 20, errorCodes: [3] };
  metrics.api("fetch").observe(answered);
  await registry.metrics();
  const text = await registry.metrics();
  expect(text).toContain("varve_kafka_connections 2");
  expect(text).toContain("varve_kafka_request_bytes 77");
  expect(text).toContain('varve_kafka_requests_total{api="fetch"} 1');
  expect(text).toContain('varve_kafka_request_bytes_total{api="fetch"} 10');
  expect(text).toContain('varve_kafka_response_bytes_total{api="fetch"} 20');
  expect(text).toContain(
    'varve_kafka_errors_total{api="fetch",error="UNKNOWN_TOPIC_OR_PARTITION"} 1',
  );
  expect(text).toContain('varve_kafka_request_duration_seconds_bucket{api="fetch",le="0.0025"} 1');
  expect(text).toContain('varve_kafka_request_duration_seconds_count{api="fetch"} 1');
});
