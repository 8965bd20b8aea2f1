// ListOffsets: where a partition begins and ends, and which offset belongs to a time.

import { LogError } from "../base/error.ts";
import type { Log } from "../log/log.ts";
import {
  type IsolationLevel,
  type ListOffsetsPartition,
  type ListOffsetsResult,
  listOffsetsTimestamp,
} from "../services.ts";
import type { Topics } from "./topics.ts";

/**
 * Answers every question, in order. Latest is where readers of the isolation end, and records above are not found by
 * their time. Special timestamps are answered with timestamp -1, and a time after the last record with offset -1.
 *
 * @see Kafka protocol guide, ListOffsets (API 2)
 */
export async function listOffsets(
  topics: Topics,
  questions: readonly ListOffsetsPartition[],
  isolation: IsolationLevel = "read_uncommitted",
): Promise<readonly ListOffsetsResult[]> {
  const answers: ListOffsetsResult[] = [];
  // One after the other: a question by time reads from the disk, and a request may hold thousands.
  for (const question of questions) answers.push(await answer(topics, question, isolation));
  return answers;
}

async function answer(
  topics: Topics,
  question: ListOffsetsPartition,
  isolation: IsolationLevel,
): Promise<ListOffsetsResult> {
  const { topic, partition: number, timestampMs } = question;
  const partition = topics.findPartition(topic, number);
  const unanswered = { topic, partition: number, timestampMs: -1, offset: -1 };
  if (partition === null) return { ...unanswered, error: "UNKNOWN_TOPIC_OR_PARTITION" };
  if (!Number.isSafeInteger(timestampMs) || timestampMs < listOffsetsTimestamp.maxTimestamp) {
    return { ...unanswered, error: "INVALID_REQUEST" };
  }
  try {
    const found = await offsetOf(partition.log(), timestampMs, isolation);
    return { ...unanswered, ...found, error: null };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { ...unanswered, error: error.code };
  }
}

async function offsetOf(
  log: Log,
  timestampMs: number,
  isolation: IsolationLevel,
): Promise<{ readonly offset: number; readonly timestampMs: number }> {
  const { logStartOffset, highWatermark, lastStableOffset } = log.positions();
  const isCommitted = isolation === "read_committed";
  if (timestampMs === listOffsetsTimestamp.latest) {
    return { offset: isCommitted ? lastStableOffset : highWatermark, timestampMs: -1 };
  }
  if (timestampMs === listOffsetsTimestamp.earliest) {
    return { offset: logStartOffset, timestampMs: -1 };
  }
  const found =
    timestampMs === listOffsetsTimestamp.maxTimestamp
      ? await log.maxTimestamp()
      : await log.offsetForTime(timestampMs);
  const isBeyond = isCommitted && (found?.offset ?? 0) >= log.positions().lastStableOffset;
  return found === null || isBeyond ? { offset: -1, timestampMs: -1 } : found;
}
