// The part of JSON Schema that settings and request bodies need: plain objects that print as they are into an API
// description, say what TypeScript type they admit, and check a value. Nothing is compiled and nothing is loaded.

declare const valueType: unique symbol;
// Under a symbol, because it is no word of JSON Schema and must not be printed.
const optional = Symbol("optional");

type TypeName = "object" | "array" | "string" | "integer" | "number" | "boolean" | "null";

/** A JSON Schema of values of type `Value`. Keywords have the meaning of draft 2020-12. */
export interface Schema<Value = unknown> extends Notes {
  readonly type?: TypeName;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  /** False refuses members that are not named, a schema says what they must be; absent lets them be. */
  readonly additionalProperties?: false | Schema;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  /** In UTF-16 code units. */
  readonly minLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly [valueType]?: Value;
}

/** Keywords that say something and check nothing. */
export interface Notes {
  readonly description?: string;
  readonly default?: unknown;
}

/** A member of an object that may be absent. */
export interface OptionalSchema<Value = unknown> extends Schema<Value> {
  readonly [optional]: true;
}

/** The values a schema admits. */
export type Static<Of> = Of extends Schema<infer Value> ? Value : never;

type Fields = Readonly<Record<string, Schema>>;
type Members<Of extends Fields> = Flat<
  { [Name in keyof Of as Of[Name] extends OptionalSchema ? never : Name]: Static<Of[Name]> } & {
    [Name in keyof Of as Of[Name] extends OptionalSchema ? Name : never]?: Static<Of[Name]>;
  }
>;
type Flat<Of> = { [Name in keyof Of]: Of[Name] };

interface NumberNotes extends Notes {
  readonly minimum?: number;
  readonly maximum?: number;
}

interface ArrayNotes extends Notes {
  readonly minItems?: number;
  readonly maxItems?: number;
}

interface ObjectNotes extends Notes {
  readonly additionalProperties?: false;
}

/** Makes schemas. */
export const Type = {
  /** Anything at all. */
  Any: (notes: Notes = {}): Schema => notes,
  /** Null alone. */
  Null: (): Schema<null> => ({ type: "null" }),
  /** True or false. */
  Boolean: (notes: Notes = {}): Schema<boolean> => ({ type: "boolean", ...notes }),
  /** A string. */
  String: (notes: Notes & { readonly minLength?: number } = {}): Schema<string> => ({
    type: "string",
    ...notes,
  }),
  /** A number without a fraction. */
  Integer: (notes: NumberNotes = {}): Schema<number> => ({ type: "integer", ...notes }),
  /** A finite number. */
  Number: (notes: NumberNotes = {}): Schema<number> => ({ type: "number", ...notes }),
  /** One string. */
  Literal: <Text extends string>(text: Text): Schema<Text> => ({ const: text }),
  /** One of some strings. */
  Enum: <const Text extends string>(texts: readonly Text[], notes: Notes = {}): Schema<Text> => ({
    enum: texts,
    ...notes,
  }),
  /** What one of several schemas admits. */
  Union: <Of extends Schema>(schemas: readonly Of[]): Schema<Static<Of>> => ({ anyOf: schemas }),
  /** An array. */
  Array: <Item>(items: Schema<Item>, notes: ArrayNotes = {}): Schema<Item[]> => ({
    type: "array",
    items,
    ...notes,
  }),
  /** An object with any names, all of whose values are alike. */
  Record: <Value>(values: Schema<Value>, notes: Notes = {}): Schema<Record<string, Value>> => ({
    type: "object",
    additionalProperties: values,
    ...notes,
  }),
  /** An object with these members; those not marked as optional are required. */
  Object: <Of extends Fields>(properties: Of, notes: ObjectNotes = {}): Schema<Members<Of>> => {
    const required = Object.keys(properties).filter((name) => !isOptional(properties[name]));
    return {
      type: "object",
      properties,
      ...(required.length === 0 ? {} : { required }),
      ...notes,
    };
  },
  /** Marks a member of an object as one that may be absent. */
  Optional: <Value>(schema: Schema<Value>): OptionalSchema<Value> => ({
    ...schema,
    [optional]: true,
  }),
};

function isOptional(schema: Schema | undefined): boolean {
  return schema !== undefined && optional in schema;
}

/** Why a value is refused. */
export interface Fault {
  /** The way to it: member names and array indexes; empty for the value itself. */
  readonly path: readonly (string | number)[];
  /** What it must be: "must be an integer". */
  readonly message: string;
}

/**
 * The first fault of a value, null when the schema admits it. Of a union, the fault of the branch that came furthest.
 * Members count only when they are the object's own.
 */
export function faultOf(schema: Schema, value: unknown): Fault | null {
  return schema.anyOf === undefined
    ? (typeFault(schema, value) ?? boundsFault(schema, value) ?? partsFault(schema, value))
    : unionFault(schema.anyOf, value);
}

function unionFault(branches: readonly Schema[], value: unknown): Fault | null {
  let furthest: Fault | null = null;
  const expected: string[] = [];
  for (const branch of branches) {
    const fault = faultOf(branch, value);
    if (fault === null) return null;
    if (fault.path.length === 0) expected.push(fault.message.replace(/^must be /, ""));
    else if (furthest === null || fault.path.length > furthest.path.length) furthest = fault;
  }
  return furthest ?? faultAt(`must be ${expected.join(" or ")}`);
}

function typeFault(schema: Schema, value: unknown): Fault | null {
  const { type, const: only, enum: some } = schema;
  if (only !== undefined && value !== only) return faultAt(`must be ${JSON.stringify(only)}`);
  if (some !== undefined && !(typeof value === "string" && some.includes(value))) {
    return faultAt(`must be one of ${some.join(", ")}`);
  }
  if (type === undefined || isOfType(type, value)) return null;
  const article = /^[aio]/.test(type) ? "an " : type === "null" ? "" : "a ";
  return faultAt(`must be ${article}${type}`);
}

function isOfType(type: TypeName, value: unknown): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    case "null":
      return value === null;
    case "string":
    case "boolean":
      return typeof value === type;
  }
}

function boundsFault(schema: Schema, value: unknown): Fault | null {
  const { minimum, maximum, minLength, minItems, maxItems } = schema;
  if (typeof value === "number") {
    if (minimum !== undefined && value < minimum) return faultAt(`must be at least ${minimum}`);
    if (maximum !== undefined && value > maximum) return faultAt(`must be at most ${maximum}`);
  } else if (typeof value === "string") {
    if (value.length < (minLength ?? 0)) {
      return faultAt(`must have at least ${minLength} characters`);
    }
  } else if (Array.isArray(value)) {
    if (value.length < (minItems ?? 0)) return faultAt(`must have at least ${minItems} items`);
    if (value.length > (maxItems ?? Infinity))
      return faultAt(`must have at most ${maxItems} items`);
  }
  return null;
}

function partsFault(schema: Schema, value: unknown): Fault | null {
  if (Array.isArray(value)) return itemsFault(schema.items ?? {}, value);
  if (typeof value === "object" && value !== null) return membersFault(schema, value);
  return null;
}

function itemsFault(items: Schema, values: readonly unknown[]): Fault | null {
  for (const [index, value] of values.entries()) {
    const fault = faultOf(items, value);
    if (fault !== null) return within(index, fault);
  }
  return null;
}

const namesShownMax = 5;
const nameCharactersMax = 40;

function membersFault(schema: Schema, value: object): Fault | null {
  const { properties = {}, required = [], additionalProperties } = schema;
  const missing = required.filter((name) => !Object.hasOwn(value, name));
  if (missing.length > 0) return faultAt(`must have ${missing.join(", ")}`);
  const unknownNames: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (known === false) unknownNames.push(name);
    else if (known !== undefined) {
      const fault = faultOf(known, member);
      if (fault !== null) return within(name, fault);
    }
  }
  if (unknownNames.length === 0) return null;
  const shown = unknownNames
    .slice(0, namesShownMax)
    .map((name) => name.slice(0, nameCharactersMax));
  return faultAt(`must not have additional properties: ${shown.join(", ")}`);
}

function faultAt(message: string): Fault {
  return { path: [], message };
}

function within(step: string | number, { path, message }: Fault): Fault {
  return { path: [step, ...path], message };
}
