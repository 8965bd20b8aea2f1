// PUT /v1/groups/{group}/offsets: replay or skip, by a position for all partitions or by offsets named one by one.

import type { FastifyInstance } from "fastify";
import { type Static, Type } from "../../base/schema.ts";
import { LogError } from "../../base/error.ts";
import type { OffsetCommitPartition, TopicPartition } from "../../services.ts";
import { byPlace, checkedName, partitionsOf } from "./group-view.ts";
import type { GroupParams } from "./groups.ts";
import type { HttpContext } from "./http-context.ts";
import { parsePosition, resolvePosition } from "./positions.ts";
import { queryOf } from "./query.ts";
import { resetOutput } from "./group-schema.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";

const resetBody = Type.Object(
  {
    to: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    offsets: Type.Optional(
      Type.Array(
        Type.Object(
          {
            topic: Type.String(),
            partition: Type.Integer({ minimum: 0 }),
            offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
            metadata: Type.Optional(Type.String()),
          },
          { additionalProperties: false },
        ),
        { minItems: 1 },
      ),
    ),
    topics: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
    dryRun: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

const path = "/v1/groups/:group/offsets";
const schema = routeSchema(path, {
  tag: "groups",
  summary: "Replay or skip: set the offsets of a group without members",
  body: resetBody,
  replies: { 200: resetOutput },
});

type ResetBody = Static<typeof resetBody>;

/** Registers the endpoint. */
export async function groupOffsetsPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const { groups } = context.services;
  app.put<{ Params: GroupParams; Body: ResetBody }>(path, { schema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const group = checkedName(request.params.group, "group");
    const { dryRun = false } = request.body;
    const wanted = await wantedOffsets(context, group, request.body);
    const before = await groups.committedOffsets(group, wanted);
    if (dryRun) await requireEmpty(context, group);
    else await groups.alterOffsets(group, wanted);
    const offsets = wanted.map(({ topic, partition, offset }, index) => {
      const known = before[index]?.offset ?? -1;
      return { topic, partition, before: known < 0 ? null : known, after: offset };
    });
    sendValue(reply, negotiated, { dryRun, offsets });
    return reply;
  });
}

async function wantedOffsets(
  context: HttpContext,
  group: string,
  body: ResetBody,
): Promise<readonly OffsetCommitPartition[]> {
  const { services } = context;
  const { to, offsets } = body;
  if ((to === undefined) === (offsets === undefined)) {
    throw new LogError("INVALID_REQUEST", "give exactly one of 'to' and 'offsets'");
  }
  if (offsets !== undefined) {
    if (body.topics !== undefined) {
      throw new LogError("INVALID_REQUEST", "'topics' goes with 'to'; 'offsets' name their own");
    }
    return offsets.map(({ metadata = "", ...place }) => {
      requirePartition(context, place);
      return { ...place, metadata };
    });
  }
  const position = parsePosition(String(to), "to");
  const topics = body.topics ?? (await committedTopics(context, group));
  const wanted: OffsetCommitPartition[] = [];
  for (const topic of new Set(topics)) {
    const partitions = partitionsOf(services, [topic]).map(({ partition }) => partition);
    const where = { topic, partitions };
    const found = await resolvePosition(services.data, position, where);
    const starts = await resolvePosition(services.data, { kind: "earliest" }, where);
    const ends = await resolvePosition(services.data, { kind: "latest" }, where);
    for (const [index, partition] of partitions.entries()) {
      // One offset for all partitions is beyond the end of some: those go to their end, as in Kafka's own tool.
      const inside = Math.min(found[index] ?? 0, ends[index] ?? 0);
      const offset = Math.max(inside, starts[index] ?? 0);
      wanted.push({ topic, partition, offset, metadata: "" });
    }
  }
  return wanted.sort(byPlace);
}

// Topics deleted since their offsets were committed have nothing to be moved.
async function committedTopics(
  { services }: HttpContext,
  group: string,
): Promise<readonly string[]> {
  const committed = await services.groups.committedOffsets(group, null);
  const topics = committed.map(({ topic }) => topic);
  if (topics.length === 0) await services.groups.describe(group);
  return topics.filter((topic) => services.topics.lookup(topic) !== null);
}

function requirePartition({ services }: HttpContext, place: TopicPartition): void {
  const { topic, partition } = place;
  const count = partitionsOf(services, [topic]).length;
  if (partition < count) return;
  const detail = `topic '${topic}' has partitions 0 to ${count - 1}, not ${partition}`;
  throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", detail, { facts: { topic, partition } });
}

async function requireEmpty({ services }: HttpContext, group: string): Promise<void> {
  const listed = (await services.groups.list()).find((listing) => listing.group === group);
  if (listed === undefined || listed.memberCount === 0) return;
  const detail = `group '${group}' has ${listed.memberCount} members; stop them first`;
  throw new LogError("NON_EMPTY_GROUP", detail, {
    facts: { group, members: listed.memberCount },
  });
}
