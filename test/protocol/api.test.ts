import { describe, expect, test } from "vitest";
import { api, isFlexible } from "../../src/protocol/api.ts";
import { int16 } from "../../src/protocol/field.ts";

const table = { key: 7, versions: [2, 5], request: { a: int16 }, response: {} } as const;

describe("api", () => {
  test("versions: become the first and the last", () => {
    expect(api({ ...table, flexibleFrom: 4 })).toEqual({
      key: 7,
      minVersion: 2,
      maxVersion: 5,
      flexibleFrom: 4,
      request: table.request,
      response: table.response,
    });
  });

  test("flexible: from its version on, or never", () => {
    const some = api({ ...table, flexibleFrom: 4 });
    expect([3, 4, 5].map((version) => isFlexible(some, version))).toEqual([false, true, true]);
    const none = api({ ...table, flexibleFrom: null });
    expect(isFlexible(none, 5)).toBe(false);
  });
});
