// Errors as Kafka's protocol shows them: error name to code, and any thrown thing to an error of the table.

import type { ErrorName } from "../../base/error.ts";
import { LogError } from "../../base/error.ts";

/**
 * The code each error name is answered with. Names of ours take the code whose treatment by clients fits: what passes
 * is a code that they retry.
 *
 * @see Kafka protocol guide, "Error Codes".
 */
export const kafkaErrorCode = {
  UNKNOWN_SERVER_ERROR: -1,
  OFFSET_OUT_OF_RANGE: 1,
  // Clients find a new position by their own rule, above or below the log alike.
  OFFSET_BELOW_LOG_START: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  REQUEST_TIMED_OUT: 7,
  // Retried without asking for metadata first, as a server that is short of room wants it.
  SERVER_OVERLOADED: 7,
  REQUEST_TOO_SLOW: 7,
  // Clients ask for metadata before they retry, find the connection closed, and look for the server anew.
  SERVER_STOPPING: 6,
  MESSAGE_TOO_LARGE: 10,
  OFFSET_METADATA_TOO_LARGE: 12,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  INVALID_TOPIC_EXCEPTION: 17,
  INVALID_REQUIRED_ACKS: 21,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  INVALID_GROUP_ID: 24,
  UNKNOWN_MEMBER_ID: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  INVALID_TIMESTAMP: 32,
  UNSUPPORTED_VERSION: 35,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_REPLICA_ASSIGNMENT: 39,
  INVALID_CONFIG: 40,
  INVALID_REQUEST: 42,
  // The four of HTTP cannot come up here; a request that names what is not there is invalid.
  UNSUPPORTED_MEDIA_TYPE: 42,
  NOT_ACCEPTABLE: 42,
  NOT_FOUND: 42,
  METHOD_NOT_ALLOWED: 42,
  POLICY_VIOLATION: 44,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTION_COORDINATOR_FENCED: 52,
  SECURITY_DISABLED: 54,
  OPERATION_NOT_ATTEMPTED: 55,
  KAFKA_STORAGE_ERROR: 56,
  DISK_FULL: 56,
  NON_EMPTY_GROUP: 68,
  GROUP_ID_NOT_FOUND: 69,
  FETCH_SESSION_ID_NOT_FOUND: 70,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  UNSUPPORTED_COMPRESSION_TYPE: 76,
  MEMBER_ID_REQUIRED: 79,
  GROUP_MAX_SIZE_REACHED: 81,
  FENCED_INSTANCE_ID: 82,
  GROUP_SUBSCRIBED_TO_TOPIC: 86,
  INVALID_RECORD: 87,
  RECORD_NOT_JSON: 87,
  // A condition that only our own doors can state.
  OFFSET_MISMATCH: 87,
  UNSTABLE_OFFSET_COMMIT: 88,
  THROTTLING_QUOTA_EXCEEDED: 89,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
  TRANSACTIONAL_ID_NOT_FOUND: 105,
  FENCED_MEMBER_EPOCH: 110,
  UNRELEASED_INSTANCE_ID: 111,
  UNSUPPORTED_ASSIGNOR: 112,
  STALE_MEMBER_EPOCH: 113,
  MISMATCHED_ENDPOINT_TYPE: 114,
  UNSUPPORTED_ENDPOINT_TYPE: 115,
  INVALID_RECORD_STATE: 121,
  SHARE_SESSION_NOT_FOUND: 122,
  INVALID_SHARE_SESSION_EPOCH: 123,
  INVALID_REGULAR_EXPRESSION: 128,
  SHARE_SESSION_LIMIT_REACHED: 133,
  // Queues by name are HTTP's own; neither can come up here.
  QUEUE_NOT_FOUND: 69,
  QUEUE_FULL: 89,
  // Backups as well.
  BACKUP_IN_PROGRESS: 89,
  BACKUP_PLACE_REFUSED: 44,
  BACKUP_DAMAGED: 56,
} as const satisfies Record<ErrorName, number>;

/** The code of an error; 0 (NONE) for null. */
export function codeOf(error: ErrorName | null): number {
  return error === null ? 0 : kafkaErrorCode[error];
}

// Of names that share a code the first is Kafka's own.
const namesByCode = new Map<number, string>();
for (const [name, code] of Object.entries(kafkaErrorCode)) {
  if (!namesByCode.has(code)) namesByCode.set(code, name);
}

/** Kafka's name of a code; the number itself as text when no row has it. */
export function errorNameOf(code: number): string {
  return namesByCode.get(code) ?? String(code);
}

/** The error as one of the table; a stranger becomes UNKNOWN_SERVER_ERROR and keeps itself as the cause. */
export function nameError(error: unknown): LogError {
  if (error instanceof LogError) return error;
  const hidden = "an unexpected error; the server's log has the details";
  return new LogError("UNKNOWN_SERVER_ERROR", hidden, { cause: error });
}
