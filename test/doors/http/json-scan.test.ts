import fc from "fast-check";
import { expect, test } from "vitest";
import { isJson, jsonDepthMax } from "../../../src/doors/http/json-scan.ts";

const seed = 20240613;

function scans(text: string): boolean {
  const bytes = Buffer.from(text);
  return isJson(bytes, 0, bytes.length);
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("scanner: any JSON, with any white space: it is JSON", () => {
  const text = fc.tuple(fc.json(), fc.constantFrom("", " ", "\n\t"), fc.nat(3));
  fc.assert(
    fc.property(text, ([json, space, indent]) => {
      const pretty = JSON.stringify(JSON.parse(json), null, indent);
      return scans(`${space}${json}${space}`) && scans(pretty);
    }),
    { seed },
  );
});

test("scanner: text near JSON: it says what JSON.parse says", () => {
  const pieces = fc.constantFrom(
    ...Array.from('{}[],:"\\/0123456789-+.eEtfnulrsab \n\r\t\u0001\u0010é😀'),
    "\\u00e9",
    "\\u12",
    "true",
    "null",
    '"k":',
    "1.5e+3",
    "-0",
    "01",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      return scans(text) === parses(text);
    }),
    { seed, numRuns: 20_000 },
  );
});

test("scanner: one byte of JSON changed: it says what JSON.parse says", () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.integer({ min: 0, max: 127 }), (json, at, byte) => {
      const bytes = Buffer.from(json);
      bytes[at % bytes.length] = byte;
      const text = bytes.toString("latin1");
      const latin = Buffer.from(text, "latin1");
      return isJson(latin, 0, latin.length) === parses(text);
    }),
    { seed, numRuns: 5000 },
  );
});

test.each([
  "\\u\u0010012",
  "\\u00g0",
  '"\u0000"',
  "\u00a01",
  "\ufeff1",
  "1 2",
  "nul",
  "-",
  "1.",
  "1e",
])("scanner: %j: not JSON", (text) => {
  expect(scans(text)).toBe(false);
  expect(scans(`"${text}`)).toBe(false);
});

test("scanner: depth: the limit is taken, one more is refused", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  expect(scans(nested(jsonDepthMax))).toBe(true);
  expect(scans(nested(jsonDepthMax + 2))).toBe(false);
  expect(scans("[".repeat(1_000_000))).toBe(false);
});

test("scanner: any byte at any place of a string, next to any other: it says what JSON.parse says", () => {
  // Strings are stepped over four bytes at a time, with arithmetic that borrows from one byte to the next.
  const neighbours = [0x00, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x61, 0x7f];
  for (let byte = 0; byte < 128; byte++) {
    for (const neighbour of neighbours) {
      for (let at = 0; at < 9; at++) {
        const inside = Array.from("abcdefghijkl");
        inside[at] = String.fromCharCode(byte);
        inside[at + 1] = String.fromCharCode(neighbour);
        const text = `["${inside.join("")}"]`;
        expect({ text, isJson: scans(text) }).toEqual({ text, isJson: parses(text) });
      }
    }
  }
});

test("scanner: bytes above ASCII in a string: are passed over, and its end is found", () => {
  for (let length = 0; length < 20; length++) {
    const text = `"${"é€😀".repeat(length)}${"x".repeat(length % 4)}"`;
    expect(scans(text)).toBe(true);
    expect(scans(text.slice(0, -1))).toBe(false);
  }
});
