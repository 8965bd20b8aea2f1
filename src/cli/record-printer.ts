// Turns records into output: raw bytes by default, so that what was produced line by line comes back byte for byte.

import { isUtf8 } from "node:buffer";
import type { ConsumedRecord } from "../client/client.ts";

/** The forms of output. */
export const printFormats = ["value", "ndjson", "json", "hex", "base64"] as const;

/** One of the forms. */
export type PrintFormat = (typeof printFormats)[number];

/** How records are shown. */
export interface PrinterOptions {
  readonly format: PrintFormat;
  /** Put the key before the value; not with ndjson and json, which always have it. */
  readonly withKey: boolean;
  readonly keySeparator: string;
  /** Behind each record: a newline, or a zero byte. */
  readonly delimiter: string;
  /** False: between records only, so that nothing follows the last. */
  readonly isDelimiterLast: boolean;
  /** Shown for a null key or value. */
  readonly nullText: string;
}

/** Prints portion after portion. */
export class RecordPrinter {
  readonly #options: PrinterOptions;
  readonly #delimiter: Buffer;
  readonly #keySeparator: Buffer;
  readonly #nullText: Buffer;
  #isFirst = true;

  /** @param options Form and separators. */
  constructor(options: PrinterOptions) {
    this.#options = options;
    this.#delimiter = Buffer.from(options.delimiter);
    this.#keySeparator = Buffer.from(options.keySeparator);
    this.#nullText = Buffer.from(options.nullText);
  }

  /** The output for some records, in one new buffer. */
  print(records: readonly ConsumedRecord[]): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const record of records) this.#add(parts, record);
    return Buffer.concat(parts);
  }

  /** What must follow the last record. */
  end(): string {
    if (this.#options.format !== "json") return "";
    return this.#isFirst ? "[]\n" : "\n]\n";
  }

  #add(parts: Uint8Array[], record: ConsumedRecord): void {
    const { format, isDelimiterLast, withKey } = this.#options;
    if (format === "json") {
      parts.push(Buffer.from(`${this.#isFirst ? "[\n" : ",\n"}${recordJson(record)}`));
      this.#isFirst = false;
      return;
    }
    if (!isDelimiterLast && !this.#isFirst) parts.push(this.#delimiter);
    this.#isFirst = false;
    if (format === "ndjson") {
      parts.push(Buffer.from(recordJson(record)));
    } else {
      if (withKey) parts.push(this.#plain(record.key), this.#keySeparator);
      parts.push(this.#plain(record.value));
    }
    if (isDelimiterLast) parts.push(this.#delimiter);
  }

  #plain(bytes: Uint8Array | null): Uint8Array {
    const { format } = this.#options;
    if (bytes === null) return this.#nullText;
    if (format === "hex" || format === "base64") {
      return Buffer.from(bufferOf(bytes).toString(format));
    }
    return bytes;
  }
}

/** One record as one line of JSON, its fields named as in the HTTP API. */
export function recordJson(record: ConsumedRecord): string {
  const { key, value } = record;
  const topic = "topic" in record ? `"topic":${JSON.stringify(record.topic)},` : "";
  const place = `"partition":${record.partition},"offset":${record.offset},"timestampMs":${record.timestampMs}`;
  const headers = Object.entries(record.headers).map(
    ([name, one]) => `${JSON.stringify(name)}:${headerJson(one)}`,
  );
  return `{${topic}${place},${keyJson(key)},${valueJson(value)},"headers":{${headers.join(",")}}}`;
}

/** JSON texts as one array, an element a line. */
export function arrayJson(elements: readonly string[]): string {
  return elements.length === 0 ? "[]\n" : `[\n${elements.join(",\n")}\n]\n`;
}

function keyJson(key: Uint8Array | null): string {
  if (key === null) return '"key":null';
  return isUtf8(key)
    ? `"key":${JSON.stringify(bufferOf(key).toString("utf8"))}`
    : `"keyB64":"${bufferOf(key).toString("base64")}"`;
}

function valueJson(value: Uint8Array | null): string {
  if (value === null) return '"text":null';
  if (!isUtf8(value)) return `"b64":"${bufferOf(value).toString("base64")}"`;
  const text = bufferOf(value).toString("utf8");
  // Spliced in as it is, so that no number loses a digit; a raw line break can only stand between tokens.
  if (isJson(text)) return `"value":${text.replaceAll(/[\r\n]/g, " ")}`;
  return `"text":${JSON.stringify(text)}`;
}

function headerJson(value: Uint8Array | readonly Uint8Array[]): string {
  if (!(value instanceof Uint8Array)) return `[${value.map(headerJson).join(",")}]`;
  return isUtf8(value)
    ? JSON.stringify(bufferOf(value).toString("utf8"))
    : `{"b64":"${bufferOf(value).toString("base64")}"}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
