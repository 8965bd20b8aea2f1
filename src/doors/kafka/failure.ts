// What a failed call means to a Kafka client: its name and code, and for coordinators a code that sends clients back to
// ask again.

import type { ErrorName, LogError } from "../../base/error.ts";
import { codeOf, nameError } from "./error-code.ts";
import type { KafkaContext } from "./handler.ts";

// NOT_COORDINATOR: of the codes that pass it is the one that every client knows in every answer of a coordinator.
const notCoordinator = 16;

const passing: ReadonlySet<ErrorName> = new Set([
  "COORDINATOR_NOT_AVAILABLE",
  "SERVER_STOPPING",
  "SERVER_OVERLOADED",
  "REQUEST_TIMED_OUT",
  "KAFKA_STORAGE_ERROR",
  "DISK_FULL",
] satisfies ErrorName[]);

/** Names what was thrown; what nobody foresaw is logged. */
export function failureOf(error: unknown, { logger }: Pick<KafkaContext, "logger">): LogError {
  const failure = nameError(error);
  if (failure.code === "UNKNOWN_SERVER_ERROR") logger.error({ err: error }, "a request failed");
  return failure;
}

/**
 * The code of an error in an answer of the group or transaction coordinator: whatever passes makes clients look for
 * the coordinator again. 0 for null.
 */
export function coordinatorCode(error: ErrorName | null): number {
  return error !== null && passing.has(error) ? notCoordinator : codeOf(error);
}
