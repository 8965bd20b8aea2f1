import { expect, test } from "vitest";
import { LatencyCounts, latencyBucketsSeconds, latencyMetric } from "../../src/doors/latency.ts";

test("latency: one on a bound falls into that bucket, one above all into the last", () => {
  const latency = new LatencyCounts();
  latency.observe(latencyBucketsSeconds[0]);
  latency.observe(latencyBucketsSeconds[1]);
  latency.observe(1e6);
  expect(latency.countByBucket.slice(0, 3)).toEqual([1, 1, 0]);
  expect(latency.countByBucket.at(-1)).toBe(1);
});

test("latency: as a metric: buckets are cumulative, and what is read is read anew each time", async () => {
  const latency = new LatencyCounts();
  const about = { name: "x_seconds", help: "How long." };
  const metric = latencyMetric(about, () => [{ labels: { of: "a" }, latency }]);
  latency.observe(0.002);
  latency.observe(99);
  const { values } = await metric.get();
  expect(values).toContainEqual({
    metricName: "x_seconds_bucket",
    labels: { of: "a", le: 0.001 },
    value: 0,
  });
  expect(values).toContainEqual({
    metricName: "x_seconds_bucket",
    labels: { of: "a", le: 60 },
    value: 1,
  });
  expect(values).toContainEqual({
    metricName: "x_seconds_bucket",
    labels: { of: "a", le: "+Inf" },
    value: 2,
  });
  expect(values).toContainEqual({
    metricName: "x_seconds_count",
    labels: { of: "a" },
    value: 2,
  });
});
