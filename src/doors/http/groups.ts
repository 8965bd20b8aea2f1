// Consumer groups but for poll: commit, leave, list, describe, delete.

import type { FastifyInstance } from "fastify";
import { type Static, Type } from "../../base/schema.ts";
import { LogError } from "../../base/error.ts";
import { byPlace, checkedName, offsetViews, partitionsOf, stateView } from "./group-view.ts";
import type { HttpContext } from "./http-context.ts";
import type { PollSessions } from "./poll-sessions.ts";
import { queryOf } from "./query.ts";
import { groupOffsetsOutput, groupOutput, groupsOutput } from "./group-schema.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";

/** `{group}` of a path. */
export interface GroupParams {
  readonly group: string;
}

const commitBody = Type.Object(
  {
    member: Type.Optional(Type.String()),
    epoch: Type.Optional(Type.Integer()),
    offsets: Type.Array(
      Type.Object(
        {
          topic: Type.String(),
          partition: Type.Integer({ minimum: 0 }),
          offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
          metadata: Type.Optional(Type.String()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

const leaveBody = Type.Object({ member: Type.String() }, { additionalProperties: false });

const groupPath = "/v1/groups/:group";
const offsetsPath = `${groupPath}/offsets`;
const commitPath = `${groupPath}/commit`;
const leavePath = `${groupPath}/leave`;

const tag = "groups";
const listSchema = routeSchema("/v1/groups", {
  tag,
  summary: "List groups",
  replies: { 200: groupsOutput },
});
const showSchema = routeSchema(groupPath, {
  tag,
  summary: "Describe a group",
  replies: { 200: groupOutput },
});
const offsetsSchema = routeSchema(offsetsPath, {
  tag,
  summary: "Committed offsets with lag",
  replies: { 200: groupOffsetsOutput },
});
const deleteSchema = routeSchema(groupPath, {
  tag,
  summary: "Forget a group",
  replies: { 204: null },
});
const commitSchema = routeSchema(commitPath, {
  tag,
  summary: "Commit the next offsets to read",
  body: commitBody,
  replies: { 200: groupOffsetsOutput },
});
const leaveSchema = routeSchema(leavePath, {
  tag,
  summary: "Give a member's partitions up at once",
  body: leaveBody,
  replies: { 204: null },
});

/** What the group plugins share. */
export interface GroupOptions {
  readonly context: HttpContext;
  readonly sessions: PollSessions;
}

/** Registers the endpoints that look at groups, and `DELETE`. */
export async function groupsPlugin(app: FastifyInstance, options: GroupOptions): Promise<void> {
  const { services } = options.context;
  const { groups } = services;
  changeRoutes(app, options);
  app.get("/v1/groups", { schema: listSchema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const listed = (await groups.list()).map(({ group, state, memberCount, topics }) => {
      return { group, state: stateView(state), members: memberCount, topics };
    });
    sendValue(reply, negotiated, { groups: listed });
    return reply;
  });
  app.get<{ Params: GroupParams }>(groupPath, { schema: showSchema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const described = await groups.describe(request.params.group);
    const { group, state, groupEpoch } = described;
    const members = described.members.map((member) => ({
      member: member.memberId,
      client: member.clientId,
      assignment: member.assignment,
      lastSeenMs: member.lastSeenMs,
    }));
    const offsets = await groupOffsets(options.context, group, described.topics);
    const view = { group, state: stateView(state), epoch: groupEpoch, members, offsets };
    sendValue(reply, negotiated, view);
    return reply;
  });
  app.get<{ Params: GroupParams }>(
    offsetsPath,
    { schema: offsetsSchema },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const { group, topics } = await groups.describe(request.params.group);
      sendValue(reply, negotiated, { offsets: await groupOffsets(options.context, group, topics) });
      return reply;
    },
  );
  app.delete<{ Params: GroupParams }>(
    groupPath,
    { schema: deleteSchema },
    async (request, reply) => {
      queryOf(request, []);
      await groups.delete(request.params.group);
      return reply.code(204).send();
    },
  );
}

function changeRoutes(app: FastifyInstance, { context, sessions }: GroupOptions): void {
  const { services } = context;
  app.post<{ Params: GroupParams; Body: Static<typeof commitBody> }>(
    commitPath,
    { schema: commitSchema },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      const group = checkedName(request.params.group, "group");
      const { member, epoch = -1 } = request.body;
      if (member === undefined && epoch >= 0) {
        throw new LogError("INVALID_REQUEST", "'epoch' needs 'member'");
      }
      const memberId = member === undefined ? "" : checkedName(member, "member");
      const offsets = request.body.offsets.map(({ metadata = "", ...place }) => {
        return { ...place, metadata };
      });
      await services.groups.commitOffsets({ group, memberId, memberEpoch: epoch, offsets });
      const committed = await services.groups.committedOffsets(group, offsets);
      sendValue(reply, negotiated, { offsets: await offsetViews(services, committed) });
      return reply;
    },
  );
  app.post<{ Params: GroupParams; Body: Static<typeof leaveBody> }>(
    leavePath,
    { schema: leaveSchema },
    async (request, reply) => {
      queryOf(request, []);
      const group = checkedName(request.params.group, "group");
      await sessions.leave(group, checkedName(request.body.member, "member"));
      return reply.code(204).send();
    },
  );
}

const noCommit = { offset: -1, metadata: "", leaderEpoch: -1, committedAtMs: -1, error: null };

// Committed offsets, and null for the other partitions of topics the group reads.
async function groupOffsets(
  { services }: HttpContext,
  group: string,
  topics: readonly string[],
): Promise<readonly object[]> {
  const committed = await services.groups.committedOffsets(group, null);
  const known = new Set(committed.map(({ topic, partition }) => `${partition} ${topic}`));
  const present = topics.filter((topic) => services.topics.lookup(topic) !== null);
  const open = partitionsOf(services, present)
    .filter(({ topic, partition }) => !known.has(`${partition} ${topic}`))
    .map((place) => ({ ...place, ...noCommit }));
  return offsetViews(services, [...committed, ...open].sort(byPlace));
}
