// The position of a merged read: the next offset of each partition, as `0:17,1:4`.

import { LogError } from "../../base/error.ts";
import { integerText } from "./query.ts";

/** Next offsets by partition; a partition that is missing starts at its earliest record. */
export type Vector = ReadonlyMap<number, number>;

/** A vector as clients keep it. */
export function formatVector(vector: Vector): string {
  return [...vector]
    .sort(([left], [right]) => left - right)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join(",");
}

/** True when the text has the form of a vector rather than of another position. */
export function looksLikeVector(text: string): boolean {
  return /^\d+:/.test(text);
}

/** Reads a vector. @throws INVALID_REQUEST */
export function parseVector(text: string): Vector {
  const vector = new Map<number, number>();
  for (const part of text.split(",")) {
    const [partitionText = "", offsetText = "", ...rest] = part.split(":");
    const partition = integerText(partitionText);
    const offset = integerText(offsetText);
    if (rest.length > 0 || partition === null || offset === null || vector.has(partition)) {
      const shown = JSON.stringify(part.slice(0, 60));
      const detail = `'from' must be a vector such as 0:17,1:4, each partition once; see ${shown}`;
      throw new LogError("INVALID_REQUEST", detail, { facts: { parameter: "from" } });
    }
    vector.set(partition, offset);
  }
  return vector;
}
