import { expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { wholeBatchBytes } from "../../src/record/batch-size.ts";
import { batchOf } from "../support/batches.ts";

const batch = batchOf([{ value: "a" }]);
const refused = expect.objectContaining({ code: "CORRUPT_MESSAGE" });

test("whole batches one after the other: each with its size", () => {
  const two = Buffer.concat([batch, batch]);
  expect(wholeBatchBytes(viewOf(two), 0)).toBe(batch.length);
  expect(wholeBatchBytes(viewOf(two), batch.length)).toBe(batch.length);
});

test.each([
  ["a length of nothing", -12],
  ["a length that goes back", -13],
  ["a length below a header", 48],
  ["a length beyond the bytes", batch.length - 11],
  ["the largest length", 2 ** 31 - 1],
])("%s: refused", (_, length) => {
  const bytes = Buffer.from(batch);
  bytes.writeInt32BE(length, 8);
  expect(() => wholeBatchBytes(viewOf(bytes), 0)).toThrow(refused);
});

test("less than a header, nothing, or a place outside: refused", () => {
  const view = viewOf(batch);
  for (const at of [batch.length - 60, batch.length, batch.length + 5]) {
    expect(() => wholeBatchBytes(view, at)).toThrow(refused);
  }
});
