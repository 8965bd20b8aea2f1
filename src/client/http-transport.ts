// Calls to one server over kept-alive connections, with the retries that are safe and no others.
//
// A request is sent again only when that cannot do its work twice. Each call says what it allows (`Resend`):
// - `always`: doing it twice does no harm (reads, PUT, DELETE, commits): any passing failure is tried again.
// - `refused`: tried again when the connection could not be made, or the server said that it refused before it began.
// - `unsent`: tried again only when the connection could not be made.

import { setMaxListeners } from "node:events";
import { Pool } from "undici";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import { asMaybeApplied, errorFromConnection, errorFromReply, VarveError } from "./errors.ts";
import { decodeBody, mediaType } from "./message-pack.ts";

/** When a request may be sent again. */
export type Resend = "always" | "refused" | "unsent";

/** Settings of a transport. */
export interface TransportOptions {
  /** `http://host:port`, with a path when the server is behind one. */
  readonly url: string;
  /** Time for one attempt, in milliseconds, not counting a call's own `waitMs`. */
  readonly timeoutMs: number;
  /** How many times a request may be sent again. */
  readonly retriesMax: number;
  /** First pause before a retry; doubles each time up to `backoffMsMax`, half of it random. */
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  /** Connections at most; further calls wait for one. */
  readonly connectionsMax: number;
  /** Sent as `user-agent`. */
  readonly clientId: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** One call. */
export interface Call {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Begins with `/`; names in it are already percent-encoded. */
  readonly path: string;
  /** Query parameters; null ones are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | null>>;
  /** A MessagePack body, or null. */
  readonly body?: Uint8Array | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly resend: Resend;
  /** Where sending again is safe: goes on for this long, however often it takes. In milliseconds; 0 when absent. */
  readonly retryForMs?: number;
  /** Time the server is asked to hold the call, added to the time of an attempt. */
  readonly waitMs?: number;
  /** Ends the call with `ABORTED`. */
  readonly signal?: AbortSignal | null;
}

/** A reply with a status below 400. */
export interface Reply {
  readonly status: number;
  /** The decoded body; null when there is none. Byte values are views of one buffer that belongs to the reply. */
  readonly body: unknown;
}

// A reply holds at most what was asked for plus one record; larger ones are not from this server.
const replyBytesMax = 256 * 1024 * 1024;
// Longer pauses than this are better taken by the caller, who can see them.
const retryAfterMsMax = 30_000;

/** Sends calls and hears replies. */
export class HttpTransport {
  readonly #options: TransportOptions;
  readonly #pool: Pool;
  readonly #basePath: string;
  readonly #closing = new AbortController();

  /** @param options Where to and how patiently. Throws INVALID_REQUEST when the URL cannot be used. */
  constructor(options: TransportOptions) {
    this.#options = options;
    // Every call under way listens.
    setMaxListeners(0, this.#closing.signal);
    const url = parseUrl(options.url);
    this.#basePath = url.pathname.replace(/\/+$/, "");
    this.#pool = new Pool(url.origin, {
      connections: options.connectionsMax,
      connectTimeout: options.timeoutMs,
      // Attempts are timed here, by the clock given, so that a held read is not taken for a dead one.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: replyBytesMax,
    });
  }

  /** The server this speaks to, as given. */
  get url(): string {
    return this.#options.url;
  }

  /**
   * Sends a call and waits for its reply, trying again where that is safe.
   *
   * @throws VarveError by the server's name or a `ClientErrorCode`; `mayHaveApplied` counts every attempt made.
   */
  async call(call: Call): Promise<Reply> {
    const { clock, retriesMax } = this.#options;
    const patientUntilMs = clock.monotonicMs() + (call.retryForMs ?? 0);
    let mayHaveApplied = false;
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(call);
      if (!(outcome instanceof VarveError)) return outcome;
      mayHaveApplied ||= outcome.mayHaveApplied;
      const error = mayHaveApplied ? asMaybeApplied(outcome) : outcome;
      const isEnough = attempt >= retriesMax && clock.monotonicMs() >= patientUntilMs;
      if (isEnough || !mayResend(outcome, call.resend)) throw error;
      await this.#pause(this.#backoffMs(attempt, outcome.retryAfterMs), call.signal ?? null, error);
    }
  }

  /** Ends running calls with `CLIENT_CLOSED` and closes the connections. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pool.destroy();
  }

  async #attempt(call: Call): Promise<Reply | VarveError> {
    const given = call.signal ?? null;
    if (this.#closing.signal.aborted || given?.aborted === true) return this.#stopped(given, false);
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    const timeoutMs = this.#options.timeoutMs + (call.waitMs ?? 0);
    let isLate = false;
    const timer = this.#options.clock.after(timeoutMs, () => {
      isLate = true;
      abort();
    });
    given?.addEventListener("abort", abort);
    this.#closing.signal.addEventListener("abort", abort);
    try {
      return await this.#exchange(call, stop.signal);
    } catch (cause) {
      if (isLate) return this.#late(timeoutMs);
      if (stop.signal.aborted) return this.#stopped(given, true);
      return errorFromConnection(cause, this.#options.url);
    } finally {
      timer.cancel();
      given?.removeEventListener("abort", abort);
      this.#closing.signal.removeEventListener("abort", abort);
    }
  }

  async #exchange(call: Call, signal: AbortSignal): Promise<Reply | VarveError> {
    const body = call.body ?? null;
    const reply = await this.#pool.request({
      method: call.method,
      path: this.#basePath + call.path + queryText(call.query ?? {}),
      headers: {
        accept: mediaType,
        "user-agent": this.#options.clientId,
        ...(body === null ? {} : { "content-type": mediaType }),
        ...call.headers,
      },
      body,
      signal,
    });
    const status = reply.statusCode;
    const bytes = await reply.body.bytes();
    const decoded = decodeBody(bytes, headerText(reply.headers["content-type"]) ?? "");
    if (status >= 400) {
      return errorFromReply({
        status,
        body: decoded,
        requestId: headerText(reply.headers["x-request-id"]),
        retryAfterMs: this.#retryAfterMs(headerText(reply.headers["retry-after"])),
      });
    }
    if (decoded === undefined || status >= 300) return this.#unreadable(status);
    return { status, body: decoded };
  }

  #retryAfterMs(text: string | null): number | null {
    if (text === null) return null;
    const seconds = Number(text);
    const ms = Number.isNaN(seconds)
      ? Date.parse(text) - this.#options.clock.nowMs()
      : seconds * 1000;
    return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), retryAfterMsMax);
  }

  #backoffMs(attempt: number, retryAfterMs: number | null): number {
    const { backoffMs, backoffMsMax, random } = this.#options;
    const full = Math.min(backoffMs * 2 ** attempt, backoffMsMax);
    const jittered = full / 2 + random.below(Math.floor(full / 2) + 1);
    return Math.max(jittered, retryAfterMs ?? 0);
  }

  async #pause(delayMs: number, signal: AbortSignal | null, last: VarveError): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const closing = this.#closing.signal;
      const forget = (): void => {
        signal?.removeEventListener("abort", stop);
        closing.removeEventListener("abort", stop);
      };
      const timer = this.#options.clock.after(delayMs, () => {
        forget();
        resolve();
      });
      const stop = (): void => {
        timer.cancel();
        forget();
        reject(this.#stopped(signal, last.mayHaveApplied));
      };
      signal?.addEventListener("abort", stop);
      closing.addEventListener("abort", stop);
      if (signal?.aborted === true || closing.aborted) stop();
    });
  }

  #stopped(given: AbortSignal | null, mayHaveApplied: boolean): VarveError {
    const isAborted = given?.aborted === true;
    return new VarveError(isAborted ? "the call was aborted" : "the client is closed", {
      code: isAborted ? "ABORTED" : "CLIENT_CLOSED",
      mayHaveApplied,
    });
  }

  #late(timeoutMs: number): VarveError {
    return new VarveError(`no reply from ${this.#options.url} within ${timeoutMs} ms`, {
      code: "CLIENT_TIMEOUT",
      retriable: true,
      mayHaveApplied: true,
    });
  }

  #unreadable(status: number): VarveError {
    const detail = `${this.#options.url} answered ${status} with a body that is not MessagePack or JSON; is it a Varve server?`;
    return new VarveError(detail, { code: "BAD_REPLY", status, mayHaveApplied: true });
  }
}

/** True when sending the request again can help and cannot do its work twice. */
function mayResend(error: VarveError, resend: Resend): boolean {
  switch (error.code) {
    case "CONNECT_FAILED":
      return true;
    case "ABORTED":
    case "CLIENT_CLOSED":
      return false;
    case "CONNECTION_LOST":
    case "CLIENT_TIMEOUT":
      return resend === "always";
    default:
      break;
  }
  const isPassing = error.retriable && [429, 502, 503, 504].includes(error.status);
  if (!isPassing) return false;
  return resend === "always" || (resend === "refused" && !error.mayHaveApplied);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new VarveError(`'${text}' is not an http:// or https:// address`, {
      code: "INVALID_REQUEST",
    });
  }
  return url;
}

function queryText(query: NonNullable<Call["query"]>): string {
  const parts = Object.entries(query)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

function headerText(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
