// How routes describe themselves, for OpenAPI and for the check of their bodies. Queries are described here and
// read by query.ts, whose refusals are clearer than a schema's.

import type { FastifyInstance, FastifySchema } from "fastify";
import type { TSchema } from "typebox";
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { LogError } from "../../base/error.ts";
import { mediaTypes } from "./negotiation.ts";
import { problemType } from "./problem.ts";

/** An offset or count in a reply. */
export const integer = Type.Integer({ minimum: 0 });

/** A closed object: unknown fields are refused. */
export function closed<Fields extends Record<string, TSchema>>(fields: Fields) {
  return Type.Object(fields, { additionalProperties: false });
}

const problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    code: Type.String({ description: "The error's name, Kafka's where it has one." }),
    retriable: Type.Boolean(),
  },
  { description: "RFC 9457, with facts of the error as further members." },
);

/** What a route says of itself. */
export interface RouteDescription {
  readonly tag: "topics" | "records" | "groups" | "operations";
  readonly summary: string;
  readonly query?: Record<string, TSchema>;
  /** A plain value, read as JSON or MessagePack. */
  readonly body?: TSchema;
  /** Bodies of other encodings, by media type; not checked by schema. */
  readonly bodies?: Readonly<Record<string, TSchema>>;
  /** By status: a plain value, or null where there is no body. */
  readonly replies: Readonly<Record<number, TSchema | null>>;
  /** Media types of the replies. */
  readonly replyTypes?: readonly string[];
}

const valueTypes = [mediaTypes.json[0], mediaTypes.msgpack[0]];

/** The fastify schema of a route at `path`. */
export function routeSchema(path: string, route: RouteDescription): FastifySchema {
  const { tag, summary, query, body, bodies, replies, replyTypes = valueTypes } = route;
  const response: Record<string, unknown> = {};
  for (const [status, schema] of Object.entries(replies)) {
    response[status] =
      schema === null
        ? { type: "null", description: "No body" }
        : { description: "Done", content: contentOf(schema, replyTypes) };
  }
  response["default"] = { description: "An error", content: contentOf(problem, [problemType]) };
  const names = [...path.matchAll(/:([a-z]+)/gi)].map(([, name = ""]) => name);
  const params = Object.fromEntries(names.map((name) => [name, Type.String()]));
  const content = Object.fromEntries(
    Object.entries(bodies ?? {}).map(([type, schema]) => [type, { schema }]),
  );
  return {
    tags: [tag],
    summary,
    ...(names.length > 0 ? { params: Type.Object(params) } : {}),
    ...(query === undefined ? {} : { querystring: closed(query) }),
    ...(body === undefined ? {} : { body }),
    ...(bodies === undefined ? {} : { body: { content } }),
    response,
  } as FastifySchema;
}

function contentOf(schema: TSchema, types: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

/** Makes the app check bodies of plain values strictly, and nothing else. */
export function checkBodies(app: FastifyInstance): void {
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setValidatorCompiler<TSchema>(({ schema, httpPart, method, url }) => {
    const isChecked = httpPart === "body" && !isRecordsRoute(method, url);
    if (!isChecked) return () => true;
    const validator = Compile(schema);
    return (data: unknown) => {
      if (validator.Check(data)) return { value: data };
      return { error: refusal(validator.Errors(data)) };
    };
  });
}

function isRecordsRoute(method: string, url: string): boolean {
  return method === "POST" && url.endsWith("/records");
}

interface SchemaFault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

function refusal(faults: readonly SchemaFault[]): LogError {
  // The deepest fault is the nearest to what was meant: those above it are the unions around it.
  const depth = ({ instancePath }: SchemaFault): number => instancePath.split("/").length;
  const fault = faults.toSorted((left, right) => depth(right) - depth(left))[0];
  const where = fault === undefined || fault.instancePath === "" ? "the body" : fault.instancePath;
  const extra = (fault?.params as { additionalProperties?: readonly string[] } | undefined)
    ?.additionalProperties;
  const names = extra === undefined ? "" : `: ${extra.slice(0, 5).join(", ").slice(0, 200)}`;
  const detail = `${where} ${fault?.message ?? "is not what this endpoint reads"}${names}`;
  return new LogError("INVALID_REQUEST", detail);
}
