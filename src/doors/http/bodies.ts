// Takes request bodies off the wire: bounded each and in sum, as bytes; decoded to plain values where a route
// wants that.

import type { FastifyInstance, FastifyRequest } from "fastify";
import type { IncomingMessage } from "node:http";
import { Unpackr } from "msgpackr";
import { LogError } from "../../base/error.ts";
import type { WatchedBody } from "./body-watch.ts";
import { BodyWatch } from "./body-watch.ts";
import type { HttpContext } from "./http-context.ts";
import { JsonScanner, jsonDepthMax } from "./json-scan.ts";
import { MsgpackScanner, msgpackDepthMax } from "./msgpack-scan.ts";
import { bodyEncoding } from "./negotiation.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** How a route takes its body; absent: a plain value, JSON or MessagePack. */
    readonly body?: "bytes" | "bytes-or-stream";
  }
  interface FastifyRequest {
    /** Bytes of body counted against the door's budget. */
    bodyBytes: number;
  }
}

/** The body of a route that takes streams, when it is one. */
export interface StreamedBody {
  /**
   * Hands the chunks on one by one, each when the one before was taken. What is refused in the middle is read to its
   * end all the same, so that its sender hears the answer.
   *
   * @throws REQUEST_TOO_SLOW when it stands still, INVALID_REQUEST when it breaks off, and whatever `take` throws.
   */
  each(take: (chunk: Buffer) => Promise<void>): Promise<void>;
}

type Done = (error: Error | null, body?: unknown) => void;

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });

/** Makes the app read every body this way. */
export function takeBodies(app: FastifyInstance, context: HttpContext): void {
  const watch = new BodyWatch(context.clock, context.limits.requestTimeoutMs);
  app.removeAllContentTypeParsers();
  // Fastify remembers which parser an expression found, but looks again each time for one that is there for "*".
  app.addContentTypeParser(/^/, (request, payload: IncomingMessage, done: Done) => {
    const coding = request.headers["content-encoding"];
    if (coding !== undefined && coding !== "identity") {
      const detail = `content-encoding '${coding}' is not read; send the body as it is`;
      done(new LogError("UNSUPPORTED_MEDIA_TYPE", detail));
      return;
    }
    const mode = request.routeOptions.config.body;
    const isStream = mode === "bytes-or-stream" && isNdjson(request);
    if (isStream) watchStream(payload, watch, done);
    else collect({ request, payload, context, watch, isDecoded: mode === undefined, done });
  });
}

function isNdjson(request: FastifyRequest): boolean {
  return bodyEncoding(request.headers["content-type"]) === "ndjson";
}

/** A hook for routes whose body may be left out: it is then an empty object. */
export function allowNoBody(request: FastifyRequest, _reply: unknown, done: () => void): void {
  request.body ??= {};
  done();
}

/** Gives back the bytes a request's body counted in the door's budget; harmless twice. */
export function releaseBody(request: FastifyRequest, { metrics }: HttpContext): void {
  metrics.bodyBytesInFlight -= request.bodyBytes;
  request.bodyBytes = 0;
}

function tooSlow(): LogError {
  return new LogError("REQUEST_TOO_SLOW", "the body did not arrive in time");
}

function brokenOff(cause: unknown): LogError {
  return new LogError("INVALID_REQUEST", "the body broke off before its end", { cause });
}

interface Collecting {
  readonly request: FastifyRequest;
  readonly payload: IncomingMessage;
  readonly context: HttpContext;
  readonly watch: BodyWatch;
  /** The route wants a plain value, not bytes. */
  readonly isDecoded: boolean;
  readonly done: Done;
}

// A stream may last, but not stand still.
function watchStream(payload: IncomingMessage, watch: BodyWatch, done: Done): void {
  const each = (take: (chunk: Buffer) => Promise<void>): Promise<void> => {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (error: unknown): void => {
        if (isOver) return;
        isOver = true;
        watch.delete(watched);
        if (error === null) resolve();
        else reject(error as Error);
        if (!payload.readableEnded) drain(payload, watch);
      };
      const watched: WatchedBody = watch.add(() => end(tooSlow()));
      payload.on("data", (chunk: Buffer) => {
        if (isOver) return;
        payload.pause();
        watch.renew(watched);
        take(chunk).then(() => {
          watch.renew(watched);
          payload.resume();
        }, end);
      });
      payload.on("end", () => end(null));
      payload.on("error", (error) => end(brokenOff(error)));
      payload.on("close", () => end(brokenOff(null)));
    });
  };
  done(null, { each } satisfies StreamedBody);
}

// Reads what is left of a body that nobody wants, for as long as any upload may take: a connection closed over
// unread bytes would take the answer with it.
function drain(payload: IncomingMessage, watch: BodyWatch): void {
  if (payload.destroyed) return;
  const watched = watch.add(() => payload.destroy());
  payload.on("close", () => watch.delete(watched));
  payload.on("end", () => watch.delete(watched));
  payload.on("error", () => watch.delete(watched));
  payload.resume();
}

function collect({ request, payload, context, watch, isDecoded, done }: Collecting): void {
  const { limits, metrics } = context;
  let first: Buffer | null = null;
  let more: Buffer[] | null = null;
  let isOver = false;
  const watched = watch.add(() => finish(tooSlow()));
  const finish = (error: Error | null): void => {
    if (isOver) return;
    isOver = true;
    watch.delete(watched);
    if (error !== null) {
      first = null;
      more = null;
      releaseBody(request, context);
      if (!payload.readableEnded) drain(payload, watch);
      done(error);
      return;
    }
    metrics.bytesIn += request.bodyBytes;
    const bytes = more === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(more);
    if (isDecoded) deliverDecoded(request, bytes, done);
    else done(null, bytes);
  };
  payload.on("data", (chunk: Buffer) => {
    if (isOver) return;
    request.bodyBytes += chunk.length;
    metrics.bodyBytesInFlight += chunk.length;
    if (request.bodyBytes > limits.bodyBytesMax) finish(tooLarge(limits.bodyBytesMax));
    else if (metrics.bodyBytesInFlight > limits.bodyBytesInFlightMax) finish(overloaded());
    else if (first === null) first = chunk;
    else if (more === null) more = [first, chunk];
    else more.push(chunk);
  });
  payload.on("end", () => finish(null));
  payload.on("error", (error: Error) => finish(brokenOff(error)));
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limits.bodyBytesMax) finish(tooLarge(limits.bodyBytesMax));
}

function deliverDecoded(request: FastifyRequest, bytes: Buffer, done: Done): void {
  try {
    done(null, decodeValue(bytes, request.headers["content-type"]));
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
  }
}

/**
 * A body as a plain value; undefined when it is empty.
 * @throws UNSUPPORTED_MEDIA_TYPE, INVALID_REQUEST
 */
export function decodeValue(bytes: Buffer, contentType: string | undefined): unknown {
  if (bytes.length === 0) return undefined;
  const encoding = bodyEncoding(contentType);
  if (encoding === "json") return decodeJson(bytes);
  if (encoding === "msgpack") return decodeMsgpack(bytes);
  const stated = contentType === undefined ? "no content-type" : `'${contentType}'`;
  const detail = `this endpoint reads application/json and application/msgpack, not ${stated}`;
  throw new LogError("UNSUPPORTED_MEDIA_TYPE", detail);
}

function decodeJson(bytes: Buffer): unknown {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const start = hasMark ? 3 : 0;
  // The scanner bounds the nesting before the recursive validators behind this see the value.
  const scanner = new JsonScanner();
  scanner.reset(bytes, start, bytes.length);
  if (!scanner.value() || scanner.peek() !== -1) {
    const detail = `not JSON of at most ${jsonDepthMax} levels: see byte ${scanner.at}`;
    throw new LogError("INVALID_REQUEST", detail, { facts: { position: scanner.at } });
  }
  return JSON.parse(bytes.toString("utf8", start)) as unknown;
}

function decodeMsgpack(bytes: Buffer): unknown {
  const scanner = new MsgpackScanner();
  scanner.reset(bytes);
  if (!scanner.value() || !scanner.isAtEnd) {
    const limits = `of at most ${msgpackDepthMax} levels, without extension types`;
    const detail = `not one MessagePack value ${limits}: see byte ${scanner.at}`;
    throw new LogError("INVALID_REQUEST", detail, { facts: { position: scanner.at } });
  }
  try {
    return unpackr.unpack(bytes) as unknown;
  } catch (cause) {
    // Well formed but without a plain value: a map whose keys are maps, say.
    throw new LogError("INVALID_REQUEST", "the MessagePack body is no plain value", { cause });
  }
}

function tooLarge(bytesMax: number): LogError {
  return new LogError("MESSAGE_TOO_LARGE", `a request body has at most ${bytesMax} bytes`, {
    facts: { bodyBytesMax: bytesMax },
  });
}

function overloaded(): LogError {
  return new LogError("SERVER_OVERLOADED", "too many bytes of request bodies are in memory");
}
