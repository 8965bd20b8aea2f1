import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { apis } from "../../src/protocol/apis.ts";
import { decodeRequest, decodeRequestHeader } from "../../src/protocol/codec.ts";
import { bytesOf, decodeMessage, encodeMessage, frameOf, titleOf } from "./frame-bytes.ts";
import { type Message, messages, structOf } from "./table-arbitrary.ts";

const seed = 91;
const largestSample = 220;

// The first and the last version of an API stand for its two encodings.
const chosen = messages.filter(
  ({ name, version }) => version === apis[name].minVersion || version === apis[name].maxVersion,
);

function sampleOf(message: Message): Buffer {
  const bodies = fc.sample(structOf(message.fields), { seed, numRuns: 20 });
  const frames = bodies.map((body) => frameOf(encodeMessage(message, body)));
  // Large enough to have some of everything, small enough to be cut at every byte.
  const wanted = frames
    .filter((frame) => frame.length < largestSample)
    .sort((a, b) => b.length - a.length);
  return wanted[0] ?? frameOf(encodeMessage(message, {}));
}

const samples = chosen.map((message) => {
  const frame = sampleOf(message);
  const bodyAt = message.direction === "request" ? decodeRequestHeader(frame).bodyAt : 4;
  return { message, frame, bodyAt };
});

function itemsIn(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return 0;
  const inside = Object.values(value).reduce((sum: number, item) => sum + itemsIn(item), 0);
  return inside + (Array.isArray(value) ? value.length : 0);
}

/** True when the frame could be read; anything thrown but the one error fails the test. */
function isReadable(message: Message, frame: Uint8Array): boolean {
  try {
    const decoded = decodeMessage(message, frame);
    if (itemsIn(decoded) <= frame.length) return true;
    throw new Error(`${titleOf(message)}: ${itemsIn(decoded)} items of ${frame.length} bytes`);
  } catch (error) {
    if (error instanceof LogError && error.code === "INVALID_REQUEST") return false;
    throw error;
  }
}

describe("hostile frames", () => {
  test("cut at any byte: refused", () => {
    for (const { message, frame } of samples) {
      for (let length = 0; length < frame.length; length++) {
        if (!isReadable(message, frame.subarray(0, length))) continue;
        expect.unreachable(`${titleOf(message)} cut to ${length} of ${frame.length} is read`);
      }
    }
  });

  test("a byte too many: refused in responses, not looked at in requests", () => {
    for (const { message, frame } of samples) {
      const longer = Buffer.concat([frame, Buffer.of(0)]);
      expect(isReadable(message, longer), titleOf(message)).toBe(message.direction === "request");
    }
  });

  test("any one byte changed: read or refused, nothing else", () => {
    for (const { message, frame, bodyAt } of samples) {
      for (let at = bodyAt; at < frame.length; at++) {
        for (const mask of [0x01, 0x80]) {
          const broken = Buffer.from(frame);
          broken[at] = (broken[at] ?? 0) ^ mask;
          isReadable(message, broken);
        }
      }
    }
  });

  test("huge lengths anywhere: no more items than bytes", () => {
    for (const { message, frame, bodyAt } of samples) {
      for (let at = bodyAt; at < frame.length - 5; at++) {
        for (const huge of ["7fffffff", "ffffffff0f"]) {
          const broken = Buffer.from(frame);
          broken.write(huge, at, "hex");
          isReadable(message, broken);
        }
      }
    }
  });

  test("random bytes as a body: read or refused, nothing else", () => {
    const small = fc.uint8Array({ maxLength: 40 });
    const zeros = fc.array(fc.constantFrom(0, 1, 2, 255), { maxLength: 60 });
    for (const { message, frame, bodyAt } of samples) {
      const head = frame.subarray(0, bodyAt);
      const property = fc.property(fc.oneof(small, zeros), (body) => {
        isReadable(message, Buffer.concat([head, Buffer.from(body)]));
      });
      fc.assert(property, { seed, numRuns: 25 });
    }
  });

  test("a large frame of tiny items: refused", () => {
    const list = bytesOf("0010 0005 00000001 0000 00 01 8089 7a");
    const frame = Buffer.concat([list, new Uint8Array(2_000_000).fill(1)]);
    const header = decodeRequestHeader(frame);
    expect(() => decodeRequest("listGroups", header, frame)).toThrow("more than 500000 items");
  });

  test("random bytes as a header: read or refused, nothing else", () => {
    const property = fc.property(fc.uint8Array({ maxLength: 30 }), (frame) => {
      try {
        expect(decodeRequestHeader(frame).bodyAt).toBeLessThanOrEqual(frame.length);
      } catch (error) {
        expect(error).toMatchObject({ code: "INVALID_REQUEST" });
      }
    });
    fc.assert(property, { seed, numRuns: 2_000 });
  });
});
