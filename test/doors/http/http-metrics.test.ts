import { expect, test } from "vitest";
import { HttpMetrics } from "../../../src/doors/http/http-metrics.ts";
import { latencyBucketsSeconds } from "../../../src/doors/latency.ts";

test("route counters: a latency on a bound falls into that bucket, one above all into the last", () => {
  const route = new HttpMetrics().route("GET", "/x");
  route.observe(200, latencyBucketsSeconds[0]);
  route.observe(200, latencyBucketsSeconds[1]);
  route.observe(500, 1e6);
  expect(route.latency.countByBucket.slice(0, 3)).toEqual([1, 1, 0]);
  expect(route.latency.countByBucket.at(-1)).toBe(1);
  expect([...route.countByStatus]).toEqual([
    [200, 2],
    [500, 1],
  ]);
});

test("routes: one set of counters for each method of each path, however often it is asked for", () => {
  const metrics = new HttpMetrics();
  metrics.route("GET", "/x").observe(200, 0);
  metrics.route("PUT", "/x").observe(200, 0);
  metrics.route("GET", "/y").observe(200, 0);
  metrics.route("GET", "/x").observe(404, 0);
  const found = [...metrics.routes()].map(({ method, route, countByStatus }) => {
    return [method, route, [...countByStatus.keys()]];
  });
  expect(found).toEqual([
    ["GET", "/x", [200, 404]],
    ["PUT", "/x", [200]],
    ["GET", "/y", [200]],
  ]);
});
