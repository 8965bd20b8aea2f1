// Topics: create, list, describe, alter, delete, offsets at a position, trim.

import type { FastifyInstance } from "fastify";
import { type Static, Type } from "../../base/schema.ts";
import { LogError } from "../../base/error.ts";
import type { ConfigChanges, TopicDescription } from "../../services.ts";
import type { HttpContext } from "./http-context.ts";
import { isolationIn, isolationSchema } from "./isolation.ts";
import { parsePosition, resolvePosition } from "./positions.ts";
import { queryOf } from "./query.ts";
import { allowNoBody } from "./bodies.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";
import { offsetsOutput, topicOutput, topicsOutput, trimOutput } from "./topic-schema.ts";

const configValue = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

const createBody = Type.Object(
  {
    partitions: Type.Optional(Type.Integer()),
    config: Type.Optional(Type.Record(configValue)),
  },
  { additionalProperties: false },
);

const alterBody = Type.Object(
  {
    partitions: Type.Optional(Type.Integer()),
    config: Type.Optional(Type.Record(Type.Union([configValue, Type.Null()]))),
  },
  { additionalProperties: false },
);

const trimBody = Type.Object(
  {
    before: Type.Array(
      Type.Object(
        {
          partition: Type.Integer({ minimum: 0 }),
          offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

const topicPath = "/v1/topics/:topic";
const offsetsPath = `${topicPath}/offsets`;
const trimPath = `${topicPath}/trim`;

const tag = "topics";
const listSchema = routeSchema("/v1/topics", {
  tag,
  summary: "List topics",
  query: { prefix: Type.Optional(Type.String()) },
  replies: { 200: topicsOutput },
});
const showSchema = routeSchema(topicPath, {
  tag,
  summary: "Describe a topic",
  replies: { 200: topicOutput },
});
const createSchema = routeSchema(topicPath, {
  tag,
  summary: "Create a topic, or confirm that it exists as stated",
  body: createBody,
  replies: { 200: topicOutput, 201: topicOutput },
});
const alterSchema = routeSchema(topicPath, {
  tag,
  summary: "Add partitions, change config; null resets a key",
  body: alterBody,
  replies: { 200: topicOutput },
});
const deleteSchema = routeSchema(topicPath, {
  tag,
  summary: "Delete a topic",
  replies: { 204: null },
});
const offsetsSchema = routeSchema(offsetsPath, {
  tag,
  summary: "The offset in each partition at a position",
  query: {
    at: Type.Optional(Type.String({ default: "latest" })),
    isolation: isolationSchema,
  },
  replies: { 200: offsetsOutput },
});
const trimSchema = routeSchema(trimPath, {
  tag,
  summary: "Move log starts forward",
  body: trimBody,
  replies: { 200: trimOutput },
});

interface TopicParams {
  readonly topic: string;
}

/** Registers the topic endpoints. */
export async function topicsPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const { topics } = context.services;
  changePlugin(app, context);
  app.get("/v1/topics", { schema: listSchema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    const { prefix = "" } = queryOf(request, ["prefix"]);
    const listed = (await topics.list())
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, partitionCount, internal }) => ({ name, partitions: partitionCount, internal }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
    sendValue(reply, negotiated, { topics: listed });
    return reply;
  });
  app.get<{ Params: TopicParams }>(topicPath, { schema: showSchema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    sendValue(reply, negotiated, shown(await topics.describe(request.params.topic)));
    return reply;
  });
  app.get<{ Params: TopicParams }>(
    offsetsPath,
    { schema: offsetsSchema },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      const query = queryOf(request, ["at", "isolation"]);
      const position = parsePosition(query["at"] ?? "latest", "at");
      const isolation = isolationIn(query);
      const { topic } = request.params;
      const { partitions } = await topics.describe(topic);
      const indexes = partitions.map(({ partition }) => partition);
      const where = { topic, partitions: indexes, isolation };
      const found = await resolvePosition(context.services.data, position, where);
      const offsets = indexes.map((partition, index) => ({ partition, offset: found[index] ?? 0 }));
      sendValue(reply, negotiated, { offsets });
      return reply;
    },
  );
}

function changePlugin(app: FastifyInstance, context: HttpContext): void {
  const { topics } = context.services;
  app.put<{ Params: TopicParams; Body: Static<typeof createBody> }>(
    topicPath,
    { schema: createSchema, preValidation: allowNoBody },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const { isNew, topic } = await createTopic(context, request.params.topic, request.body);
      reply.code(isNew ? 201 : 200);
      sendValue(reply, negotiated, shown(topic));
      return reply;
    },
  );
  app.patch<{ Params: TopicParams; Body: Static<typeof alterBody> }>(
    topicPath,
    { schema: alterSchema, preValidation: allowNoBody },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const { topic } = request.params;
      await alterTopic(context, topic, request.body);
      sendValue(reply, negotiated, shown(await topics.describe(topic)));
      return reply;
    },
  );
  app.delete<{ Params: TopicParams }>(
    topicPath,
    { schema: deleteSchema },
    async (request, reply) => {
      queryOf(request, []);
      await topics.delete(request.params.topic);
      return reply.code(204).send();
    },
  );
  app.post<{ Params: TopicParams; Body: Static<typeof trimBody> }>(
    trimPath,
    { schema: trimSchema },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const moved = await topics.deleteRecords(request.params.topic, request.body.before);
      const partitions = moved.map(({ partition, logStartOffset }) => {
        return { partition, logStartOffset };
      });
      sendValue(reply, negotiated, { partitions });
      return reply;
    },
  );
}

async function createTopic(
  context: HttpContext,
  name: string,
  wanted: Static<typeof createBody>,
): Promise<{ readonly isNew: boolean; readonly topic: TopicDescription }> {
  const { topics } = context.services;
  // Built from entries, so that a key such as __proto__ is a key like any other.
  const configs: Record<string, string> = Object.fromEntries(
    Object.entries(wanted.config ?? {}).map(([key, value]) => [key, String(value)]),
  );
  let isNew = topics.lookup(name) === null;
  if (isNew) {
    const partitionCount = wanted.partitions ?? null;
    try {
      ({ isNew } = await topics.create({ name, partitionCount, configs, validateOnly: false }));
    } catch (error) {
      // Somebody else created it meanwhile: then this call only confirms.
      const isRace = error instanceof LogError && error.code === "TOPIC_ALREADY_EXISTS";
      if (!isRace) throw error;
      isNew = false;
    }
  }
  const topic = await topics.describe(name);
  if (!isNew) requireSame(topic, wanted, configs);
  return { isNew, topic };
}

// What the request does not speak of is not compared.
function requireSame(
  topic: TopicDescription,
  wanted: Static<typeof createBody>,
  configs: Readonly<Record<string, string>>,
): void {
  const { name, partitionCount } = topic;
  const exists = `topic '${name}' exists`;
  if (wanted.partitions !== undefined && wanted.partitions !== partitionCount) {
    throw new LogError("TOPIC_ALREADY_EXISTS", `${exists} with ${partitionCount} partitions`, {
      facts: { topic: name, partitions: partitionCount },
    });
  }
  if (wanted.config === undefined) return;
  const own = topic.configs.filter(({ source }) => source === "topic");
  const isSame =
    own.length === Object.keys(configs).length &&
    own.every((entry) => configs[entry.name] === entry.value);
  if (isSame) return;
  const detail = `${exists} with another config; PATCH changes it`;
  throw new LogError("TOPIC_ALREADY_EXISTS", detail, { facts: { topic: name } });
}

async function alterTopic(
  context: HttpContext,
  name: string,
  wanted: Static<typeof alterBody>,
): Promise<void> {
  const { topics } = context.services;
  const { partitionCount } = await topics.describe(name);
  const { partitions = partitionCount, config = {} } = wanted;
  if (partitions < partitionCount) {
    const detail = `topic '${name}' has ${partitionCount} partitions; their number never goes down`;
    throw new LogError("INVALID_PARTITIONS", detail, {
      facts: { topic: name, partitions: partitionCount },
    });
  }
  const changes: ConfigChanges = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, value === null ? null : String(value)]),
  );
  // All of it or none: what may be refused about the partitions is known before the config changes.
  if (partitions > partitionCount) await topics.createPartitions(name, partitions, true);
  if (Object.keys(changes).length > 0) {
    await topics.alterConfigs(name, changes);
  }
  if (partitions > partitionCount) await topics.createPartitions(name, partitions);
}

function shown(topic: TopicDescription): object {
  const config: Record<string, { value: string; source: string }> = {};
  for (const { name, value, source } of topic.configs) config[name] = { value, source };
  return {
    name: topic.name,
    id: topic.topicId,
    internal: topic.internal,
    config,
    partitions: topic.partitions.map((partition) => ({
      partition: partition.partition,
      logStartOffset: partition.logStartOffset,
      highWatermark: partition.highWatermark,
      logEndOffset: partition.logEndOffset,
      segments: partition.segmentCount,
      bytes: partition.sizeBytes,
      ...(partition.damage.length > 0 ? { damage: partition.damage } : {}),
    })),
  };
}
