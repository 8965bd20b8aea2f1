// Every error the house knows, by name. One row a name: the doors add their own column (HTTP status, Kafka code).
// Names are Kafka's wherever Kafka has one; the others say so in their meaning.

import { keepingErrors } from "./keeping-errors.ts";
import { shareErrors } from "./share-errors.ts";

/** What one row of the error table says, whichever door reports it. */
export interface ErrorInfo {
  /** A short human title that never changes for one name. */
  readonly title: string;
  /** True when the same request may succeed later without being changed. */
  readonly retriable: boolean;
  /** One sentence: when this is answered. */
  readonly meaning: string;
}

/**
 * The table. Keys are the names clients see as `code`.
 *
 * @see Kafka protocol guide, "Error Codes"; `doors/http/problem.ts` maps each to a status.
 */
export const errorTable = {
  UNKNOWN_SERVER_ERROR: {
    title: "Unexpected server error",
    retriable: false,
    meaning: "A fault of the server that has no name of its own; the log holds the stack.",
  },
  OFFSET_OUT_OF_RANGE: {
    title: "Offset above the end of the log",
    retriable: false,
    meaning: "The offset asked for is above the log end offset.",
  },
  OFFSET_BELOW_LOG_START: {
    title: "Offset below the start of the log",
    retriable: false,
    meaning:
      "The records asked for were removed by retention or trim (Kafka: OFFSET_OUT_OF_RANGE).",
  },
  CORRUPT_MESSAGE: {
    title: "Corrupt record batch",
    retriable: true,
    meaning: "A batch does not match its checksum or its own lengths.",
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    title: "Unknown topic or partition",
    retriable: true,
    meaning: "There is no such topic, or it has no such partition.",
  },
  REQUEST_TIMED_OUT: {
    title: "Request timed out",
    retriable: true,
    meaning: "The server could not finish the request within its time limit.",
  },
  REQUEST_TOO_SLOW: {
    title: "Request too slow",
    retriable: true,
    meaning: "The request's body did not arrive in time; nothing of it was used (ours).",
  },
  MESSAGE_TOO_LARGE: {
    title: "Record or batch too large",
    retriable: false,
    meaning: "A record or batch is larger than the topic's max.message.bytes or a server limit.",
  },
  COORDINATOR_NOT_AVAILABLE: {
    title: "Coordinator not available",
    retriable: true,
    meaning: "The coordinator of this group is stopping or its log failed.",
  },
  OFFSET_METADATA_TOO_LARGE: {
    title: "Offset metadata too large",
    retriable: false,
    meaning: "The metadata committed with an offset is larger than the server allows.",
  },
  COORDINATOR_LOAD_IN_PROGRESS: {
    title: "Coordinator is loading",
    retriable: true,
    meaning: "The coordinator is still replaying its log.",
  },
  INVALID_TOPIC_EXCEPTION: {
    title: "Invalid topic name",
    retriable: false,
    meaning: "A topic name is 1 to 249 of a-z A-Z 0-9 . _ - and neither '.' nor '..'.",
  },
  INVALID_REQUIRED_ACKS: {
    title: "Invalid acks",
    retriable: false,
    meaning: "acks is one of 0, 1 and all.",
  },
  INVALID_GROUP_ID: {
    title: "Invalid group name",
    retriable: false,
    meaning: "A group or member name is 1 to 255 printable characters.",
  },
  INVALID_SESSION_TIMEOUT: {
    title: "Invalid session timeout",
    retriable: false,
    meaning: "The session timeout is outside the range the server allows.",
  },
  UNKNOWN_MEMBER_ID: {
    title: "Unknown member",
    retriable: false,
    meaning: "The group has no such member; its session may have timed out.",
  },
  TOPIC_AUTHORIZATION_FAILED: {
    title: "Not allowed",
    retriable: false,
    meaning: "The caller may not do this; internal topics are read-only to clients.",
  },
  TOPIC_ALREADY_EXISTS: {
    title: "Topic already exists",
    retriable: false,
    meaning: "A topic of this name exists with other partitions or config.",
  },
  INVALID_PARTITIONS: {
    title: "Invalid partition count",
    retriable: false,
    meaning: "The partition count is out of range, or lower than the present one.",
  },
  INVALID_CONFIG: {
    title: "Invalid configuration",
    retriable: false,
    meaning: "A config key is unknown or its value is outside its range.",
  },
  INVALID_REQUEST: {
    title: "Invalid request",
    retriable: false,
    meaning: "The request cannot be read: broken encoding, wrong type, missing or unknown field.",
  },
  POLICY_VIOLATION: {
    title: "Policy violation",
    retriable: false,
    meaning: "The request is well formed but a server limit forbids it.",
  },
  KAFKA_STORAGE_ERROR: {
    title: "Storage failed",
    retriable: true,
    meaning:
      "The disk refused a write or sync, or the partition's log is damaged; see the server log.",
  },
  DISK_FULL: {
    title: "Disk full",
    retriable: true,
    meaning: "There is no room to append; reads go on (Kafka: KAFKA_STORAGE_ERROR).",
  },
  SERVER_OVERLOADED: {
    title: "Server overloaded",
    retriable: true,
    meaning: "A memory or queue bound is reached; retry later (Kafka: REQUEST_TIMED_OUT).",
  },
  SERVER_STOPPING: {
    title: "Server stopping",
    retriable: true,
    meaning: "The server is shutting down (Kafka: NOT_LEADER_OR_FOLLOWER).",
  },
  NON_EMPTY_GROUP: {
    title: "Group has members",
    retriable: false,
    meaning: "The operation needs a group without active members.",
  },
  GROUP_ID_NOT_FOUND: {
    title: "Unknown group",
    retriable: false,
    meaning: "There is no such group.",
  },
  GROUP_MAX_SIZE_REACHED: {
    title: "Group is full",
    retriable: false,
    meaning: "The group has as many members as the server allows.",
  },
  UNSUPPORTED_COMPRESSION_TYPE: {
    title: "Unsupported compression",
    retriable: false,
    meaning: "The batch's codec cannot be read by this server.",
  },
  UNSUPPORTED_ASSIGNOR: {
    title: "Unsupported assignor",
    retriable: false,
    meaning: "The server-side assignor is one of range and uniform.",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    title: "Unsupported media type",
    retriable: false,
    meaning: "The Content-Type is not one this endpoint reads (HTTP only).",
  },
  NOT_ACCEPTABLE: {
    title: "Not acceptable",
    retriable: false,
    meaning: "No encoding in Accept is one this endpoint writes (HTTP only).",
  },
  NOT_FOUND: {
    title: "Not found",
    retriable: false,
    meaning: "There is nothing at this path (HTTP only).",
  },
  METHOD_NOT_ALLOWED: {
    title: "Method not allowed",
    retriable: false,
    meaning: "The path exists but not with this method; `Allow` lists those it has (HTTP only).",
  },
  INVALID_RECORD: {
    title: "Invalid record",
    retriable: false,
    meaning: "A record of the request cannot be accepted; `index` names it.",
  },
  RECORD_NOT_JSON: {
    title: "Record is not JSON",
    retriable: false,
    meaning:
      "A record was asked for as JSON or text and its bytes are not that; `offset` names it (ours).",
  },
  INVALID_TIMESTAMP: {
    title: "Invalid timestamp",
    retriable: false,
    meaning: "A record's timestamp is outside what the topic allows.",
  },
  OFFSET_MISMATCH: {
    title: "Log end offset differs",
    retriable: false,
    meaning: "A conditional append named another log end offset; nothing was appended (ours).",
  },
  FENCED_MEMBER_EPOCH: {
    title: "Member epoch is fenced",
    retriable: false,
    meaning: "The member epoch is not one the coordinator knows; rejoin with epoch 0.",
  },
  STALE_MEMBER_EPOCH: {
    title: "Member epoch is stale",
    retriable: true,
    meaning: "The member epoch differs from the coordinator's; heartbeat, then retry.",
  },
  THROTTLING_QUOTA_EXCEEDED: {
    title: "Too many requests",
    retriable: true,
    meaning: "A limit on connections, waiters or rate is reached.",
  },
  ILLEGAL_GENERATION: {
    title: "Stale generation",
    retriable: false,
    meaning: "The generation is not the group's present one; rejoin.",
  },
  INCONSISTENT_GROUP_PROTOCOL: {
    title: "Inconsistent group protocol",
    retriable: false,
    meaning: "The members share no protocol, or the group is of another kind.",
  },
  REBALANCE_IN_PROGRESS: {
    title: "Rebalance in progress",
    retriable: false,
    meaning: "The group is rebalancing; the member must join again.",
  },
  MEMBER_ID_REQUIRED: {
    title: "Member id required",
    retriable: false,
    meaning: "A new member joins again with the id it was given (`memberId`).",
  },
  FENCED_INSTANCE_ID: {
    title: "Static member replaced",
    retriable: false,
    meaning: "Another member has taken over this group instance id.",
  },
  UNRELEASED_INSTANCE_ID: {
    title: "Static member still there",
    retriable: false,
    meaning: "A living member holds this instance id.",
  },
  GROUP_SUBSCRIBED_TO_TOPIC: {
    title: "Group reads the topic",
    retriable: false,
    meaning: "Offsets of a topic that members are subscribed to cannot be deleted.",
  },
  UNSTABLE_OFFSET_COMMIT: {
    title: "Offset commit not yet stable",
    retriable: true,
    meaning: "An open transaction is about to change the committed offset.",
  },
  INVALID_REGULAR_EXPRESSION: {
    title: "Invalid regular expression",
    retriable: false,
    meaning: "The regular expression cannot be read.",
  },
  OUT_OF_ORDER_SEQUENCE_NUMBER: {
    title: "Sequence out of order",
    retriable: false,
    meaning:
      "A batch of an idempotent producer does not follow the one before it (`expectedSequence`).",
  },
  INVALID_PRODUCER_EPOCH: {
    title: "Producer epoch is old",
    retriable: false,
    meaning: "A newer incarnation of the producer has written; this one is fenced.",
  },
  PRODUCER_FENCED: {
    title: "Producer is fenced",
    retriable: false,
    meaning: "A newer producer uses the same transactional id.",
  },
  INVALID_TXN_STATE: {
    title: "Invalid transaction state",
    retriable: false,
    meaning: "The transaction is not in a state that allows this.",
  },
  INVALID_PRODUCER_ID_MAPPING: {
    title: "Producer id does not match",
    retriable: false,
    meaning: "The transactional id is unknown or has another producer id.",
  },
  INVALID_TRANSACTION_TIMEOUT: {
    title: "Invalid transaction timeout",
    retriable: false,
    meaning: "The transaction timeout is not above 0 or longer than the server allows.",
  },
  CONCURRENT_TRANSACTIONS: {
    title: "Transaction still completing",
    retriable: true,
    meaning: "The producer's previous transaction is being completed; ask again shortly.",
  },
  TRANSACTION_COORDINATOR_FENCED: {
    title: "Transaction coordinator fenced",
    retriable: false,
    meaning: "A marker of an older transaction coordinator.",
  },
  TRANSACTIONAL_ID_NOT_FOUND: {
    title: "Unknown transactional id",
    retriable: false,
    meaning: "There is no such transactional id.",
  },
  OPERATION_NOT_ATTEMPTED: {
    title: "Not attempted",
    retriable: false,
    meaning: "Another part of an all-or-nothing request was refused.",
  },
  UNKNOWN_TOPIC_ID: {
    title: "Unknown topic id",
    retriable: true,
    meaning: "There is no topic with this id.",
  },
  UNSUPPORTED_VERSION: {
    title: "Unsupported version",
    retriable: false,
    meaning: "The version of the request is not one the server speaks.",
  },
  FENCED_LEADER_EPOCH: {
    title: "Leader epoch is old",
    retriable: true,
    meaning: "The caller knows an older leader epoch than the server.",
  },
  UNKNOWN_LEADER_EPOCH: {
    title: "Leader epoch is unknown",
    retriable: true,
    meaning: "The caller knows a newer leader epoch than the server.",
  },
  FETCH_SESSION_ID_NOT_FOUND: {
    title: "Unknown fetch session",
    retriable: true,
    meaning: "The server keeps no fetch sessions; fetch without one.",
  },
  INVALID_REPLICATION_FACTOR: {
    title: "Invalid replication factor",
    retriable: false,
    meaning: "There are fewer brokers than replicas asked for.",
  },
  INVALID_REPLICA_ASSIGNMENT: {
    title: "Invalid replica assignment",
    retriable: false,
    meaning: "The assignment names partitions or brokers that do not fit.",
  },
  SECURITY_DISABLED: {
    title: "Security is not set up",
    retriable: false,
    meaning: "There are no access rules, because the server has no authorizer.",
  },
  MISMATCHED_ENDPOINT_TYPE: {
    title: "Mismatched endpoint type",
    retriable: false,
    meaning: "The question is for a controller, this is a broker.",
  },
  UNSUPPORTED_ENDPOINT_TYPE: {
    title: "Unsupported endpoint type",
    retriable: false,
    meaning: "There is no such endpoint type.",
  },
  ...shareErrors,
  ...keepingErrors,
} as const satisfies Record<string, ErrorInfo>;
