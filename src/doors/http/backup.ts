// The backup of the data directory: begin one, look at it, give it up.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { LogError } from "../../base/error.ts";
import { type Static, Type } from "../../base/schema.ts";
import { allowNoBody } from "./bodies.ts";
import type { HttpContext } from "./http-context.ts";
import { negotiateValue, sendValue } from "./replies.ts";
import { queryOf } from "./query.ts";
import { closed, integer, routeSchema } from "./route-schema.ts";

const path = "/v1/admin/backup";

const beginBody = closed({
  path: Type.String({
    minLength: 1,
    description: "Absolute path of a directory of the server's machine; new or empty.",
  }),
});
const maybeMs = Type.Integer({ description: "Unix milliseconds; null while it is not so far." });
const backupOutput = Type.Object({
  path: Type.String(),
  state: Type.Enum(["running", "done", "failed", "cancelled"], {}),
  startedMs: integer,
  cutMs: maybeMs,
  endedMs: maybeMs,
  partitions: integer,
  files: integer,
  bytes: integer,
  doneBytes: integer,
  problem: Type.String({ description: "Why it failed; null otherwise." }),
});

const tag = "operations";
const beginSchema = routeSchema(path, {
  tag,
  summary: "Begin a backup of the whole data directory; it shows the instant of this call",
  body: beginBody,
  replies: { 202: backupOutput },
});
const showSchema = routeSchema(path, {
  tag,
  summary: "The newest backup since the server started",
  replies: { 200: backupOutput },
});
const cancelSchema = routeSchema(path, {
  tag,
  summary: "Give up the backup that is being made",
  replies: { 204: null },
});

/** Registers `/v1/admin/backup`. */
export async function backupPlugin(
  app: FastifyInstance,
  { context }: { readonly context: HttpContext },
): Promise<void> {
  const { backups } = context.services;
  app.post<{ Body: Static<typeof beginBody> }>(
    path,
    { schema: beginSchema, preValidation: allowNoBody },
    async (request, reply) => {
      const negotiated = negotiateValue(request);
      queryOf(request, []);
      requireLocal(request, backups.root);
      const begun = await backups.begin(request.body.path);
      reply.code(202);
      sendValue(reply, negotiated, begun);
      return reply;
    },
  );
  app.get(path, { schema: showSchema }, async (request, reply) => {
    const negotiated = negotiateValue(request);
    queryOf(request, []);
    const status = backups.status();
    if (status === null) throw new LogError("NOT_FOUND", "no backup was made since the start");
    sendValue(reply, negotiated, status);
    return reply;
  });
  app.delete(path, { schema: cancelSchema }, async (request, reply) => {
    queryOf(request, []);
    await backups.cancel();
    return reply.code(204).send();
  });
}

// Whoever may name any path of this machine to write to should be somebody on it.
function requireLocal(request: FastifyRequest, root: string | null): void {
  const address = request.socket.remoteAddress ?? "";
  const isLocal = /^(?:::ffff:)?127\.|^::1$/.test(address);
  if (root !== null || isLocal) return;
  const detail =
    "backups are made for callers on the server's machine, or into the directory set as backupDir";
  throw new LogError("BACKUP_PLACE_REFUSED", detail);
}
