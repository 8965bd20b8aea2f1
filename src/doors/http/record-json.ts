// Reads records from JSON: `{"records":[…]}` bodies and single records (a line of NDJSON).
//
// Values are taken as spans of the body's text and so stored verbatim. Unknown and repeated fields are refused, so
// that a slip of the pen never loses data.

import { isUtf8 } from "node:buffer";
import { LogError } from "../../base/error.ts";
import type { RecordHeader } from "../../record/batch-builder.ts";
import { JsonScanner, jsonDepthMax } from "./json-scan.ts";
import { messageFieldOf, messageFields, type MessageWishes } from "./message-wishes.ts";
import type { RecordDraft } from "./record-draft.ts";
import {
  badRecord,
  checkedPartition,
  checkedTimestamp,
  noteField,
  recordFieldAt,
  strictBase64,
  unknownField,
} from "./record-draft.ts";

const objectOpen = 0x7b;
const objectClose = 0x7d;
const arrayOpen = 0x5b;
const arrayClose = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const quote = 0x22;
const letterN = 0x6e;

/** Reads JSON records one after the other into a draft. */
export class JsonRecordReader {
  readonly #scanner = new JsonScanner();
  readonly #draft: RecordDraft;
  readonly #wishes: MessageWishes | null;
  #index = 0;
  #isInRecord = false;

  /**
   * @param draft  What `next` fills.
   * @param wishes Takes the fields that only messages to a queue have; null where there are none such.
   */
  constructor(draft: RecordDraft, wishes: MessageWishes | null = null) {
    this.#draft = draft;
    this.#wishes = wishes;
  }

  /**
   * Starts on a body `{"records":[…]}`; `next` then reads its records.
   * @throws INVALID_REQUEST when the body does not begin like that.
   */
  openBody(body: Uint8Array): void {
    if (!isUtf8(body)) throw new LogError("INVALID_REQUEST", "the body is not valid UTF-8");
    const scanner = this.#begin(body, 0);
    if (!scanner.take(objectOpen)) throw this.#broken("expected an object with 'records'");
    if (!scanner.string()) throw this.#broken("expected an object with 'records'");
    const name = this.#text();
    if (name !== "records") throw noSuchMember(name);
    if (!scanner.take(colon)) throw this.#broken("expected ':'");
    if (!scanner.take(arrayOpen)) throw this.#broken("'records' must be an array");
  }

  /**
   * Reads the next record of the body; false after the last, when the body has also ended as it must.
   * @throws INVALID_RECORD, INVALID_REQUEST
   */
  next(): boolean {
    const scanner = this.#scanner;
    if (scanner.take(arrayClose)) {
      if (scanner.take(comma)) {
        if (!scanner.string()) throw this.#broken("expected a field name");
        throw noSuchMember(this.#text());
      }
      if (!scanner.take(objectClose)) throw this.#broken("expected '}'");
      if (scanner.peek() !== -1) throw this.#broken("expected nothing after the body's end");
      return false;
    }
    if (this.#index > 0 && !scanner.take(comma)) throw this.#broken("expected ',' or ']'");
    this.#isInRecord = true;
    this.#record();
    this.#isInRecord = false;
    this.#index++;
    return true;
  }

  /** True when `next` will answer false, unless the body's end is broken. */
  get isLast(): boolean {
    return this.#scanner.peek() === arrayClose;
  }

  /**
   * Reads one record that is the whole of `text`.
   * @param index Which record of the request it is.
   * @throws INVALID_RECORD
   */
  readLine(text: Uint8Array, index: number): void {
    if (!isUtf8(text)) throw badRecord(index, "the line is not valid UTF-8");
    const scanner = this.#begin(text, index);
    this.#isInRecord = true;
    this.#record();
    if (scanner.peek() !== -1) throw this.#broken("expected nothing after the record");
  }

  #begin(text: Uint8Array, index: number): JsonScanner {
    this.#index = index;
    this.#isInRecord = false;
    // RFC 8259 lets a reader ignore a byte order mark; Windows tools like to write one.
    const hasMark = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf;
    this.#scanner.reset(text, hasMark ? 3 : 0, text.length);
    return this.#scanner;
  }

  #record(): void {
    const scanner = this.#scanner;
    this.#draft.reset();
    if (!scanner.take(objectOpen)) throw this.#broken("a record must be an object");
    if (scanner.take(objectClose)) return;
    let seen = 0;
    do {
      if (!scanner.string()) throw this.#broken("expected a field name");
      const { bytes, stringStart, stringEnd } = scanner;
      const plain = scanner.hasEscapes ? Buffer.from(this.#text()) : null;
      const field =
        plain === null
          ? recordFieldAt(bytes, stringStart, stringEnd)
          : recordFieldAt(plain, 0, plain.length);
      if (field === null) {
        this.#wish();
        continue;
      }
      seen = noteField(seen, field, this.#index);
      if (!scanner.take(colon)) throw this.#broken("expected ':'");
      this.#field(field);
    } while (scanner.take(comma));
    if (!scanner.take(objectClose)) throw this.#broken("expected ',' or '}'");
  }

  // A field that only messages to a queue have.
  #wish(): void {
    const wishes = this.#wishes;
    const name = this.#text();
    if (wishes === null) throw unknownField(this.#index, name);
    const field = messageFieldOf(name);
    if (field === null) throw unknownField(this.#index, name, messageFields);
    if (!this.#scanner.take(colon)) throw this.#broken("expected ':'");
    wishes.set(field, this.#null() ? null : this.#plain(), this.#index);
  }

  // A string, or a number; NaN for what is neither.
  #plain(): string | number {
    const scanner = this.#scanner;
    if (scanner.peek() !== quote) return this.#number();
    if (!scanner.string()) throw this.#broken("not a JSON string");
    return this.#text();
  }

  #field(field: NonNullable<ReturnType<typeof recordFieldAt>>): void {
    const draft = this.#draft;
    if (field === "value") {
      this.#value();
    } else if (this.#null()) {
      return;
    } else if (field === "headers") {
      draft.headers = this.#headers();
    } else if (field === "partition") {
      draft.partition = checkedPartition(this.#number(), this.#index);
    } else if (field === "timestampMs") {
      draft.timestampMs = checkedTimestamp(this.#number(), this.#index);
    } else {
      this.#stringField(field);
    }
  }

  #value(): void {
    const scanner = this.#scanner;
    scanner.peek();
    const start = scanner.at;
    if (!scanner.value()) {
      throw this.#broken(`not a JSON value of at most ${jsonDepthMax} levels`);
    }
    this.#draft.setValue(scanner.bytes, start, scanner.at);
  }

  #stringField(field: "key" | "keyB64" | "text" | "b64"): void {
    const draft = this.#draft;
    const scanner = this.#scanner;
    if (scanner.peek() !== quote) throw badRecord(this.#index, `'${field}' must be a string`);
    if (!scanner.string()) throw this.#broken(`'${field}' is not a JSON string`);
    const isBase64 = field === "keyB64" || field === "b64";
    if (!isBase64 && field === "text" && !scanner.hasEscapes) {
      draft.setValue(scanner.bytes, scanner.stringStart, scanner.stringEnd);
      return;
    }
    const bytes = isBase64 ? strictBase64(this.#text(), this.#index) : this.#stringBytes();
    if (field === "key" || field === "keyB64") draft.key = bytes;
    else draft.setValue(bytes, 0, bytes.length);
  }

  // UTF-8 of the string just taken.
  #stringBytes(): Uint8Array {
    const { bytes, stringStart, stringEnd, hasEscapes } = this.#scanner;
    return hasEscapes ? Buffer.from(this.#text()) : bytes.subarray(stringStart, stringEnd);
  }

  // The string just taken, as a JavaScript string.
  #text(): string {
    const { bytes, stringStart, stringEnd, hasEscapes } = this.#scanner;
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (!hasEscapes) return body.toString("utf8", stringStart, stringEnd);
    const text = JSON.parse(body.toString("utf8", stringStart - 1, stringEnd + 1)) as string;
    // Half a surrogate pair has no UTF-8; storing U+FFFD in its place would lose what was sent.
    if (/\p{Cs}/u.test(text)) {
      throw badRecord(this.#index, "a string has a \\u escape that is half a surrogate pair");
    }
    return text;
  }

  #null(): boolean {
    const scanner = this.#scanner;
    if (scanner.peek() !== letterN) return false;
    if (!scanner.value()) throw this.#broken("not a JSON value");
    return true;
  }

  #number(): number {
    const scanner = this.#scanner;
    scanner.peek();
    const start = scanner.at;
    if (!scanner.value()) throw this.#broken("not a JSON value");
    const first = scanner.bytes[start] ?? 0;
    if (first !== 0x2d && (first < 0x30 || first > 0x39)) return Number.NaN;
    return Number(Buffer.from(scanner.bytes.subarray(start, scanner.at)).toString("latin1"));
  }

  #headers(): readonly RecordHeader[] {
    const scanner = this.#scanner;
    const headers: RecordHeader[] = [];
    if (!scanner.take(objectOpen)) throw badRecord(this.#index, "'headers' must be an object");
    if (scanner.take(objectClose)) return headers;
    do {
      if (!scanner.string()) throw this.#broken("expected a header name");
      const key = this.#text();
      if (!scanner.take(colon)) throw this.#broken("expected ':'");
      if (!scanner.take(arrayOpen)) {
        headers.push({ key, value: this.#headerValue() });
      } else if (!scanner.take(arrayClose)) {
        do headers.push({ key, value: this.#headerValue() });
        while (scanner.take(comma));
        if (!scanner.take(arrayClose)) throw this.#broken("expected ',' or ']'");
      }
    } while (scanner.take(comma));
    if (!scanner.take(objectClose)) throw this.#broken("expected ',' or '}'");
    return headers;
  }

  #headerValue(): string | Uint8Array | null {
    const scanner = this.#scanner;
    const first = scanner.peek();
    if (first === quote) {
      if (!scanner.string()) throw this.#broken("a header value is not a JSON string");
      return this.#text();
    }
    if (this.#null()) return null;
    const wanted = 'a header value must be a string or {"b64": "…"}, or an array of those';
    if (!scanner.take(objectOpen)) throw badRecord(this.#index, wanted);
    if (!scanner.string() || this.#text() !== "b64" || !scanner.take(colon)) {
      throw badRecord(this.#index, wanted);
    }
    if (!scanner.string()) throw badRecord(this.#index, wanted);
    const bytes = strictBase64(this.#text(), this.#index);
    if (!scanner.take(objectClose)) throw badRecord(this.#index, wanted);
    return bytes;
  }

  #broken(expected: string): LogError {
    const { at, end } = this.#scanner;
    const where = at >= end ? "the text ends too early" : `at byte ${at}`;
    if (!this.#isInRecord) {
      const facts = { position: at };
      return new LogError("INVALID_REQUEST", `not a JSON body: ${where}: ${expected}`, { facts });
    }
    const facts = { index: this.#index, position: at };
    return new LogError("INVALID_RECORD", `record ${this.#index}: ${where}: ${expected}`, {
      facts,
    });
  }
}

function noSuchMember(name: string): LogError {
  const shown = JSON.stringify(name.slice(0, 60));
  return new LogError("INVALID_REQUEST", `the body has only 'records', not ${shown}`);
}
