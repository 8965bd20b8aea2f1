import fc from "fast-check";
import { pack } from "msgpackr";
import { expect, test } from "vitest";
import { MsgpackScanner } from "../../../src/doors/http/msgpack-scan.ts";

const scannerOn = (bytes: Uint8Array): MsgpackScanner => {
  const scanner = new MsgpackScanner();
  scanner.reset(bytes);
  return scanner;
};

test("numbers: whatever an encoder writes is read back", () => {
  const numbers = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true }), fc.integer());
  fc.assert(
    fc.property(numbers, (value) => Object.is(scannerOn(pack(value)).number() + 0, value + 0)),
    { seed: 2 },
  );
});

test.each([
  ["cf 0020000000000000", 2 ** 53],
  ["d3 ffffffffffffffff", -1],
  ["d3 ffe0000000000001", -Number.MAX_SAFE_INTEGER],
  ["d0 80", -128],
  ["d1 ff00", -256],
  ["d2 80000000", -(2 ** 31)],
  ["ca 3fc00000", 1.5],
  ["e0", -32],
])("number %s: %d", (hex, value) => {
  expect(scannerOn(Buffer.from(hex.replaceAll(" ", ""), "hex")).number()).toBe(value);
});

test("cut short anywhere: nothing is read past the end", () => {
  const whole = pack({ a: [1, 2 ** 40, "text".repeat(20), Buffer.alloc(300)], b: null });
  for (let length = 0; length < whole.length; length++) {
    expect(scannerOn(whole.subarray(0, length)).value()).toBe(false);
  }
  expect(scannerOn(whole).value()).toBe(true);
});
