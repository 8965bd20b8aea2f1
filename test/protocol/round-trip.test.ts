import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apis } from "../../src/protocol/apis.ts";
import { decodeMessage, encodeMessage, frameOf, titleOf } from "./frame-bytes.ts";
import { expectedOf, messages, structOf } from "./table-arbitrary.ts";

const runs = { seed: 482, numRuns: 12 };

// Views of a frame are buffers; what they hold is what counts.
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

describe("every message in every version", () => {
  for (const name of Object.keys(apis)) {
    test(`${name}: comes back as it was, absent fields as their defaults`, () => {
      for (const message of messages.filter((one) => one.name === name)) {
        const property = fc.property(structOf(message.fields), (body) => {
          const frame = encodeMessage(message, body);
          expect(frame.bytes).toBe(frame.chunks.reduce((sum, chunk) => sum + chunk.length, 0));
          expect(Buffer.concat(frame.chunks).readInt32BE(0)).toBe(frame.bytes - 4);
          const decoded = decodeMessage(message, frameOf(frame));
          expect(plain(decoded), titleOf(message)).toEqual(
            plain(expectedOf(message.fields, message.version, body)),
          );
        });
        fc.assert(property, runs);
      }
    });
  }
});

describe("the tables", () => {
  test("keys: each once, in ascending order", () => {
    const keys = Object.values(apis).map((table) => table.key);
    expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
  });
});
