import { expect, test } from "vitest";
import { bareMediaType, bodyEncoding, negotiate } from "../../../src/doors/http/negotiation.ts";

const offered = ["json", "msgpack", "ndjson"] as const;

test.each([
  [undefined, "application/json"],
  ["*/*", "application/json"],
  ["text/html,*/*;q=0.8", "application/json"],
  ["application/msgpack", "application/msgpack"],
  ["application/x-msgpack, application/json;q=0.9", "application/x-msgpack"],
  ["application/json;q=0.1, application/*", "application/msgpack"],
  ["application/json;q=0, application/x-ndjson;q=0.2", "application/x-ndjson"],
  ["APPLICATION/JSON; charset=utf-8", "application/json"],
])("accept %j: answers in %s", (accept, mediaType) => {
  expect(negotiate(accept, offered).mediaType).toBe(mediaType);
});

test.each(["text/html", "application/json;q=0", "nonsense", "application/json;q=7"])(
  "accept %j: not acceptable",
  (accept) => {
    expect(() => negotiate(accept, ["json"])).toThrow(/answers in application\/json/);
  },
);

test.each([
  ["application/json; charset=utf-8", "json"],
  ["Application/Vnd.Msgpack", "msgpack"],
  ["application/x-ndjson;x=1", "ndjson"],
  ["text/plain", null],
  [undefined, null],
])("content-type %j: is %s", (contentType, encoding) => {
  expect(bodyEncoding(contentType)).toBe(encoding);
});

test("bare media type: parameters and case are dropped", () => {
  expect(bareMediaType("Text/Plain ; q=1")).toBe("text/plain");
});
