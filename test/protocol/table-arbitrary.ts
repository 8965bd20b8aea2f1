// Messages made from the tables: arbitrary values of every field, and what each comes back as in one version.

import fc from "fast-check";
import { type ApiName, apis } from "../../src/protocol/apis.ts";
import { type FieldSpec, type Fields, isInVersion, type Shape } from "../../src/protocol/field.ts";

/** One message of the tables. */
export interface Message {
  readonly name: ApiName;
  readonly version: number;
  readonly direction: "request" | "response";
  readonly fields: Fields;
}

/** Every API in every version, both directions. */
export const messages: readonly Message[] = (Object.keys(apis) as ApiName[]).flatMap((name) => {
  const { minVersion, maxVersion, request, response } = apis[name];
  return Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => minVersion + i).flatMap(
    (version): readonly Message[] => [
      { name, version, direction: "request", fields: request },
      { name, version, direction: "response", fields: response },
    ],
  );
});

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.constant("long and plain text ".repeat(9)),
);

const hexId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((id) => Buffer.from(id).toString("hex"));

const uuidText = hexId.map((hex) =>
  [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    "-",
  ),
);

// The ends of an int64 are no safe integers, but they are numbers.
const int64 = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-1, -(2 ** 63), 2 ** 32, -(2 ** 32)));

const content = fc.oneof(
  fc.uint8Array({ maxLength: 5 }),
  fc.constantFrom(1023, 1024, 5000).map((length) => new Uint8Array(length).fill(7)),
);

/** Structs with every field of the table, whether or not a version has it; some are left out, some are null. */
export function structOf(fields: Fields): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  return fc.record(
    Object.fromEntries(Object.entries(fields).map(([name, { spec }]) => [name, valueOf(spec)])),
  );
}

function valueOf(spec: FieldSpec): fc.Arbitrary<unknown> {
  const value = shapeOf(spec.shape);
  const orNull =
    spec.nullableFrom === Infinity
      ? value
      : fc.oneof({ weight: 3, arbitrary: value }, fc.constant(null));
  return fc.oneof({ weight: 5, arbitrary: orNull }, fc.constant(undefined));
}

function shapeOf(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case "bool":
      return fc.boolean();
    case "int8":
      return fc.integer({ min: -128, max: 127 });
    case "int16":
      return fc.integer({ min: -0x8000, max: 0x7fff });
    case "int32":
      return fc.integer();
    case "int64":
      return int64;
    case "string":
      return text;
    case "bytes":
      return content;
    case "uuid":
      return uuidText;
    case "array":
      return fc.array(shapeOf(shape.of), { maxLength: 2 });
    case "struct":
      return structOf(shape.fields);
  }
}

/** What a struct comes back as after it went over the wire in a version. */
export function expectedOf(fields: Fields, version: number, given: unknown): unknown {
  const struct = given as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(fields).map(([name, { spec }]) => [
      name,
      expectedField(spec, version, struct[name]),
    ]),
  );
}

function expectedField(spec: FieldSpec, version: number, given: unknown): unknown {
  if (given === undefined || !isInVersion(spec, version)) return spec.fallback;
  if (given !== null) return expectedShape(spec.shape, version, given);
  if (version >= spec.nullableFrom) return null;
  return spec.shape.kind === "array" ? [] : "";
}

function expectedShape(shape: Shape, version: number, given: unknown): unknown {
  if (shape.kind === "struct") return expectedOf(shape.fields, version, given);
  if (shape.kind !== "array") return given;
  return (given as readonly unknown[]).map((item) => expectedShape(shape.of, version, item));
}
