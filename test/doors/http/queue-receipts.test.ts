import fc from "fast-check";
import { expect, test } from "vitest";
import {
  parseReceipt,
  receiptHead,
  receiptOffset,
  receiptTail,
} from "../../../src/doors/http/queue-receipts.ts";

test("property: what is written is read", () => {
  const number = fc.maxSafeNat();
  const receipts = fc.record({
    partition: number,
    offset: number,
    deliveries: number,
    epoch: number,
  });
  fc.assert(
    fc.property(receipts, (receipt) => {
      const { partition, offset } = receipt;
      const text = receiptHead(partition) + receiptOffset(offset) + receiptTail(receipt);
      expect(text).toMatch(/^[0-9a-z-]+$/);
      expect(parseReceipt(text)).toEqual(receipt);
    }),
  );
});

test.each([
  "",
  "1-2-3",
  "1-2-3-4-5",
  "1-2-3-",
  "1--3-4",
  "-1-2-3-4",
  "1-2-3-A",
  "1-2-3-4 ",
  "1-2-3-4\n",
  "1.0-2-3-4",
  "zzzzzzzzzzz-1-1-1",
])("%j: none", (text) => {
  expect(parseReceipt(text)).toBeNull();
});
