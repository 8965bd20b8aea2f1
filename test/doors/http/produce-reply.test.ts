import { expect, test } from "vitest";
import type { ProducePartition, ProducePartitionResult } from "../../../src/services.ts";
import { httpFixture } from "../../support/http-fixture.ts";

test.each([
  ["DISK_FULL", 507, "10"],
  ["KAFKA_STORAGE_ERROR", 503, "1"],
  ["TOPIC_AUTHORIZATION_FAILED", 403, undefined],
] as const)("a refused append: %s is %i", async (code, status, retryAfter) => {
  const http = await httpFixture();
  http.services.produceFailure = code;
  for (const records of [[{ value: 1 }], [{ value: 1 }, { value: 2 }]]) {
    const answer = await http.json("POST", "/v1/topics/t/records", { records });
    expect(answer).toMatchObject({ status, body: { code, topic: "t", partition: 0 } });
    expect(answer.headers["retry-after"]).toBe(retryAfter);
  }
  await http.close();
});

test("one partition of two refuses: an error, which says how many records were appended", async () => {
  const http = await httpFixture();
  await http.json("PUT", "/v1/topics/t", { partitions: 2 });
  const { produce } = http.services.data;
  http.services.data.produce = async (request) => {
    const results = await produce(request);
    return results.map((result): ProducePartitionResult => {
      return result.partition === 1 ? { ...result, error: "DISK_FULL", baseOffset: -1 } : result;
    });
  };
  const records = [0, 1, 0].map((partition) => ({ partition, value: 1 }));
  const answer = await http.json("POST", "/v1/topics/t/records", { records });
  expect(answer).toMatchObject({
    status: 507,
    body: { code: "DISK_FULL", partition: 1, appendedRecords: 2 },
  });
  await http.close();
});

test("durability: what holds for the weakest partition", async () => {
  const http = await httpFixture();
  await http.json("PUT", "/v1/topics/t", { partitions: 2 });
  const { produce } = http.services.data;
  http.services.data.produce = async (request: { partitions: readonly ProducePartition[] }) => {
    const results = await produce({ acks: 1, partitions: request.partitions });
    return results.map((result): ProducePartitionResult => {
      return result.partition === 1 ? { ...result, durability: "written" } : result;
    });
  };
  const post = async (...partitions: number[]) => {
    const records = partitions.map((partition) => ({ partition, value: 1 }));
    return (await http.json("POST", "/v1/topics/t/records", { records })).body.durability;
  };
  expect(await post(0, 0)).toBe("fsync");
  expect(await post(0, 1)).toBe("written");
  expect(await post(1)).toBe("written");
  await http.close();
});
