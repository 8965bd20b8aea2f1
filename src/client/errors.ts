// The one error a client throws, made from a problem reply or from what befell the connection.

/** Names the client itself gives; every other `code` is a name of the server's error table. */
export type ClientErrorCode =
  | "CONNECT_FAILED"
  | "CONNECTION_LOST"
  | "CLIENT_TIMEOUT"
  | "CLIENT_CLOSED"
  | "ABORTED"
  | "BAD_REPLY"
  | "BUFFER_FULL"
  | "PRODUCER_HALTED"
  | "INVALID_REQUEST";

/** What a `VarveError` is made of. */
export interface VarveErrorOptions {
  /** A server error name such as `OFFSET_OUT_OF_RANGE`, or a `ClientErrorCode`. */
  readonly code: string;
  /** HTTP status; 0 when there was no reply. */
  readonly status?: number;
  /** True when the same request may succeed later without being changed. */
  readonly retriable?: boolean;
  /** Further fields of the problem reply: topic, partition, offsets. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** True when the server may have done what was asked although no success was seen. */
  readonly mayHaveApplied?: boolean;
  /** `x-request-id` of the reply, for the server's log; null without a reply. */
  readonly requestId?: string | null;
  /** The server's `Retry-After` in milliseconds; null when it gave none. */
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** A call that failed, for good or after the retries that were safe. */
export class VarveError extends Error {
  /** A server error name such as `OFFSET_OUT_OF_RANGE`, or a `ClientErrorCode`. */
  readonly code: string;
  /** HTTP status; 0 when there was no reply. */
  readonly status: number;
  /** True when the same request may succeed later without being changed. */
  readonly retriable: boolean;
  /** Further fields of the problem reply: topic, partition, offsets. */
  readonly facts: Readonly<Record<string, unknown>>;
  /**
   * True when the server may have done what was asked: the connection broke or time ran out after the request was
   * sent, in this or an earlier attempt. A produce that fails like this may be in the log.
   */
  readonly mayHaveApplied: boolean;
  /** `x-request-id` of the reply, for the server's log; null without a reply. */
  readonly requestId: string | null;
  /** The server's `Retry-After` in milliseconds; null when it gave none. */
  readonly retryAfterMs: number | null;

  /**
   * @param detail  A sentence for humans.
   * @param options Code and facts.
   */
  constructor(detail: string, options: VarveErrorOptions) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "VarveError";
    this.code = options.code;
    this.status = options.status ?? 0;
    this.retriable = options.retriable ?? false;
    this.facts = options.facts ?? {};
    this.mayHaveApplied = options.mayHaveApplied ?? false;
    this.requestId = options.requestId ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** The same error, marked as one whose request may have been applied by an earlier attempt. */
export function asMaybeApplied(error: VarveError): VarveError {
  if (error.mayHaveApplied) return error;
  return new VarveError(error.message, {
    code: error.code,
    status: error.status,
    retriable: error.retriable,
    facts: error.facts,
    mayHaveApplied: true,
    requestId: error.requestId,
    retryAfterMs: error.retryAfterMs,
    cause: error.cause,
  });
}

/** An argument the client refuses before anything is sent. */
export function invalidArgument(detail: string): VarveError {
  return new VarveError(detail, { code: "INVALID_REQUEST" });
}

/** True for a `VarveError` with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof VarveError && codes.includes(error.code);
}

// These names promise that nothing was appended or changed: the server refused before it began.
const refusedBeforeWork = new Set([
  "SERVER_OVERLOADED",
  "SERVER_STOPPING",
  "THROTTLING_QUOTA_EXCEEDED",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
]);

const standardFields = new Set(["type", "title", "status", "detail", "instance"]);

/** A failed reply as the transport saw it. */
export interface FailedReply {
  readonly status: number;
  /** The decoded body; anything but an object with a `code` is not a problem of this server. */
  readonly body: unknown;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
}

/** Turns a reply with a status of 400 or above into the error to throw. */
export function errorFromReply(reply: FailedReply): VarveError {
  const { status, body, requestId, retryAfterMs } = reply;
  const problem = typeof body === "object" && body !== null ? { ...body } : {};
  const fields = problem as Record<string, unknown>;
  const code = fields["code"];
  if (typeof code !== "string") {
    return new VarveError(`status ${status} without a problem that this client knows`, {
      code: "BAD_REPLY",
      status,
      retriable: status === 429 || status >= 502,
      facts: fields,
      mayHaveApplied: status >= 500,
      requestId,
      retryAfterMs,
    });
  }
  const facts = Object.entries(fields).filter(
    ([name]) => !standardFields.has(name) && name !== "code" && name !== "retriable",
  );
  return new VarveError(String(fields["detail"] ?? fields["title"] ?? code), {
    code,
    status,
    retriable: fields["retriable"] === true,
    facts: Object.fromEntries(facts),
    mayHaveApplied: isDoubtful(status, code) || Number(fields["appendedRecords"] ?? 0) > 0,
    requestId,
    retryAfterMs,
  });
}

function isDoubtful(status: number, code: string): boolean {
  return status >= 500 && status !== 507 && !refusedBeforeWork.has(code);
}

const connectCodes = new Set(["UND_ERR_CONNECT_TIMEOUT", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"]);

/**
 * Turns what the connection threw into the error to throw.
 *
 * @param cause What undici or the socket threw.
 * @param url   The server, for the message.
 * @returns `CONNECT_FAILED` when certainly no byte was sent, else `CONNECTION_LOST` with `mayHaveApplied`.
 */
export function errorFromConnection(cause: unknown, url: string): VarveError {
  const { code, syscall, message } = cause as NodeJS.ErrnoException;
  if (code === "UND_ERR_INVALID_ARG") return invalidArgument(`cannot be sent: ${message}`);
  const what = code === undefined ? String(message) : code;
  if (syscall === "connect" || connectCodes.has(code ?? "")) {
    const detail = `cannot reach the server at ${url} (${what})`;
    return new VarveError(detail, { code: "CONNECT_FAILED", retriable: true, cause });
  }
  return new VarveError(`the connection to ${url} broke before the reply was whole (${what})`, {
    code: "CONNECTION_LOST",
    retriable: true,
    mayHaveApplied: true,
    cause,
  });
}

/** True for a VarveError with one of these codes. */
export function isVarveError(error: unknown, ...codes: readonly string[]): error is VarveError {
  return codes.length === 0 ? error instanceof VarveError : hasCode(error, ...codes);
}
