// Positions as clients write them (`from`, `at`, `to`): parsed strictly, then resolved to an offset in each
// partition.

import { LogError } from "../../base/error.ts";
import type {
  DataServices,
  IsolationLevel,
  ListOffsetsPartition,
  ListOffsetsResult,
} from "../../services.ts";
import { listOffsetsTimestamp } from "../../services.ts";

/** A place in a partition that does not name the partition. */
export type Position =
  | { readonly kind: "earliest" }
  | { readonly kind: "latest" }
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "last"; readonly count: number }
  | { readonly kind: "time"; readonly timestampMs: number };

const iso8601 =
  /^(\d{4})-(\d\d)-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+\- ]\d\d:?\d\d)?)?$/i;
const timestampMsMax = 8.64e15;

/**
 * Reads a position.
 *
 * @param text `earliest`, `latest`, an offset, `-N`, `@<ms>` or `@<ISO 8601>` (UTC where it names no zone).
 * @param name The parameter it stands in.
 * @throws INVALID_REQUEST
 */
export function parsePosition(text: string, name: string): Position {
  if (text === "earliest" || text === "latest") return { kind: text };
  if (text.startsWith("@")) return parseTime(text.slice(1), name);
  const isLast = text.startsWith("-");
  const digits = isLast ? text.slice(1) : text;
  const number = /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(number) || (isLast && number === 0)) throw notAPosition(text, name);
  return isLast ? { kind: "last", count: number } : { kind: "offset", offset: number };
}

function parseTime(text: string, name: string): Position {
  if (/^\d{1,16}$/.test(text)) {
    const timestampMs = Number(text);
    if (timestampMs <= timestampMsMax) return { kind: "time", timestampMs };
    throw notAPosition(`@${text}`, name);
  }
  const match = iso8601.exec(text);
  if (match === null) throw notAPosition(`@${text}`, name);
  // A '+' that nobody encoded arrives as a space.
  const upper = text.toUpperCase().replace(" ", "+");
  const hasZone = !upper.includes("T") || /(?:Z|[+-]\d\d:?\d\d)$/.test(upper.slice(10));
  const timestampMs = Date.parse(hasZone ? upper : `${upper}Z`);
  const [, year, month, day] = match;
  const isDay = isCalendarDay(Number(year), Number(month), Number(day));
  if (Number.isNaN(timestampMs) || timestampMs < 0 || !isDay) throw notAPosition(`@${text}`, name);
  return { kind: "time", timestampMs };
}

function isCalendarDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function notAPosition(text: string, name: string): LogError {
  const forms = "earliest, latest, an offset, -N, @<milliseconds> or @<ISO 8601>";
  const shown = JSON.stringify(text.slice(0, 60));
  return new LogError("INVALID_REQUEST", `'${name}' must be ${forms}, not ${shown}`, {
    facts: { parameter: name },
  });
}

/** Partitions of one topic, and for whose eyes. */
export interface PartitionsOfTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
  /** Whose end `latest` is; that of uncommitted records when absent. */
  readonly isolation?: IsolationLevel;
}

/**
 * The offset of a position in each partition, in the order given. A time after the last record is the end;
 * `-N` stops at
 * the log start.
 *
 * @throws UNKNOWN_TOPIC_OR_PARTITION and what list-offsets answers.
 */
export async function resolvePosition(
  data: DataServices,
  position: Position,
  where: PartitionsOfTopic,
): Promise<readonly number[]> {
  const { topic, partitions, isolation = "read_uncommitted" } = where;
  const ask = async (timestampMs: number): Promise<readonly number[]> => {
    const asked: readonly ListOffsetsPartition[] = partitions.map((partition) => {
      return { topic, partition, timestampMs };
    });
    return offsetsOf(await data.listOffsets(asked, isolation));
  };
  switch (position.kind) {
    case "offset":
      return partitions.map(() => position.offset);
    case "earliest":
      return ask(listOffsetsTimestamp.earliest);
    case "latest":
      return ask(listOffsetsTimestamp.latest);
    case "last": {
      const starts = await ask(listOffsetsTimestamp.earliest);
      const ends = await ask(listOffsetsTimestamp.latest);
      return ends.map((end, index) => Math.max(starts[index] ?? 0, end - position.count));
    }
    case "time": {
      const found = await ask(position.timestampMs);
      if (found.every((offset) => offset >= 0)) return found;
      const ends = await ask(listOffsetsTimestamp.latest);
      return found.map((offset, index) => (offset >= 0 ? offset : (ends[index] ?? 0)));
    }
  }
}

function offsetsOf(results: readonly ListOffsetsResult[]): readonly number[] {
  return results.map(({ topic, partition, error, offset }) => {
    if (error === null) return offset;
    const detail = `partition ${partition} of topic '${topic}' has no offsets to show`;
    throw new LogError(error, detail, { facts: { topic, partition } });
  });
}
