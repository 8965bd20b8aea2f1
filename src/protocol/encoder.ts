// Makes encoders out of tables: one closure for each shape and version.

import type { Encoding } from "./decoder.ts";
import { type FieldSpec, type Fields, isInVersion, type Shape } from "./field.ts";
import { FrameWriter } from "./frame-writer.ts";

/** Writes one value that has the type of its table. */
export type Encode = (writer: FrameWriter, value: unknown) => void;

interface Step {
  readonly name: string;
  readonly spec: FieldSpec;
  readonly encode: Encode;
}

const tagRoomBytes = 64;

/** The encoder of a struct with these fields; a field that is left out is written as its default. */
export function structEncoder(fields: Fields, encoding: Encoding): Encode {
  const present = Object.entries(fields)
    .filter(([, { spec }]) => isInVersion(spec, encoding.version))
    .map(([name, { spec }]) => ({ name, spec, encode: fieldEncoder(spec, encoding) }));
  const inPlace = present.filter((step) => step.spec.tagNumber === null);
  const tagged = present
    .filter((step) => step.spec.tagNumber !== null)
    .sort((a, b) => (a.spec.tagNumber ?? 0) - (b.spec.tagNumber ?? 0));
  return (writer, value) => {
    const struct = value as Readonly<Record<string, unknown>>;
    for (const step of inPlace) {
      const given = struct[step.name];
      step.encode(writer, given === undefined ? step.spec.fallback : given);
    }
    if (encoding.isFlexible) writeTags(writer, tagged, struct);
  };
}

// A tagged field is written only when it differs from its default.
function writeTags(
  writer: FrameWriter,
  tagged: readonly Step[],
  struct: Readonly<Record<string, unknown>>,
): void {
  let count = 0;
  for (const step of tagged) if (!isDefault(step.spec, struct[step.name])) count++;
  writer.uvarint(count);
  if (count === 0) return;
  for (const step of tagged) {
    if (isDefault(step.spec, struct[step.name])) continue;
    const part = new FrameWriter(tagRoomBytes);
    step.encode(part, struct[step.name]);
    writer.uvarint(step.spec.tagNumber ?? 0);
    writer.uvarint(part.bytes);
    for (const chunk of part.finish().chunks) writer.raw(chunk);
  }
}

function isDefault(spec: FieldSpec, value: unknown): boolean {
  if (value === undefined || value === spec.fallback) return true;
  if (value === null || spec.fallback === null) return false;
  if (spec.shape.kind === "array") return Array.isArray(value) && value.length === 0;
  if (spec.shape.kind !== "struct") return false;
  const struct = value as Readonly<Record<string, unknown>>;
  return Object.entries(spec.shape.fields).every(([name, field]) =>
    isDefault(field.spec, struct[name]),
  );
}

function fieldEncoder(spec: FieldSpec, encoding: Encoding): Encode {
  return shapeEncoder(spec.shape, encoding, encoding.version >= spec.nullableFrom);
}

function shapeEncoder(shape: Shape, encoding: Encoding, isNullable: boolean): Encode {
  switch (shape.kind) {
    case "bool":
      return (writer, value) => writer.bool(value as boolean);
    case "int8":
      return (writer, value) => writer.int8(value as number);
    case "int16":
      return (writer, value) => writer.int16(value as number);
    case "int32":
      return (writer, value) => writer.int32(value as number);
    case "int64":
      return (writer, value) => writer.int64(value as number);
    case "uuid":
      return (writer, value) => writer.uuid(value as string);
    case "string":
      return textEncoder(encoding, isNullable);
    case "bytes":
      return bytesEncoder(encoding, isNullable);
    case "array":
      return arrayEncoder(shape.of, encoding, isNullable);
    case "struct":
      return isNullable
        ? nullableStruct(structEncoder(shape.fields, encoding))
        : structEncoder(shape.fields, encoding);
  }
}

// A null in a version that has none is written as the empty value, as older versions of the protocol say it.
function textEncoder({ isFlexible }: Encoding, isNullable: boolean): Encode {
  return (writer, value) => {
    if (value !== null || !isNullable) writer.text((value ?? "") as string, isFlexible);
    else if (isFlexible) writer.int8(0);
    else writer.int16(-1);
  };
}

function bytesEncoder({ isFlexible }: Encoding, isNullable: boolean): Encode {
  return (writer, value) => {
    const content = value as Uint8Array | null;
    writeLength(writer, content === null && isNullable ? -1 : (content?.length ?? 0), isFlexible);
    if (content !== null) writer.raw(content);
  };
}

function arrayEncoder(of: Shape, encoding: Encoding, isNullable: boolean): Encode {
  const encode = shapeEncoder(of, encoding, false);
  return (writer, value) => {
    const items = value as readonly unknown[] | null;
    const count = items === null && isNullable ? -1 : (items?.length ?? 0);
    writeLength(writer, count, encoding.isFlexible);
    if (items !== null) for (const item of items) encode(writer, item);
  };
}

function writeLength(writer: FrameWriter, length: number, isFlexible: boolean): void {
  if (isFlexible) writer.uvarint(length + 1);
  else writer.int32(length);
}

function nullableStruct(encode: Encode): Encode {
  return (writer, value) => {
    writer.int8(value === null ? -1 : 1);
    if (value !== null) encode(writer, value);
  };
}
