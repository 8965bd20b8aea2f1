// Which names a topic may have, and which topics belong to the server itself.

import { LogError } from "../base/error.ts";

/** Longest topic name, so that `<name>-<partition>` still fits a file name. */
export const topicNameLengthMax = 249;

/** The topic in which the server keeps what topics there are. */
export const metadataTopicName = "__cluster_metadata";

/** The topic in which consumer groups keep members and committed offsets. */
export const offsetsTopicName = "__consumer_offsets";

/** The topic in which transactional ids and producer ids are kept. */
export const transactionsTopicName = "__transaction_state";

/** The topic in which share groups and queues keep which records are settled. */
export const shareStateTopicName = "__share_group_state";

const allowed = /^[a-zA-Z0-9._-]+$/;

/**
 * Checks a name against Kafka's rule.
 *
 * @throws INVALID_TOPIC_EXCEPTION
 * @see Kafka `Topic.validate`
 */
export function checkTopicName(name: string): void {
  const isLegal =
    name.length <= topicNameLengthMax && allowed.test(name) && name !== "." && name !== "..";
  if (isLegal) return;
  throw new LogError(
    "INVALID_TOPIC_EXCEPTION",
    `topic name '${name.slice(0, topicNameLengthMax)}' is not 1 to ${topicNameLengthMax} of ` +
      "a-z A-Z 0-9 . _ - (and neither '.' nor '..')",
  );
}

/** True for the server's own topics: clients may read them and nothing else. */
export function isInternalTopicName(name: string): boolean {
  return name.startsWith("__");
}

/**
 * Refuses to change a topic of the server on a client's behalf.
 *
 * @throws TOPIC_AUTHORIZATION_FAILED
 */
export function checkClientMayChange(name: string): void {
  if (!isInternalTopicName(name)) return;
  throw new LogError(
    "TOPIC_AUTHORIZATION_FAILED",
    `topic '${name}' belongs to the server: names that begin with '__' are read-only to clients`,
    { facts: { topic: name } },
  );
}
