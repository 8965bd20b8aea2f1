import { expect, test } from "vitest";
import { Type } from "../../../src/base/schema.ts";
import { closed, routeSchema } from "../../../src/doors/http/route-schema.ts";
import { httpFixture } from "../../support/http-fixture.ts";

test("route schema: path parameters, replies in every type, the problem as default", () => {
  const schema = routeSchema("/v1/a/:one/b/:two", {
    tag: "topics",
    summary: "s",
    query: { q: Type.Optional(Type.String()) },
    replies: { 200: closed({ x: Type.String() }), 204: null },
  });
  expect(schema.params).toMatchObject({ required: ["one", "two"] });
  expect(schema.querystring).toMatchObject({ additionalProperties: false });
  const response = schema.response as Record<string, { content?: object; type?: string }>;
  expect(Object.keys(response["200"]?.content ?? {})).toEqual([
    "application/json",
    "application/msgpack",
  ]);
  expect(response["204"]?.type).toBe("null");
  expect(response["default"]?.content).toHaveProperty("application/problem+json");
});

test("a refused body: the place and the field are named", async () => {
  const http = await httpFixture();
  const detail = async (body: object) =>
    (await http.json("POST", "/v1/groups/g/commit", body)).body.detail;
  const place = { topic: "t", partition: 0, offset: 1 };
  expect(await detail({ offsets: [place, { ...place, offset: "1" }] })).toContain(
    "/offsets/1/offset",
  );
  expect(await detail({ offsets: [{ ...place, offfset: 1 }] })).toContain("offfset");
  expect(await detail({ offsets: [], members: "m" })).toContain("members");
  await http.close();
});
