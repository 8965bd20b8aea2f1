import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture();
});
afterAll(() => http.close());

test("livez and readyz; problems make it 503", async () => {
  expect((await http.json("GET", "/livez")).status).toBe(200);
  expect((await http.json("GET", "/readyz")).body).toEqual({
    status: "ready",
    problems: [],
    warnings: [],
  });
  http.services.problems = ["the disk is full"];
  const answer = await http.json("GET", "/readyz");
  http.services.problems = [];
  expect(answer).toMatchObject({ status: 503, body: { problems: ["the disk is full"] } });
});

test("metrics: requests by route and status, latency, records, the process", async () => {
  await http.json("POST", "/v1/topics/met/records", { records: [{ value: 1 }, { value: 2 }] });
  const { body } = await http.call({ method: "GET", url: "/metrics" });
  const labels = 'method="POST",route="/v1/topics/:topic/records"';
  expect(body).toMatch(`varve_http_requests_total{${labels},status="200"} 1`);
  expect(body).toContain(`varve_http_request_duration_seconds_bucket{${labels},le="+Inf"}`);
  expect(body).toMatch(/varve_http_records_in_total [2-9]/);
  expect(body).toContain("varve_http_body_bytes 0");
  expect(body).toContain("process_resident_memory_bytes");
  expect(body).toContain("nodejs_eventloop_lag_p99_seconds");
});
