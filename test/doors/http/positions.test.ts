import { expect, test } from "vitest";
import { parsePosition } from "../../../src/doors/http/positions.ts";

test.each([
  ["earliest", { kind: "earliest" }],
  ["latest", { kind: "latest" }],
  ["0", { kind: "offset", offset: 0 }],
  ["9007199254740991", { kind: "offset", offset: Number.MAX_SAFE_INTEGER }],
  ["-5", { kind: "last", count: 5 }],
  ["@0", { kind: "time", timestampMs: 0 }],
  ["@1700000000000", { kind: "time", timestampMs: 1_700_000_000_000 }],
  ["@2024-02-29", { kind: "time", timestampMs: Date.UTC(2024, 1, 29) }],
  ["@2024-01-02T03:04:05Z", { kind: "time", timestampMs: Date.UTC(2024, 0, 2, 3, 4, 5) }],
  ["@2024-01-02T03:04:05.678", { kind: "time", timestampMs: Date.UTC(2024, 0, 2, 3, 4, 5, 678) }],
  ["@2024-01-02T03:04+02:00", { kind: "time", timestampMs: Date.UTC(2024, 0, 2, 1, 4) }],
  ["@2024-01-02T03:04 02:00", { kind: "time", timestampMs: Date.UTC(2024, 0, 2, 1, 4) }],
  ["@2024-01-02T03:04:05-0130", { kind: "time", timestampMs: Date.UTC(2024, 0, 2, 4, 34, 5) }],
])("position %j: is read", (text, position) => {
  expect(parsePosition(text, "from")).toEqual(position);
});

test.each([
  "",
  "-0",
  "+1",
  "1.5",
  "1e3",
  " 1",
  "0x1",
  "--1",
  "9007199254740993",
  "99999999999999999999",
  "-99999999999999999999",
  "Earliest",
  "@",
  "@-1",
  "@1e3",
  "@yesterday",
  "@2024-13-01",
  "@2023-02-29",
  "@2024-01-02T25:00",
  "@99999999999999999",
  "1:2",
])("position %j: refused", (text) => {
  expect(() => parsePosition(text, "from")).toThrow(/'from' must be/);
});
