// Reads which topics a data directory has from the log of its catalog, with no server needed.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CatalogMachine, type StoredTopic } from "../broker/catalog-machine.ts";
import { metadataTopicName } from "../broker/topic-name.ts";
import { RecordCursor } from "../record/record-cursor.ts";
import { parsePartitionName, partitionNameOf } from "../storage/partition-name.ts";
import { SegmentReader } from "./segment-reader.ts";

/** The topics of a data directory, by name; those that are being deleted are not among them. */
export interface StoredCatalog {
  readonly topics: ReadonlyMap<string, StoredTopic>;
}

/** Reads the catalog below a data directory; null where it cannot be read to its end. */
export async function readCatalog(path: string): Promise<StoredCatalog | null> {
  const directory = join(path, partitionNameOf({ topic: metadataTopicName, partition: 0 }));
  const machine = new CatalogMachine();
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith(".log")).sort();
    if (names.length === 0) return null;
    for (const [index, name] of names.entries()) {
      const isWhole = await replay(join(directory, name), machine);
      // What a killed server left unfinished at the very end was decided by nobody.
      if (!isWhole && index < names.length - 1) return null;
    }
  } catch {
    return null;
  }
  const live = [...machine.entries()].filter(([, topic]) => topic.state === "live");
  return { topics: new Map(live.map(([, topic]) => [topic.name, topic])) };
}

/** Whether a partition's directory, by its name, belongs to a topic of the catalog, or is the catalog's own. */
export function isInCatalog(catalog: StoredCatalog, name: string): boolean {
  const place = parsePartitionName(name);
  if (place === null) return false;
  if (place.topic === metadataTopicName) return true;
  return place.partition < (catalog.topics.get(place.topic)?.partitionCount ?? 0);
}

async function replay(path: string, machine: CatalogMachine): Promise<boolean> {
  const reader = await SegmentReader.open(path);
  const cursor = new RecordCursor();
  try {
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      if (!batch.isCrcGood) return false;
      cursor.reset(batch.bytes);
      while (cursor.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
        const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
        const event = machine.decode(bytes.subarray(keyStart, keyEnd), value);
        if (event !== null) machine.apply(event);
      }
    }
    return reader.end?.kind === "end";
  } finally {
    await reader.close();
  }
}
