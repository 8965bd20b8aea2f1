import { describe, expect, expectTypeOf, test } from "vitest";
import {
  array,
  arrayOf,
  bool,
  bytes,
  type Decoded,
  defaultsOf,
  type Encodable,
  int32,
  int64,
  isInVersion,
  string,
  struct,
  uuid,
  zeroUuid,
} from "../../src/protocol/field.ts";

const fields = {
  name: string,
  rack: string.nullable().since(1),
  state: string.nullable(3).until(4),
  epoch: int32.since(2).or(-1),
  leader: struct({ id: int32.or(-1), offset: int64 })
    .since(2)
    .tag(0),
  items: array({ id: uuid, content: bytes }).nullable(),
  ids: arrayOf(int32),
  isInternal: bool,
};

describe("fields", () => {
  test("defaults: stated, else null where null is always allowed, else empty", () => {
    expect(defaultsOf(fields)).toEqual({
      name: "",
      rack: null,
      state: "",
      epoch: -1,
      leader: { id: -1, offset: 0 },
      items: null,
      ids: [],
      isInternal: false,
    });
    expect(uuid.spec.fallback).toBe(zeroUuid);
  });

  test("versions: from the first to the last", () => {
    const { spec } = int32.since(2).until(3);
    expect([1, 2, 3, 4].map((version) => isInVersion(spec, version))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(isInVersion(int32.spec, 0)).toBe(true);
  });

  test("a changed field: is a copy", () => {
    expect(int32.since(2)).not.toBe(int32);
    expect(int32.spec).toMatchObject({ firstVersion: 0, tagNumber: null, fallback: 0 });
  });

  test("types: every field decoded, those with a default may be left out while encoding", () => {
    expectTypeOf<Decoded<typeof fields>>().branded.toEqualTypeOf<{
      readonly name: string;
      readonly rack: string | null;
      readonly state: string | null;
      readonly epoch: number;
      readonly leader: { readonly id: number; readonly offset: number };
      readonly items: readonly { readonly id: string; readonly content: Uint8Array }[] | null;
      readonly ids: readonly number[];
      readonly isInternal: boolean;
    }>();
    const least: Encodable<typeof fields> = { name: "", items: null, ids: [], isInternal: true };
    const more: Encodable<typeof fields> = { ...least, leader: { offset: 1 }, epoch: undefined };
    expect(Object.keys(more)).toEqual(["name", "items", "ids", "isInternal", "leader", "epoch"]);
    // @ts-expect-error a field of all versions without a default is needed
    const lacking: Encodable<typeof fields> = { name: "", items: null, ids: [] };
    expect(lacking).toBeDefined();
  });
});
