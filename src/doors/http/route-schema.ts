// How routes describe themselves, for OpenAPI and for the check of their bodies. Queries are described here and
// read by query.ts, whose refusals are clearer than a schema's.

import type { FastifySchema, FastifyServerOptions } from "fastify";
import { type Fault, faultOf, type Schema, Type } from "../../base/schema.ts";
import { LogError } from "../../base/error.ts";
import { mediaTypes } from "./negotiation.ts";
import { problemType } from "./problem.ts";

/** An offset or count in a reply. */
export const integer = Type.Integer({ minimum: 0 });

/** A closed object: unknown fields are refused. */
export function closed<Fields extends Record<string, Schema>>(fields: Fields) {
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
  readonly tag: "topics" | "records" | "groups" | "queues" | "operations";
  readonly summary: string;
  readonly query?: Record<string, Schema>;
  /** Request headers of its own. */
  readonly headers?: Record<string, Schema>;
  /** A plain value, read as JSON or MessagePack. */
  readonly body?: Schema;
  /** Bodies of other encodings, by media type; not checked by schema. */
  readonly bodies?: Readonly<Record<string, Schema>>;
  /** By status: a plain value, or null where there is no body. */
  readonly replies: Readonly<Record<number, Schema | null>>;
  /** Media types of the replies. */
  readonly replyTypes?: readonly string[];
}

const valueTypes = [mediaTypes.json[0], mediaTypes.msgpack[0]];

/** The fastify schema of a route at `path`. */
export function routeSchema(path: string, route: RouteDescription): FastifySchema {
  const { tag, summary, query, headers, body, bodies, replies, replyTypes = valueTypes } = route;
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
    ...(headers === undefined ? {} : { headers: Type.Object(headers) }),
    ...(body === undefined ? {} : { body }),
    ...(bodies === undefined ? {} : { body: { content } }),
    response,
  } as FastifySchema;
}

function contentOf(schema: Schema, types: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

type SchemaController = NonNullable<FastifyServerOptions["schemaController"]>;
type CompilersFactory = NonNullable<SchemaController["compilersFactory"]>;

interface RouteSchema {
  readonly schema: Schema;
  readonly method: string;
  readonly url: string;
  readonly httpPart?: string;
}

/**
 * How the app checks bodies of plain values, strictly, and nothing else. Given to fastify when it is made: its own
 * compilers are then not even loaded.
 */
export const bodyCompilers = {
  buildSerializer: () => () => (data: unknown) => JSON.stringify(data),
  buildValidator: () => (route: RouteSchema) => {
    if (route.httpPart !== "body" || isRecordsRoute(route)) return () => true;
    return (data: unknown) => {
      const fault = faultOf(route.schema, data);
      return fault === null ? { value: data } : { error: refusal(fault) };
    };
  },
  // Fastify declares the compilers of its default libraries here and takes any of their shape.
} as unknown as CompilersFactory;

function isRecordsRoute({ method, url }: RouteSchema): boolean {
  return method === "POST" && url.endsWith("/records");
}

function refusal({ path, message }: Fault): LogError {
  const where = path.length === 0 ? "the body" : `/${path.join("/")}`;
  return new LogError("INVALID_REQUEST", `${where} ${message}`);
}
