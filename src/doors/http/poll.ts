// POST /v1/groups/{group}/poll: joins, is the heartbeat, commits what the previous poll returned, and returns
// records.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "../../base/schema.ts";
import type { Socket } from "node:net";
import { checkedName } from "./group-view.ts";
import type { GroupOptions, GroupParams } from "./groups.ts";
import type { HttpContext } from "./http-context.ts";
import { isolationDefault, isolationSchema } from "./isolation.ts";
import { PollFetch } from "./poll-fetch.ts";
import type { MemberTerms, PollSession } from "./poll-session.ts";
import type { PollSessions, PollTurn } from "./poll-sessions.ts";
import { badQuery, queryOf } from "./query.ts";
import type { PageEncoding } from "./record-page.ts";
import { pollOutput } from "./group-schema.ts";
import { negotiateValue } from "./replies.ts";
import { routeSchema } from "./route-schema.ts";
import { afterReply, holdReply, whileWaiting } from "./waiting.ts";

const pollBody = Type.Object(
  {
    member: Type.Optional(Type.String()),
    topics: Type.Array(Type.String(), { minItems: 1, maxItems: 1000 }),
    maxRecords: Type.Optional(Type.Integer({ minimum: 1 })),
    maxBytes: Type.Optional(Type.Integer({ minimum: 1 })),
    waitMs: Type.Optional(Type.Integer({ minimum: 0 })),
    sessionTimeoutMs: Type.Optional(Type.Integer({ minimum: 1 })),
    autoCommit: Type.Optional(Type.Boolean()),
    from: Type.Optional(Type.Union([Type.Literal("earliest"), Type.Literal("latest")])),
    isolation: isolationSchema,
  },
  { additionalProperties: false },
);

const path = "/v1/groups/:group/poll";
const schema = routeSchema(path, {
  tag: "groups",
  summary: "Join, live on, commit what the last poll returned, and read",
  body: pollBody,
  replies: { 200: pollOutput },
});

type PollBody = Static<typeof pollBody>;

/** Registers the endpoint. */
export async function pollPlugin(app: FastifyInstance, options: GroupOptions): Promise<void> {
  const { context, sessions } = options;
  app.post<{ Params: GroupParams; Body: PollBody }>(path, { schema }, async (request, reply) => {
    negotiateValue(request);
    queryOf(request, []);
    const { waitMs = 0 } = request.body;
    if (waitMs > context.limits.waitMsMax) {
      throw badQuery("waitMs", `must be an integer from 0 to ${context.limits.waitMsMax}`);
    }
    const turn = await enter(sessions, request, checkedName(request.params.group, "group"));
    let isAnswered = false;
    try {
      await answer(context, { turn, request, reply, body: request.body });
      isAnswered = true;
    } finally {
      if (!isAnswered) turn.end();
    }
    return reply;
  });
}

function enter(
  sessions: PollSessions,
  request: FastifyRequest<{ Params: GroupParams; Body: PollBody }>,
  group: string,
): Promise<PollTurn> {
  const { body } = request;
  const terms: MemberTerms = {
    group,
    memberId: body.member === undefined ? "" : checkedName(body.member, "member"),
    topics: [...new Set(body.topics)].sort(),
    sessionTimeoutMs: body.sessionTimeoutMs ?? null,
    clientId: request.headers["user-agent"] ?? "",
    clientHost: request.ip,
  };
  return sessions.enter(terms);
}

interface Poll {
  readonly turn: PollTurn;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly body: PollBody;
}

async function answer(context: HttpContext, poll: Poll): Promise<void> {
  const { turn, request, reply, body } = poll;
  const { session } = turn;
  const negotiated = negotiateValue(request);
  const encoding = negotiated.encoding as PageEncoding;
  const fetch = new PollFetch(context, session, {
    encoding,
    from: body.from ?? "earliest",
    isolation: body.isolation ?? isolationDefault,
    maxRecords: Math.min(body.maxRecords ?? 500, context.limits.maxRecordsMax),
    maxBytes: Math.min(body.maxBytes ?? 1024 * 1024, context.limits.maxBytesMax),
  });
  const waitMs = body.waitMs ?? 0;
  context.replies.require();
  // A newer poll has come already: this one only has to be answered.
  if (!turn.superseded.aborted) {
    await refresh(context, session, body.autoCommit ?? true);
    if (waitMs === 0) await fetch.once();
    else {
      await whileWaiting(context, reply, (gone) => {
        return fetch.until(waitMs, AbortSignal.any([gone, turn.superseded]));
      });
    }
  }
  const places = fetch.places();
  const bytes = fetch.close({
    member: session.memberId,
    epoch: session.epoch,
    assignment: session.assignment(),
    positions: fetch.positions(),
  });
  holdReply(context, reply, bytes.length);
  context.metrics.recordsOut += fetch.count;
  context.metrics.bytesOut += bytes.length;
  endWhenSent(reply, turn, (socket) => {
    if (places.length > 0) undoOnReset(socket, session.deliver(places));
  });
  reply.type(negotiated.mediaType).send(bytes);
}

// Commit before the heartbeat: what is about to be given up has its new owner start behind it.
async function refresh(
  { services }: HttpContext,
  session: PollSession,
  isCommitting: boolean,
): Promise<void> {
  if (isCommitting) await session.commitDelivered(services);
  else session.forgetDelivered();
  await session.heartbeat(services);
}

// The turn lasts until the reply has been handed to the system in full, or its connection has closed before.
function endWhenSent(reply: FastifyReply, turn: PollTurn, settle: (socket: Socket) => void): void {
  const { raw } = reply;
  const { socket } = raw;
  turn.answersOn(() => raw.destroy());
  afterReply(reply, (wasSent) => {
    if (wasSent && socket !== null) settle(socket);
    turn.end();
  });
}

// What to undo when a connection is reset, by connection: the latest reply on it.
const undoOf = new WeakMap<Socket, () => void>();

// What the system has taken may still not arrive. A client that went away with the reply unread resets the connection;
// then the records count as not returned, unless the member has polled again meanwhile.
function undoOnReset(socket: Socket, undo: () => void): void {
  if (!undoOf.has(socket)) {
    socket.once("close", (hadError: boolean) => {
      if (hadError) undoOf.get(socket)?.();
    });
  }
  undoOf.set(socket, undo);
}
