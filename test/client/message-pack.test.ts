import { expect, test } from "vitest";
import { decodeBody, encodeBody } from "../../src/client/message-pack.ts";

test("message pack: bytes, large offsets and times: come back as they were", () => {
  const value = {
    value: Buffer.from([0, 255]),
    offset: 2 ** 53 - 1,
    timestampMs: 1_700_000_000_000,
    nil: null,
  };
  expect(decodeBody(encodeBody(value), "application/msgpack")).toEqual(value);
  expect(encodeBody({ v: new Uint8Array([1]) }).toString()).toBe(
    Buffer.from([0x81, 0xa1, 0x76, 0xc4, 1, 1]).toString(),
  );
});

test("message pack: an integer of 64 bits: is a number, not a bigint", () => {
  const bytes = Buffer.from("81a16fcf0000000100000000", "hex");
  expect(decodeBody(bytes, "application/msgpack")).toEqual({ o: 2 ** 32 });
});

test("decode: JSON kinds, nothing, and what is neither", () => {
  const json = Buffer.from('{"a":1}');
  expect(decodeBody(json, "application/problem+json; charset=utf-8")).toEqual({ a: 1 });
  expect(decodeBody(json, "application/json")).toEqual({ a: 1 });
  expect(decodeBody(Buffer.alloc(0), "text/html")).toBeNull();
  expect(decodeBody(json, "text/html")).toBeUndefined();
  expect(decodeBody(Buffer.from("{"), "application/json")).toBeUndefined();
  expect(decodeBody(Buffer.from([0x92, 1]), "application/msgpack")).toBeUndefined();
});
