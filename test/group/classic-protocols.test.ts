import { describe, expect, test } from "vitest";
import {
  commonProtocols,
  electProtocol,
  isSameProtocols,
  metadataOf,
} from "../../src/group/classic-protocols.ts";

const voter = (...names: readonly string[]) => ({
  protocols: names.map((name) => ({ name, metadata: Buffer.from(`of ${name}`) })),
});

describe("classic protocols", () => {
  test.each([
    [[], []],
    [[["a", "b"]], ["a", "b"]],
    [
      [
        ["a", "b", "c"],
        ["c", "a"],
      ],
      ["a", "c"],
    ],
    [[["a"], ["b"]], []],
    [[["a", "b"], ["b"], ["a"]], []],
  ])("common to %j: %j", (voters, common) => {
    expect(commonProtocols(voters.map((names) => voter(...names)))).toEqual(common);
  });

  test.each([
    [[], ""],
    [[["a", "b"]], "a"],
    [
      [
        ["a", "b"],
        ["b", "a"],
        ["b", "a"],
      ],
      "b",
    ],
    // What only some know gets no votes: those who like it best vote for the next they like.
    [
      [
        ["x", "b", "a"],
        ["b", "a"],
        ["a", "b"],
      ],
      "b",
    ],
    [
      [
        ["a", "b"],
        ["b", "a"],
      ],
      "a",
    ],
    [[["a"], ["b"]], ""],
  ])("elected by %j: %j", (voters, elected) => {
    expect(electProtocol(voters.map((names) => voter(...names)))).toBe(elected);
  });

  test("metadata for a protocol; none for one that is not known", () => {
    expect(Buffer.from(metadataOf(voter("a", "b"), "b")).toString()).toBe("of b");
    expect(metadataOf(voter("a"), "b").length).toBe(0);
  });

  test("the same: names, order and bytes", () => {
    const { protocols } = voter("a", "b");
    expect(isSameProtocols(protocols, voter("a", "b").protocols)).toBe(true);
    expect(isSameProtocols(protocols, voter("b", "a").protocols)).toBe(false);
    expect(isSameProtocols(protocols, voter("a").protocols)).toBe(false);
    const other = [...voter("a").protocols, { name: "b", metadata: Buffer.from("else") }];
    expect(isSameProtocols(protocols, other)).toBe(false);
  });
});
