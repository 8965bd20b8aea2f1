import { unpack } from "msgpackr";
import { expect, test } from "vitest";
import { packValue } from "../../../src/doors/http/replies.ts";
import { httpFixture } from "../../support/http-fixture.ts";

test("packed values: plain maps that any decoder reads; integers stay integers", () => {
  const value = { a: [{ x: 1 }, { x: 2 }], big: 2 ** 40, none: null };
  const bytes = packValue(value);
  expect(unpack(bytes)).toEqual(value);
  // A map head, not an extension that only the encoder's own library knows.
  expect(bytes[0]).toBe(0x83);
});

test("plain endpoints: MessagePack both ways", async () => {
  const http = await httpFixture();
  const answer = await http.call({
    method: "PUT",
    url: "/v1/topics/t",
    headers: { "content-type": "application/vnd.msgpack", accept: "application/msgpack" },
    payload: packValue({ partitions: 2 }),
  });
  expect(answer.statusCode).toBe(201);
  expect(answer.headers["content-type"]).toBe("application/msgpack");
  expect(unpack(answer.rawPayload)).toMatchObject({ name: "t", partitions: [{}, {}] });
  const trailing = Buffer.concat([packValue({ partitions: 2 }), Buffer.from([0xc0])]);
  const refused = await http.call({
    method: "PUT",
    url: "/v1/topics/t",
    headers: { "content-type": "application/msgpack" },
    payload: trailing,
  });
  expect(refused.statusCode).toBe(400);
  await http.close();
});
