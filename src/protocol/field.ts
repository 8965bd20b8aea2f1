// The vocabulary of the message tables: fields with their versions, defaults and tags, from which the types of
// messages are inferred and their encoders and decoders are made.
//
//   latestOffset: int64.since(5).or(-1)     present from version 5, -1 where absent
//   rack: string.nullable()                 null allowed
//   leader: struct({...}).since(10).tag(0)  in the tagged section, left out when it equals its default
//
// Source: Kafka protocol guide, "Protocol Primitive Types"; KIP-482 for tagged fields.

/** What a value looks like on the wire, whatever the version. */
export type Shape =
  | {
      readonly kind: "bool" | "int8" | "int16" | "int32" | "int64" | "string" | "bytes" | "uuid";
    }
  | { readonly kind: "array"; readonly of: Shape }
  | { readonly kind: "struct"; readonly fields: Fields };

/** What one field of a table says at run time. */
export interface FieldSpec {
  readonly shape: Shape;
  /** First version that has the field. */
  readonly firstVersion: number;
  /** Last version that has the field; Infinity for all later ones. */
  readonly lastVersion: number;
  /** First version in which the field may be null; Infinity for none. */
  readonly nullableFrom: number;
  /** Number in the tagged section; null for a field in its place. */
  readonly tagNumber: number | null;
  /** The value of the field where it is absent. */
  readonly fallback: unknown;
}

/**
 * A field of a table. `D` is its decoded type, `E` the type that may be encoded, `O` true when it may be left out
 * while encoding. Every method answers a changed copy.
 */
export interface Field<D, E = D, O extends boolean = boolean> {
  readonly spec: FieldSpec;
  /** Never set: carries the three types. */
  readonly types?: { readonly decoded: D; readonly encodable: E; readonly isOptional: O };
  /** Present from `version` on. */
  since(version: number): Field<D, E, true>;
  /** Present up to and including `version`. */
  until(version: number): Field<D, E, true>;
  /** States the value where the field is absent. */
  or(fallback: D): Field<D, E, true>;
  /** In the tagged section under `number`. */
  tag(number: number): Field<D, E, true>;
  /** May be null from `version` on; null is its default when it may be null in all versions. */
  nullable(version?: number): Field<D | null, E | null, O>;
}

/** Fields in wire order, by name. */
export type Fields = { readonly [name: string]: Field<unknown, unknown> };

type TypesOf<F> = F extends { readonly types?: infer T } ? NonNullable<T> : never;
type OptionalNames<F extends Fields> = {
  [K in keyof F]: TypesOf<F[K]> extends { readonly isOptional: true } ? K : never;
}[keyof F];

/** The plain object that a struct with these fields decodes to: every field is there. */
export type Decoded<F extends Fields> = {
  readonly [K in keyof F]: TypesOf<F[K]> extends { readonly decoded: infer D } ? D : never;
};

/** The plain object that a struct with these fields is encoded from: fields with a default may be left out. */
export type Encodable<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalNames<F>>]: TypesOf<F[K]> extends {
    readonly encodable: infer E;
  }
    ? E
    : never;
} & {
  readonly [K in OptionalNames<F>]?: TypesOf<F[K]> extends { readonly encodable: infer E }
    ? E | undefined
    : never;
};

/** The text form of the uuid that stands for none. */
export const zeroUuid = "00000000-0000-0000-0000-000000000000";

/** One byte, 0 or 1. */
export const bool = plain<boolean>("bool", false);
/** A signed byte. */
export const int8 = plain<number>("int8", 0);
/** Two bytes, signed. */
export const int16 = plain<number>("int16", 0);
/** Four bytes, signed. */
export const int32 = plain<number>("int32", 0);
/** Eight bytes, signed; the nearest number beyond 2^53. */
export const int64 = plain<number>("int64", 0);
/** UTF-8 text. */
export const string = plain<string>("string", "");
/** Bytes; decoded as a view of the frame. */
export const bytes = plain<Uint8Array>("bytes", new Uint8Array(0));
/** 16 bytes, as dashed text in lower case. */
export const uuid = plain<string>("uuid", zeroUuid);

/** An array of structs with these fields. */
export function array<F extends Fields>(
  fields: F,
): Field<readonly Decoded<F>[], readonly Encodable<F>[], false> {
  return fieldOf(specOf({ kind: "array", of: { kind: "struct", fields } }, []));
}

/** An array of plain values. */
export function arrayOf<D, E>(element: Field<D, E>): Field<readonly D[], readonly E[], false> {
  return fieldOf(specOf({ kind: "array", of: element.spec.shape }, []));
}

/** A struct with these fields; where it is absent, each of its fields has its default. */
export function struct<F extends Fields>(fields: F): Field<Decoded<F>, Encodable<F>, false> {
  return fieldOf(specOf({ kind: "struct", fields }, defaultsOf(fields)));
}

/** The object in which every field has its default. */
export function defaultsOf(fields: Fields): unknown {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, field.spec.fallback]),
  );
}

/** True when a version has the field, in its place or in the tagged section. */
export function isInVersion(spec: FieldSpec, version: number): boolean {
  return version >= spec.firstVersion && version <= spec.lastVersion;
}

function plain<T>(
  kind: Exclude<Shape["kind"], "array" | "struct">,
  fallback: T,
): Field<T, T, false> {
  return fieldOf(specOf({ kind }, fallback));
}

function specOf(shape: Shape, fallback: unknown): FieldSpec {
  return {
    shape,
    firstVersion: 0,
    lastVersion: Infinity,
    nullableFrom: Infinity,
    tagNumber: null,
    fallback,
  };
}

function fieldOf<D, E, O extends boolean>(spec: FieldSpec): Field<D, E, O> {
  return {
    spec,
    since: (firstVersion) => fieldOf({ ...spec, firstVersion }),
    until: (lastVersion) => fieldOf({ ...spec, lastVersion }),
    or: (fallback) => fieldOf({ ...spec, fallback }),
    tag: (tagNumber) => fieldOf({ ...spec, tagNumber }),
    nullable: (version = 0) =>
      fieldOf({ ...spec, nullableFrom: version, fallback: version === 0 ? null : spec.fallback }),
  };
}
