import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpFixture, httpFixture } from "../../support/http-fixture.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture();
  const asked: unknown[] = [];
  Object.assign(http.services, {
    transactions: {
      initProducerId: async (request: unknown) => {
        asked.push(request);
        return { producerId: 4000 + asked.length, producerEpoch: 0 };
      },
    },
  });
});
afterAll(() => http.close());

test("a producer id: 201, another one each time, with or without an empty body", async () => {
  const first = await http.json("POST", "/v1/producers");
  expect(first).toMatchObject({ status: 201, body: { producerId: 4001, producerEpoch: 0 } });
  const second = await http.json("POST", "/v1/producers", {});
  expect(second).toMatchObject({ status: 201, body: { producerId: 4002, producerEpoch: 0 } });
});

test("what it does not take: 400", async () => {
  expect((await http.json("POST", "/v1/producers", { transactionalId: "t" })).status).toBe(400);
  expect((await http.json("POST", "/v1/producers?x=1")).status).toBe(400);
});
