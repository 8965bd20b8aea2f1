// The rows of the error table that share groups and queues brought.

/** Rows as in `error-table.ts`. */
export const shareErrors = {
  INVALID_RECORD_STATE: {
    title: "Record is not held any more",
    retriable: false,
    meaning:
      "The delivery that is settled has ended: the lease lapsed, or it was settled before (Kafka: the record is not " +
      "acquired by this member).",
  },
  QUEUE_NOT_FOUND: {
    title: "Unknown queue",
    retriable: false,
    meaning: "There is no queue of that name (ours).",
  },
  QUEUE_FULL: {
    title: "Queue is full",
    retriable: true,
    meaning: "The queue is at its maxDepth or maxBytes and refuses more (ours).",
  },
  SHARE_SESSION_NOT_FOUND: {
    title: "Unknown share session",
    retriable: true,
    meaning: "The share session has ended; the member opens a new one.",
  },
  INVALID_SHARE_SESSION_EPOCH: {
    title: "Wrong share session epoch",
    retriable: true,
    meaning: "The request is not the next one of its share session.",
  },
  SHARE_SESSION_LIMIT_REACHED: {
    title: "Too many share sessions",
    retriable: true,
    meaning: "The server holds as many share sessions as it may.",
  },
} as const;
