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
