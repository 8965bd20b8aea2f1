import { expect, test } from "vitest";
import { KafkaMetrics } from "../../../src/doors/kafka/kafka-metrics.ts";

test("metrics: requests of an API: add up, with their errors by code", () => {
  const metrics = new KafkaMetrics();
  const answered = { seconds: 0.5, bytesIn: 10, bytesOut: 20, errorCodes: [3, 3, 7] };
  metrics.api("produce").observe(answered);
  metrics.api("produce").observe({ ...answered, errorCodes: [3] });
  metrics.api("fetch");
  expect([...metrics.apis()].map(({ name }) => name)).toEqual(["produce", "fetch"]);
  const produce = metrics.api("produce");
  expect(produce).toMatchObject({ count: 2, bytesIn: 20, bytesOut: 40 });
  expect(produce.latency.secondsSum).toBe(1);
  expect([...produce.countByErrorCode]).toEqual([
    [3, 3],
    [7, 1],
  ]);
});
