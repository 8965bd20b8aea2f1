import { expect, test } from "vitest";
import { HttpMetrics, latencyBucketsSeconds } from "../../../src/doors/http/http-metrics.ts";

test("route counters: a latency on a bound falls into that bucket, one above all into the last", () => {
  const route = new HttpMetrics().route("GET /x");
  route.observe(200, latencyBucketsSeconds[0]);
  route.observe(200, latencyBucketsSeconds[1]);
  route.observe(500, 1e6);
  expect(route.countByBucket.slice(0, 3)).toEqual([1, 1, 0]);
  expect(route.countByBucket.at(-1)).toBe(1);
  expect([...route.countByStatus]).toEqual([
    [200, 2],
    [500, 1],
  ]);
});
