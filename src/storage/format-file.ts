// Who a data directory is: `format.json` says which version laid it out and gives its ids; `meta.properties` repeats
// the ids the way Kafka's own tools want them.

import type { Random } from "../base/random.ts";
import { randomUuid } from "../base/random.ts";

/** Contents of `format.json`. Ids are version-4 UUIDs in Kafka's spelling: 22 characters of base64url. */
export interface Format {
  readonly clusterId: string;
  readonly directoryId: string;
  /** When the directory was made, Unix milliseconds. */
  readonly createdMs: number;
}

/** What `format.json` turned out to be. */
export type FormatReading =
  | { readonly kind: "known"; readonly format: Format }
  | { readonly kind: "newer"; readonly version: number }
  | { readonly kind: "damaged" };

/** The layout this code writes, and the newest it reads. */
export const formatVersion = 1;

const idPattern = /^[A-Za-z0-9_-]{22}$/;

/** A fresh identity. */
export function newFormat(random: Random, createdMs: number): Format {
  return { clusterId: randomId(random), directoryId: randomId(random), createdMs };
}

/** The bytes of `format.json`. */
export function encodeFormat(format: Format): Uint8Array {
  const fields = { format: "varve", version: formatVersion, ...format };
  return Buffer.from(`${JSON.stringify(fields, null, 2)}\n`);
}

/** Reads `format.json`. */
export function decodeFormat(bytes: Uint8Array): FormatReading {
  const fields = parseObject(bytes);
  const version = fields?.["version"];
  if (fields?.["format"] !== "varve" || !Number.isSafeInteger(version)) return { kind: "damaged" };
  if (Number(version) > formatVersion) return { kind: "newer", version: Number(version) };
  const { clusterId, directoryId, createdMs } = fields;
  const isWhole = isId(clusterId) && isId(directoryId) && isTime(createdMs);
  if (version !== formatVersion || !isWhole) return { kind: "damaged" };
  return { kind: "known", format: { clusterId, directoryId, createdMs } };
}

/**
 * The bytes of `meta.properties`.
 *
 * @see Kafka's MetaProperties, version 1 (KIP-631, KIP-858).
 */
export function encodeMetaProperties({ clusterId, directoryId }: Format): Uint8Array {
  const lines = [
    "version=1",
    `cluster.id=${clusterId}`,
    "node.id=0",
    `directory.id=${directoryId}`,
  ];
  return Buffer.from(`${lines.join("\n")}\n`);
}

/** The cluster id in `meta.properties`; null when it has none that is whole. */
export function clusterIdIn(metaProperties: Uint8Array): string | null {
  const text = Buffer.from(metaProperties).toString("latin1");
  const id = /^[ \t]*cluster\.id[ \t]*[=:][ \t]*(\S+)[ \t]*$/m.exec(text)?.[1];
  return isId(id) ? id : null;
}

/** Parses a JSON object; null for anything else. */
export function parseObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function isId(value: unknown): value is string {
  return typeof value === "string" && idPattern.test(value);
}

// Kafka's tools take an id that begins with a dash for an option, so Kafka never makes one.
function randomId(random: Random): string {
  for (;;) {
    const hex = randomUuid(random).replaceAll("-", "");
    const id = Buffer.from(hex, "hex").toString("base64url");
    if (!id.startsWith("-")) return id;
  }
}
