// The baseline of the HTTP figures: fastify with POST handlers that do nothing but answer. Run as a child process.

import Fastify from "fastify";

const app = Fastify({ logger: false });
app.addContentTypeParser(
  ["application/octet-stream", "application/msgpack"],
  { parseAs: "buffer" },
  (_request, body, done) => done(null, body),
);
app.post("/empty", (_request, reply) => reply.send({}));
app.get("/readyz", (_request, reply) => reply.send({}));
await app.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0) });
