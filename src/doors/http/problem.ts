// Errors as HTTP shows them: error name to status, and any thrown thing to a problem document (RFC 9457).

import type { ErrorName } from "../../base/error.ts";
import { errorTable, LogError } from "../../base/error.ts";

/** The media type of every error reply. */
export const problemType = "application/problem+json";

/** The status each error name is answered with. */
export const statusOfError = {
  UNKNOWN_SERVER_ERROR: 500,
  OFFSET_OUT_OF_RANGE: 416,
  OFFSET_BELOW_LOG_START: 410,
  CORRUPT_MESSAGE: 400,
  UNKNOWN_TOPIC_OR_PARTITION: 404,
  REQUEST_TIMED_OUT: 504,
  REQUEST_TOO_SLOW: 408,
  MESSAGE_TOO_LARGE: 413,
  OFFSET_METADATA_TOO_LARGE: 413,
  COORDINATOR_NOT_AVAILABLE: 503,
  COORDINATOR_LOAD_IN_PROGRESS: 503,
  INVALID_TOPIC_EXCEPTION: 400,
  INVALID_REQUIRED_ACKS: 400,
  INVALID_GROUP_ID: 400,
  INVALID_SESSION_TIMEOUT: 400,
  UNKNOWN_MEMBER_ID: 404,
  TOPIC_AUTHORIZATION_FAILED: 403,
  TOPIC_ALREADY_EXISTS: 409,
  INVALID_PARTITIONS: 422,
  INVALID_CONFIG: 422,
  INVALID_REQUEST: 400,
  POLICY_VIOLATION: 422,
  KAFKA_STORAGE_ERROR: 503,
  DISK_FULL: 507,
  SERVER_OVERLOADED: 503,
  SERVER_STOPPING: 503,
  NON_EMPTY_GROUP: 409,
  GROUP_ID_NOT_FOUND: 404,
  GROUP_MAX_SIZE_REACHED: 409,
  UNSUPPORTED_COMPRESSION_TYPE: 415,
  UNSUPPORTED_ASSIGNOR: 400,
  UNSUPPORTED_MEDIA_TYPE: 415,
  NOT_ACCEPTABLE: 406,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INVALID_RECORD: 400,
  INVALID_RECORD_STATE: 409,
  QUEUE_NOT_FOUND: 404,
  QUEUE_FULL: 429,
  SHARE_SESSION_NOT_FOUND: 404,
  INVALID_SHARE_SESSION_EPOCH: 409,
  SHARE_SESSION_LIMIT_REACHED: 429,
  RECORD_NOT_JSON: 422,
  INVALID_TIMESTAMP: 400,
  OFFSET_MISMATCH: 412,
  FENCED_MEMBER_EPOCH: 409,
  STALE_MEMBER_EPOCH: 409,
  THROTTLING_QUOTA_EXCEEDED: 429,
  ILLEGAL_GENERATION: 409,
  INCONSISTENT_GROUP_PROTOCOL: 409,
  REBALANCE_IN_PROGRESS: 409,
  MEMBER_ID_REQUIRED: 409,
  FENCED_INSTANCE_ID: 409,
  UNRELEASED_INSTANCE_ID: 409,
  GROUP_SUBSCRIBED_TO_TOPIC: 409,
  UNSTABLE_OFFSET_COMMIT: 503,
  INVALID_REGULAR_EXPRESSION: 400,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 409,
  INVALID_PRODUCER_EPOCH: 409,
  PRODUCER_FENCED: 409,
  INVALID_TXN_STATE: 409,
  INVALID_PRODUCER_ID_MAPPING: 409,
  INVALID_TRANSACTION_TIMEOUT: 400,
  CONCURRENT_TRANSACTIONS: 503,
  TRANSACTION_COORDINATOR_FENCED: 409,
  TRANSACTIONAL_ID_NOT_FOUND: 404,
  OPERATION_NOT_ATTEMPTED: 409,
  UNKNOWN_TOPIC_ID: 404,
  UNSUPPORTED_VERSION: 400,
  FENCED_LEADER_EPOCH: 409,
  UNKNOWN_LEADER_EPOCH: 409,
  FETCH_SESSION_ID_NOT_FOUND: 404,
  INVALID_REPLICATION_FACTOR: 422,
  INVALID_REPLICA_ASSIGNMENT: 422,
  SECURITY_DISABLED: 422,
  MISMATCHED_ENDPOINT_TYPE: 400,
  UNSUPPORTED_ENDPOINT_TYPE: 400,
  BACKUP_IN_PROGRESS: 409,
  BACKUP_PLACE_REFUSED: 409,
  BACKUP_DAMAGED: 422,
} as const satisfies Record<ErrorName, number>;

/** One error reply, ready to send. */
export interface Problem {
  readonly code: ErrorName;
  readonly status: number;
  /** Seconds for `Retry-After`; null where a retry does not help. */
  readonly retryAfterSeconds: number | null;
  /** The JSON document. */
  readonly body: string;
}

/** Members of RFC 9457 and ours that a fact must not replace. */
const reserved = new Set(["type", "title", "status", "detail", "instance", "code", "retriable"]);

/**
 * The problem document of an error.
 *
 * @param error    A LogError, one of fastify's own, or anything else: that becomes UNKNOWN_SERVER_ERROR
 * without text.
 * @param instance What identifies this occurrence; the request's id as a URN.
 */
export function problemOf(error: unknown, instance: string): Problem {
  const named = nameError(error);
  const status = statusOfError[named.code];
  const { title, retriable } = errorTable[named.code];
  const document: Record<string, unknown> = {
    type: `urn:varve:error:${named.code}`,
    title,
    status,
    detail: named.message,
    instance,
    code: named.code,
    retriable,
  };
  for (const [name, value] of Object.entries(named.facts)) {
    if (!reserved.has(name)) document[name] = value;
  }
  return {
    code: named.code,
    status,
    retryAfterSeconds: retryAfter(status),
    body: JSON.stringify(document),
  };
}

/** The error as one of the table; a stranger becomes UNKNOWN_SERVER_ERROR and keeps itself as the cause. */
export function nameError(error: unknown): LogError {
  if (error instanceof LogError) return error;
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  const detail = error instanceof Error ? error.message : "";
  const code = (error as { code?: unknown } | null)?.code;
  // Only fastify's own refusals are shown: their text speaks of the request, never of our insides.
  if (typeof code === "string" && code.startsWith("FST_") && typeof status === "number") {
    if (status === 413) return new LogError("MESSAGE_TOO_LARGE", detail, { cause: error });
    if (status === 415) return new LogError("UNSUPPORTED_MEDIA_TYPE", detail, { cause: error });
    if (status === 404) return new LogError("NOT_FOUND", detail, { cause: error });
    if (status === 503) return new LogError("SERVER_STOPPING", detail, { cause: error });
    if (status < 500) return new LogError("INVALID_REQUEST", detail, { cause: error });
  }
  const hidden = "an unexpected error; the server's log has the details under this request id";
  return new LogError("UNKNOWN_SERVER_ERROR", hidden, { cause: error });
}

function retryAfter(status: number): number | null {
  if (status === 429 || status === 503) return 1;
  return status === 507 ? 10 : null;
}
