import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { ReplyRoom } from "../../../src/doors/reply-room.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { HttpMetrics } from "../../../src/doors/http/http-metrics.ts";
import { exportMetrics } from "../../../src/doors/http/metrics-export.ts";

test("export: scraped twice: counts are the door's, not added up; buckets are cumulative", async () => {
  const registry = new Registry();
  const metrics = new HttpMetrics();
  exportMetrics(registry, metrics, new ReplyRoom(new FakeClock(), 1));
  metrics.recordsIn = 5;
  metrics.route("GET", "/x").observe(200, 0.002);
  metrics.route("GET", "/x").observe(200, 99);
  await registry.metrics();
  const text = await registry.metrics();
  expect(text).toContain("varve_http_records_in_total 5");
  const bucket = 'varve_http_request_duration_seconds_bucket{method="GET",route="/x",le=';
  expect(text).toContain(`${bucket}"0.001"} 0`);
  expect(text).toContain(`${bucket}"0.0025"} 1`);
  expect(text).toContain(`${bucket}"60"} 1`);
  expect(text).toContain(`${bucket}"+Inf"} 2`);
  registry.clear();
});
