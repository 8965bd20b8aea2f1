// Records as they are carried from one topic to another: into the dead letters with headers that tell of them, and back
// without.

import { LogError } from "../base/error.ts";
import type { RecordHeader } from "../record/batch-builder.ts";
import { FetchedRecords } from "../record/fetched-records.ts";
import type { RecordCursor } from "../record/record-cursor.ts";
import { deadLetterHeaders, messageHeaders, type TopicPartition } from "../services.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";
import type { ShareSource } from "./share-source.ts";

/** A record with what is to be written of it. */
export interface MovedRecord {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

const readBytes = 1024 * 1024;
const gone: ReadonlySet<string> = new Set([
  "OFFSET_BELOW_LOG_START",
  "OFFSET_OUT_OF_RANGE",
  "UNKNOWN_TOPIC_OR_PARTITION",
]);
const ours: ReadonlySet<string> = new Set(Object.values(deadLetterHeaders));
// A letter that is put back is delivered at once, whatever it once waited for.
const notPutBack: ReadonlySet<string> = new Set([
  ...ours,
  messageHeaders.deliverAt,
  messageHeaders.expiresAt,
  messageHeaders.dedupId,
  messageHeaders.forQueue,
]);

/** Whether a share partition is one of the group's dead letters. */
export function isOfDeadLetters(group: ShareGroup, { topic }: TopicPartition): boolean {
  const { settings } = group;
  return topic === settings.deadLetterTopic && topic !== settings.topic;
}

/**
 * Reads records, one for each offset: what is not in the log any more is given without key and value, so that a move is
 * the same batch whenever it is built.
 *
 * @throws KAFKA_STORAGE_ERROR when they are there and cannot be read
 */
export async function readMoved(
  source: ShareSource,
  place: TopicPartition,
  offsets: readonly number[],
): Promise<readonly MovedRecord[]> {
  const records: MovedRecord[] = [];
  for (let index = 0; index < offsets.length; ) {
    const found = await readFrom(source, place, offsets.slice(index));
    for (const record of found) records.push(record);
    index += found.length;
  }
  return records;
}

// The first of the offsets, and those that lie in the same reading.
async function readFrom(
  source: ShareSource,
  { topic, partition }: TopicPartition,
  offsets: readonly number[],
): Promise<readonly MovedRecord[]> {
  const [first = 0] = offsets;
  const fetched = await source.fetch({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: readBytes,
    isolation: "read_uncommitted",
    partitions: [{ topic, partition, fetchOffset: first, maxBytes: readBytes }],
    signal: null,
  });
  const found: MovedRecord[] = [];
  try {
    const [result] = fetched.partitions;
    if (result === undefined) return [lost(first)];
    if (result.error !== null) {
      if (gone.has(result.error)) return [lost(first)];
      // What cannot be read now is there all the same: a letter without it would be the end of it.
      throw new LogError(result.error, result.detail ?? `${topic}-${partition} cannot be read`);
    }
    const records = new FetchedRecords(result, first);
    while (found.length < offsets.length && records.next()) {
      const { cursor } = records;
      while ((offsets[found.length] ?? Number.POSITIVE_INFINITY) < cursor.offset) {
        found.push(lost(offsets[found.length] ?? 0));
      }
      if (offsets[found.length] === cursor.offset) found.push(recordAt(cursor));
      records.take();
    }
  } finally {
    fetched.release();
  }
  return found.length > 0 ? found : [lost(first)];
}

/** Where a record goes: the dead-letter topic, or where the letter says it came from. */
export function targetOf(
  record: MovedRecord,
  group: ShareGroup,
  partition: TopicPartition,
): TopicPartition {
  const { settings } = group;
  if (!isOfDeadLetters(group, partition)) {
    return { topic: settings.deadLetterTopic ?? "", partition: partition.partition };
  }
  const from = Number(textOf(record, deadLetterHeaders.partition));
  const isKnown = textOf(record, deadLetterHeaders.topic) === settings.topic;
  const number = isKnown && Number.isSafeInteger(from) && from >= 0 ? from : partition.partition;
  return { topic: settings.topic ?? "", partition: number };
}

/** The headers that a record is written with. */
export function headersOf(
  record: MovedRecord,
  how: { readonly group: ShareGroup; readonly partition: SharePartition; readonly atMs: number },
): readonly RecordHeader[] {
  const { group, partition, atMs } = how;
  if (isOfDeadLetters(group, partition)) {
    const own = record.headers.filter(({ key }) => !notPutBack.has(key));
    // Other queues on the topic have had it, or have a letter of their own.
    return [...own, { key: messageHeaders.forQueue, value: group.name }];
  }
  const run = partition.find(record.offset);
  const story = {
    [deadLetterHeaders.queue]: group.name,
    [deadLetterHeaders.topic]: partition.topic,
    [deadLetterHeaders.partition]: String(partition.partition),
    [deadLetterHeaders.offset]: String(record.offset),
    [deadLetterHeaders.deliveries]: String(run?.fate.deliveries ?? 0),
    [deadLetterHeaders.reason]: run?.fate.reason ?? "",
    [deadLetterHeaders.at]: String(atMs),
  };
  const own = record.headers.filter(({ key }) => !ours.has(key));
  return [...own, ...Object.entries(story).map(([key, value]) => ({ key, value }))];
}

function textOf({ headers }: MovedRecord, name: string): string {
  const value = headers.find(({ key }) => key === name)?.value ?? "";
  return typeof value === "string" ? value : Buffer.from(value).toString("utf8");
}

function lost(offset: number): MovedRecord {
  return { offset, key: null, value: null, headers: [] };
}

function recordAt(cursor: RecordCursor): MovedRecord {
  const { offset } = cursor;
  const copy = (start: number, end: number): Uint8Array | null =>
    start < 0 ? null : cursor.bytes.slice(start, end);
  const headers: RecordHeader[] = [];
  while (cursor.nextHeader()) {
    const name = copy(cursor.headerKeyStart, cursor.headerKeyEnd) ?? new Uint8Array(0);
    const value = copy(cursor.headerValueStart, cursor.headerValueEnd);
    headers.push({ key: Buffer.from(name).toString("utf8"), value });
  }
  const key = copy(cursor.keyStart, cursor.keyEnd);
  const value = copy(cursor.valueStart, cursor.valueEnd);
  return { offset, key, value, headers };
}
