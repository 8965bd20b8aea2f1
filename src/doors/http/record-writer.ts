// Writes stored records into replies: JSON, NDJSON and MessagePack, straight from the batch's bytes.
//
// A JSON reply shows a value as `value` if its bytes are valid JSON (spliced in verbatim), else as `text` if they
// are valid UTF-8, else as `b64`. A null value is `"text":null`, since `"value":null` is the JSON text null.

import { isUtf8 } from "node:buffer";
import { LogError } from "../../base/error.ts";
import type { RecordCursor } from "../../record/record-cursor.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { DeadLetterStory } from "./dead-letter-story.ts";
import { isJson } from "./json-scan.ts";
import { receiptOffset } from "./queue-receipts.ts";
import { packValue } from "./replies.ts";

/** The forms a value can be asked for in. */
export const valueForms = ["json", "text", "b64"] as const;

/** One of them. */
export type ValueForm = (typeof valueForms)[number];

/** A delivery of messages by a queue; the same for all messages that one receipt but for the offset would name. */
export interface DeliveryPlace {
  /** The receipt before the offset, and after it. */
  readonly receiptHead: string;
  readonly receiptTail: string;
  readonly deliveries: number;
}

/** Where a record stands, beside what its cursor knows. */
export interface RecordPlace {
  /** Shown when not null: for replies over several topics. */
  readonly topic: string | null;
  readonly partition: number;
  /** Null: the first form that fits. */
  readonly form: ValueForm | null;
  /** True: the record must stay on one line, so line ends between the tokens of its value become spaces. */
  readonly isLine: boolean;
  /** Of messages that a queue delivers. */
  readonly delivery?: DeliveryPlace;
  /** Of dead letters: takes the headers that tell of them, which are then shown as fields. */
  readonly story?: DeadLetterStory;
}

/**
 * Appends the cursor's record as a JSON object.
 * @throws RECORD_NOT_JSON when the form asked for cannot show the bytes; what was written is then incomplete.
 */
export function writeJsonRecord(
  writer: ByteWriter,
  cursor: RecordCursor,
  place: RecordPlace,
): void {
  const { delivery, story } = place;
  writer.byte(0x7b);
  if (delivery !== undefined) writeJsonReceipt(writer, cursor, delivery);
  if (place.topic !== null) writer.ascii(`"topic":${JSON.stringify(place.topic)},`);
  writer.ascii('"partition":');
  writer.integer(place.partition);
  writer.ascii(',"offset":');
  writer.integer(cursor.offset);
  if (delivery !== undefined) {
    writer.ascii(',"deliveries":');
    writer.integer(delivery.deliveries);
  }
  writer.ascii(',"timestampMs":');
  writer.integer(cursor.timestampMs);
  writeJsonKey(writer, cursor);
  writeJsonValue(writer, cursor, place);
  writer.ascii(',"headers":');
  if (cursor.headerCount === 0) writer.ascii("{}");
  else writeJsonHeaders(writer, cursor, story);
  if (story !== undefined) writer.utf8(story.jsonFields());
  writer.byte(0x7d);
}

function writeJsonReceipt(
  writer: ByteWriter,
  cursor: RecordCursor,
  { receiptHead, receiptTail }: DeliveryPlace,
): void {
  writer.ascii('"receipt":"');
  writer.ascii(receiptHead);
  writer.ascii(receiptOffset(cursor.offset));
  writer.ascii(receiptTail);
  writer.ascii('",');
}

function writeJsonKey(writer: ByteWriter, cursor: RecordCursor): void {
  const { bytes, keyStart, keyEnd } = cursor;
  if (keyStart < 0) {
    writer.ascii(',"key":null');
  } else if (isUtf8Text(bytes, keyStart, keyEnd)) {
    writer.ascii(',"key":');
    writer.quotedUtf8(bytes, keyStart, keyEnd);
  } else {
    writer.ascii(',"keyB64":');
    writer.quotedBase64(bytes, keyStart, keyEnd);
  }
}

function writeJsonValue(writer: ByteWriter, cursor: RecordCursor, place: RecordPlace): void {
  const { bytes, valueStart, valueEnd } = cursor;
  const { form } = place;
  if (valueStart < 0) {
    writer.ascii(form === "b64" ? ',"b64":null' : ',"text":null');
    return;
  }
  const isText = form !== "b64" && isUtf8Text(bytes, valueStart, valueEnd);
  if (isText && form !== "text" && isJson(bytes, valueStart, valueEnd)) {
    writer.ascii(',"value":');
    if (place.isLine) writer.copyLine(bytes, valueStart, valueEnd);
    else writer.copy(bytes, valueStart, valueEnd);
  } else if (isText && form !== "json") {
    writer.ascii(',"text":');
    writer.quotedUtf8(bytes, valueStart, valueEnd);
  } else if (form === null || form === "b64") {
    writer.ascii(',"b64":');
    writer.quotedBase64(bytes, valueStart, valueEnd);
  } else {
    const what = form === "json" ? "JSON" : "UTF-8 text";
    const { partition } = place;
    const detail = `the value at offset ${cursor.offset} of partition ${partition} is not ${what}`;
    const facts = { partition, offset: cursor.offset };
    throw new LogError("RECORD_NOT_JSON", detail, { facts });
  }
}

interface HeaderSpans {
  readonly name: string;
  // Start and end of each value, in pairs; -1 is null.
  readonly spans: number[];
}

// Headers by name, in the order in which the names first appear, without those that the story takes. A name that is not
// UTF-8 is shown with U+FFFD.
function headersOf(cursor: RecordCursor, story?: DeadLetterStory): readonly HeaderSpans[] {
  const byName = new Map<string, HeaderSpans>();
  while (cursor.nextHeader()) {
    const { bytes, headerKeyStart, headerKeyEnd } = cursor;
    const name = utf8Of(bytes, headerKeyStart, headerKeyEnd);
    let header = byName.get(name);
    if (header === undefined) {
      header = { name, spans: [] };
      byName.set(name, header);
    }
    header.spans.push(cursor.headerValueStart, cursor.headerValueEnd);
  }
  const headers = [...byName.values()];
  if (story === undefined) return headers;
  story.reset();
  return headers.filter(({ name, spans }) => {
    const [end = -1, start = -1] = spans.slice(-2).reverse();
    return !story.takes(name, start < 0 ? "" : utf8Of(cursor.bytes, start, end));
  });
}

function writeJsonHeaders(
  writer: ByteWriter,
  cursor: RecordCursor,
  story: DeadLetterStory | undefined,
): void {
  writer.byte(0x7b);
  for (const [index, { name, spans }] of headersOf(cursor, story).entries()) {
    if (index > 0) writer.byte(0x2c);
    writer.utf8(`${JSON.stringify(name)}:`);
    const isArray = spans.length > 2;
    if (isArray) writer.byte(0x5b);
    for (let at = 0; at < spans.length; at += 2) {
      if (at > 0) writer.byte(0x2c);
      const start = spans[at] ?? -1;
      const end = spans[at + 1] ?? -1;
      if (start < 0) {
        writer.ascii("null");
      } else if (isUtf8Text(cursor.bytes, start, end)) {
        writer.quotedUtf8(cursor.bytes, start, end);
      } else {
        writer.ascii('{"b64":');
        writer.quotedBase64(cursor.bytes, start, end);
        writer.byte(0x7d);
      }
    }
    if (isArray) writer.byte(0x5d);
  }
  writer.byte(0x7d);
}

/** Appends the cursor's record as a MessagePack map; key, value and header values are bin or nil. */
export function writeMsgpackRecord(
  writer: ByteWriter,
  cursor: RecordCursor,
  place: RecordPlace,
): void {
  const { delivery, story } = place;
  let fields = place.topic === null ? 6 : 7;
  if (delivery !== undefined) fields += 2;
  if (story !== undefined) fields += story.fieldCount;
  writer.byte(0x80 + fields);
  if (delivery !== undefined) writeMsgpackDelivery(writer, cursor, delivery);
  if (place.topic !== null) {
    writeShortText(writer, "topic");
    writer.copyAll(packValue(place.topic));
  }
  writeShortText(writer, "partition");
  writeInteger(writer, place.partition);
  writeShortText(writer, "offset");
  writeInteger(writer, cursor.offset);
  writeShortText(writer, "timestampMs");
  writeInteger(writer, cursor.timestampMs);
  writeShortText(writer, "key");
  writeBin(writer, cursor.bytes, { start: cursor.keyStart, end: cursor.keyEnd });
  writeShortText(writer, "value");
  writeBin(writer, cursor.bytes, { start: cursor.valueStart, end: cursor.valueEnd });
  writeShortText(writer, "headers");
  if (cursor.headerCount === 0) writer.byte(0x80);
  else writeMsgpackHeaders(writer, cursor, story);
  for (const [name, value] of story === undefined ? [] : story.fields()) {
    writeShortText(writer, name);
    writer.copyAll(packValue(value));
  }
}

function writeMsgpackDelivery(
  writer: ByteWriter,
  cursor: RecordCursor,
  { receiptHead, receiptTail, deliveries }: DeliveryPlace,
): void {
  const offset = receiptOffset(cursor.offset);
  writeShortText(writer, "receipt");
  writer.byte(0xd9);
  writer.byte(receiptHead.length + offset.length + receiptTail.length);
  writer.ascii(receiptHead);
  writer.ascii(offset);
  writer.ascii(receiptTail);
  writeShortText(writer, "deliveries");
  writeInteger(writer, deliveries);
}

function writeMsgpackHeaders(
  writer: ByteWriter,
  cursor: RecordCursor,
  story: DeadLetterStory | undefined,
): void {
  const headers = headersOf(cursor, story);
  writer.byte(0xdf);
  writer.uint32(headers.length);
  for (const { name, spans } of headers) {
    writer.copyAll(packValue(name));
    if (spans.length > 2) {
      writer.byte(0xdd);
      writer.uint32(spans.length / 2);
    }
    for (let index = 0; index < spans.length; index += 2) {
      const span = { start: spans[index] ?? -1, end: spans[index + 1] ?? -1 };
      writeBin(writer, cursor.bytes, span);
    }
  }
}

// Text of at most 31 ASCII characters.
function writeShortText(writer: ByteWriter, text: string): void {
  writer.byte(0xa0 + text.length);
  writer.ascii(text);
}

function writeInteger(writer: ByteWriter, value: number): void {
  if (value >= 0 && value <= 0x7f) {
    writer.byte(value);
  } else if (value >= 0 && value <= 0xffff_ffff) {
    writer.byte(0xce);
    writer.uint32(value);
  } else if (value >= 0) {
    writer.byte(0xcf);
    writer.uint64(value);
  } else {
    // Two's complement: the high word rounds down, and the low word is what it leaves.
    writer.byte(0xd3);
    const high = Math.floor(value / 2 ** 32);
    writer.uint32(high >>> 0);
    writer.uint32(value - high * 2 ** 32);
  }
}

function writeBin(
  writer: ByteWriter,
  bytes: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
): void {
  if (start < 0) {
    writer.byte(0xc0);
    return;
  }
  const length = end - start;
  if (length <= 0xff) {
    writer.byte(0xc4);
    writer.byte(length);
  } else {
    writer.byte(0xc6);
    writer.uint32(length);
  }
  writer.copy(bytes, start, end);
}

function isUtf8Text(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  // Eight at a time: whether any of them is beyond ASCII.
  for (; at + 8 <= end; at += 8) if (beyondAscii(bytes, at) >= 0x80) break;
  for (; at < end; at++) {
    if ((bytes[at] ?? 0) >= 0x80) return isUtf8(bytes.subarray(at, end));
  }
  return true;
}

function beyondAscii(bytes: Uint8Array, at: number): number {
  const first = (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) | (bytes[at + 2] ?? 0);
  const second = (bytes[at + 3] ?? 0) | (bytes[at + 4] ?? 0) | (bytes[at + 5] ?? 0);
  return first | second | (bytes[at + 6] ?? 0) | (bytes[at + 7] ?? 0);
}

function utf8Of(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
}
