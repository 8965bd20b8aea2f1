import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assignedPartitionsOf, subscribedTopicsOf } from "../../src/group/classic-subscription.ts";
import { assignmentOf, subscriptionOf } from "../support/classic-world.ts";

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("classic subscription", () => {
  test("topics: by hand, of any version, with whatever follows", () => {
    expect(subscribedTopicsOf(subscriptionOf(["a", "größe"]))).toEqual(["a", "größe"]);
    // Version 1 without the owned partitions that it should have, as some clients send it.
    expect(subscribedTopicsOf(hex("0001 00000001 0001 74 ffffffff"))).toEqual(["t"]);
    expect(subscribedTopicsOf(hex("0000 00000000 ffffffff"))).toEqual([]);
    expect(subscribedTopicsOf(hex("0009 00000001 0001 74 12345678"))).toEqual(["t"]);
    expect(subscribedTopicsOf(hex("0000 ffffffff"))).toEqual([]);
  });

  test("assignments: by hand; no bytes are no partitions", () => {
    expect(assignedPartitionsOf(new Uint8Array(0))).toEqual([]);
    const bytes = hex("0001 00000001 0001 74 00000002 00000000 00000003 ffffffff");
    expect(assignedPartitionsOf(bytes)).toEqual([{ topic: "t", partitions: [0, 3] }]);
    expect(assignedPartitionsOf(assignmentOf("u", [7]))).toEqual([{ topic: "u", partitions: [7] }]);
  });

  test.each([
    ["", "nothing"],
    ["00", "half a version"],
    ["ffff 00000000", "a version below 0"],
    ["0000 00000001", "a list that ends early"],
    ["0000 7fffffff 0000", "a count beyond the bytes"],
    ["0000 00000001 ffff", "a text of length -1"],
    ["0000 00000001 0005 74", "a text beyond the bytes"],
  ])("%j is %s: not readable", (bytes) => {
    expect(subscribedTopicsOf(hex(bytes))).toBe(null);
  });

  test("any bytes: an answer, and soon", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const topics = subscribedTopicsOf(bytes);
        expect(topics === null || topics.length <= bytes.length).toBe(true);
        assignedPartitionsOf(bytes);
      }),
    );
  });
});
