// Makes decoders out of tables: one closure for each shape and version.

import { type FieldSpec, type Fields, isInVersion, type Shape } from "./field.ts";
import type { FrameReader } from "./frame-reader.ts";

/** Reads one value. @throws INVALID_REQUEST when the bytes are not one. */
export type Decode = (reader: FrameReader) => unknown;

/** Which encoding: the version of an API, and whether it is a flexible one. */
export interface Encoding {
  readonly version: number;
  readonly isFlexible: boolean;
}

interface Step {
  readonly name: string;
  readonly decode: Decode;
}

/** The decoder of a struct with these fields: a plain object in which every field of the table is set. */
export function structDecoder(fields: Fields, encoding: Encoding): Decode {
  const entries = Object.entries(fields);
  const steps = entries.map(([name, { spec }]) => ({
    name,
    decode: isInPlace(spec, encoding) ? fieldDecoder(spec, encoding) : () => spec.fallback,
  }));
  const tagged = new Map<number, Step>();
  for (const [name, { spec }] of entries) {
    if (spec.tagNumber === null || !isInVersion(spec, encoding.version)) continue;
    tagged.set(spec.tagNumber, { name, decode: fieldDecoder(spec, encoding) });
  }
  return (reader) => {
    const struct: Record<string, unknown> = {};
    for (const step of steps) struct[step.name] = step.decode(reader);
    if (encoding.isFlexible) readTags(reader, tagged, struct);
    return struct;
  };
}

/** Skips a tagged section, whatever is in it. @throws INVALID_REQUEST when it is broken. */
export function skipTags(reader: FrameReader): void {
  readTags(reader, noSteps, {});
}

const noSteps: ReadonlyMap<number, Step> = new Map();

function readTags(
  reader: FrameReader,
  tagged: ReadonlyMap<number, Step>,
  struct: Record<string, unknown>,
): void {
  const count = reader.checkCount(reader.uvarint(), 2);
  let before = -1;
  for (let i = 0; i < count; i++) {
    const tag = reader.uvarint();
    if (tag <= before) throw reader.broken(`tag ${tag} after tag ${before}`);
    before = tag;
    const size = reader.checkCount(reader.uvarint(), 1);
    const step = tagged.get(tag);
    if (step === undefined) reader.advance(size);
    else struct[step.name] = readTag(reader, step, size);
  }
}

// A tag's value sees its own bytes only, and must use them all.
function readTag(reader: FrameReader, step: Step, size: number): unknown {
  const outerEnd = reader.end;
  reader.end = reader.at + size;
  const value = step.decode(reader);
  if (reader.at !== reader.end) {
    throw reader.broken(`${reader.end - reader.at} bytes too many for ${step.name}`);
  }
  reader.end = outerEnd;
  return value;
}

function fieldDecoder(spec: FieldSpec, encoding: Encoding): Decode {
  const isNullable = encoding.version >= spec.nullableFrom;
  return shapeDecoder(spec.shape, encoding, isNullable);
}

function shapeDecoder(shape: Shape, encoding: Encoding, isNullable: boolean): Decode {
  switch (shape.kind) {
    case "bool":
      return (reader) => reader.bool();
    case "int8":
      return (reader) => reader.int8();
    case "int16":
      return (reader) => reader.int16();
    case "int32":
      return (reader) => reader.int32();
    case "int64":
      return (reader) => reader.int64();
    case "uuid":
      return (reader) => reader.uuid();
    case "string":
      return sized(encoding.isFlexible ? compactLength : shortLength, isNullable, readText);
    case "bytes":
      return sized(encoding.isFlexible ? compactLength : longLength, isNullable, readView);
    case "array":
      return arrayDecoder(shape.of, encoding, isNullable);
    case "struct":
      return isNullable
        ? nullableStruct(structDecoder(shape.fields, encoding))
        : structDecoder(shape.fields, encoding);
  }
}

function readText(reader: FrameReader, length: number): string {
  return reader.text(length);
}

function readView(reader: FrameReader, length: number): Uint8Array {
  return reader.view(length);
}

// -1 for null, as all three kinds of length say it.
function shortLength(reader: FrameReader): number {
  return reader.int16();
}

function longLength(reader: FrameReader): number {
  return reader.int32();
}

function compactLength(reader: FrameReader): number {
  return reader.uvarint() - 1;
}

function sized(
  lengthOf: (reader: FrameReader) => number,
  isNullable: boolean,
  read: (reader: FrameReader, length: number) => unknown,
): Decode {
  return (reader) => {
    const length = reader.checkCount(lengthOf(reader), 1);
    if (length >= 0) return read(reader, length);
    if (!isNullable) throw reader.broken("null where it is not allowed");
    return null;
  };
}

function arrayDecoder(of: Shape, encoding: Encoding, isNullable: boolean): Decode {
  const lengthOf = encoding.isFlexible ? compactLength : longLength;
  const decode = shapeDecoder(of, encoding, false);
  const least = leastBytes(of, encoding);
  return (reader) => {
    const count = reader.checkItems(lengthOf(reader), least);
    if (count < 0) {
      if (!isNullable) throw reader.broken("null array where it is not allowed");
      return null;
    }
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(decode(reader));
    return items;
  };
}

// A byte that is negative for null.
function nullableStruct(decode: Decode): Decode {
  return (reader) => (reader.int8() < 0 ? null : decode(reader));
}

function isInPlace(spec: FieldSpec, encoding: Encoding): boolean {
  return spec.tagNumber === null && isInVersion(spec, encoding.version);
}

// Bytes that a value takes at least: what bounds a count before anything is read. Nulls and empties count.
function leastBytes(shape: Shape, encoding: Encoding): number {
  switch (shape.kind) {
    case "bool":
    case "int8":
      return 1;
    case "int16":
      return 2;
    case "int32":
      return 4;
    case "int64":
      return 8;
    case "uuid":
      return 16;
    case "string":
      return encoding.isFlexible ? 1 : 2;
    case "bytes":
    case "array":
      return encoding.isFlexible ? 1 : 4;
    case "struct":
      return leastStructBytes(shape.fields, encoding);
  }
}

function leastStructBytes(fields: Fields, encoding: Encoding): number {
  let least = encoding.isFlexible ? 1 : 0;
  for (const { spec } of Object.values(fields)) {
    if (!isInPlace(spec, encoding)) continue;
    const isNullStruct = spec.shape.kind === "struct" && encoding.version >= spec.nullableFrom;
    least += isNullStruct ? 1 : leastBytes(spec.shape, encoding);
  }
  return Math.max(1, least);
}
