import { expect, test } from "vitest";
import {
  listenerFor,
  listenerText,
  parseListener,
  plainAddress,
} from "../../../src/doors/kafka/listener.ts";

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::FFFF:10.1.2.3", "10.1.2.3"],
  ["fe80::1", "fe80::1"],
])("listener: nothing set, reached at %s: the client is told %s", (localAddress, host) => {
  expect(listenerFor(null, { localAddress, localPort: 9092 })).toEqual({ host, port: 9092 });
});

test("listener: an advertised address: is told to everybody", () => {
  const advertised = { host: "logs.example", port: 19_092 };
  const local = { localAddress: "10.0.0.1", localPort: 9092 };
  expect(listenerFor(advertised, local)).toBe(advertised);
});

test.each([
  ["logs.example:9092", { host: "logs.example", port: 9092 }],
  ["10.0.0.1:1", { host: "10.0.0.1", port: 1 }],
  ["[::1]:65535", { host: "::1", port: 65_535 }],
])("listener: %s: is read, and written the same", (text, listener) => {
  expect(parseListener(text)).toEqual(listener);
  expect(listenerText(listener)).toBe(text);
});

test.each([
  "",
  "host",
  "host:",
  ":9092",
  "host:0",
  "host:65536",
  "::1:9092",
  "http://host:9092",
  "a b:1",
])("listener: '%s': is refused", (text) => {
  expect(() => parseListener(text)).toThrow(/host:port/);
});

test("address: what is no address stays as it is", () => {
  expect(plainAddress("")).toBe("");
});
