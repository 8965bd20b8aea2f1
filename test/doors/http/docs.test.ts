import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture();
});
afterAll(() => http.close());

test("openapi: 3.1, every route of the contract, queries and problems included", async () => {
  const { body } = await http.json("GET", "/openapi.json");
  expect(body.openapi).toMatch(/^3\.1/);
  expect(Object.keys(body.paths).sort()).toEqual([
    "/livez",
    "/metrics",
    "/readyz",
    "/v1/admin/backup",
    "/v1/groups",
    "/v1/groups/{group}",
    "/v1/groups/{group}/commit",
    "/v1/groups/{group}/leave",
    "/v1/groups/{group}/offsets",
    "/v1/groups/{group}/poll",
    "/v1/producers",
    "/v1/queues",
    "/v1/queues/{queue}",
    "/v1/queues/{queue}/dead",
    "/v1/queues/{queue}/messages",
    "/v1/queues/{queue}/receive",
    "/v1/queues/{queue}/redrive",
    "/v1/queues/{queue}/settle",
    "/v1/topics",
    "/v1/topics/{topic}",
    "/v1/topics/{topic}/offsets",
    "/v1/topics/{topic}/partitions/{partition}/records",
    "/v1/topics/{topic}/records",
    "/v1/topics/{topic}/trim",
  ]);
  const produce = body.paths["/v1/topics/{topic}/records"].post;
  expect(Object.keys(produce.requestBody.content)).toContain("application/x-ndjson");
  expect(produce.parameters.map(({ name }: { name: string }) => name)).toContain("acks");
  expect(produce.responses.default.content).toHaveProperty("application/problem+json");
  expect(produce.responses["200"].content).toHaveProperty("application/msgpack");
  const send = body.paths["/v1/queues/{queue}/messages"].post;
  const message = send.requestBody.content["application/x-ndjson"].schema;
  expect(Object.keys(message.properties)).toEqual(expect.arrayContaining(["delayMs", "value"]));
  const put = body.paths["/v1/queues/{queue}"].put;
  expect(put.tags).toEqual(["queues"]);
  expect(put.requestBody.content["application/json"].schema.properties).toHaveProperty("backoff");
});

test("docs: a page that asks no other host", async () => {
  const page = await http.call({ method: "GET", url: "/docs" });
  const answer = page.statusCode === 302 ? await http.call({ method: "GET", url: "/docs/" }) : page;
  expect(answer.statusCode).toBe(200);
  expect(answer.body).toContain("swagger");
  expect(answer.body).not.toMatch(/(?:src|href)="https?:/);
});
