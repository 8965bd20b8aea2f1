import { expect, test } from "vitest";
import { nextFetchedOffset } from "../../src/share/fetched-end.ts";
import { batchOf } from "../support/batches.ts";

test("the offset behind the last batch, or where reading began when there is none", () => {
  const batches = [
    batchOf([{ value: "a" }, { value: "b" }], { baseOffset: 4 }),
    batchOf([{ value: "c" }, { value: "d" }, { value: "e" }], { baseOffset: 9 }),
  ];
  expect(nextFetchedOffset(Buffer.concat(batches), 5)).toBe(12);
  expect(nextFetchedOffset(new Uint8Array(0), 5)).toBe(5);
});
