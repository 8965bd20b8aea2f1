// Reads records from MessagePack bodies `{records: […]}`, straight from the bytes into a draft.

import { isUtf8 } from "node:buffer";
import { LogError } from "../../base/error.ts";
import type { RecordHeader } from "../../record/batch-builder.ts";
import { messageFieldOf, messageFields, type MessageWishes } from "./message-wishes.ts";
import { MsgpackScanner } from "./msgpack-scan.ts";
import type { RecordDraft, RecordField } from "./record-draft.ts";
import {
  checkedPartition,
  checkedTimestamp,
  noteField,
  recordFieldAt,
  strictBase64,
  unknownField,
} from "./record-draft.ts";

/** Reads the records of one MessagePack body one after the other into a draft. */
export class MsgpackRecordReader {
  readonly #scanner = new MsgpackScanner();
  readonly #draft: RecordDraft;
  readonly #wishes: MessageWishes | null;
  #index = 0;
  #left = 0;

  /**
   * @param draft  What `next` fills.
   * @param wishes Takes the fields that only messages to a queue have; null where there are none such.
   */
  constructor(draft: RecordDraft, wishes: MessageWishes | null = null) {
    this.#draft = draft;
    this.#wishes = wishes;
  }

  /**
   * Starts on a body.
   * @throws INVALID_REQUEST when it is not a map of `records` to an array.
   */
  openBody(body: Uint8Array): void {
    const scanner = this.#scanner;
    scanner.reset(body);
    this.#index = 0;
    const wanted = "the body must be a MessagePack map with 'records', an array, and nothing else";
    if (scanner.map() !== 1 || scanner.kind() !== "text" || !scanner.span()) {
      throw new LogError("INVALID_REQUEST", wanted);
    }
    if (this.#text() !== "records") throw new LogError("INVALID_REQUEST", wanted);
    this.#left = scanner.array();
    if (this.#left < 0) throw new LogError("INVALID_REQUEST", wanted);
  }

  /**
   * Reads the next record; false after the last, when the body has also ended there.
   * @throws INVALID_RECORD, INVALID_REQUEST
   */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#scanner.isAtEnd) return false;
      const detail = `the body goes on after its end, at byte ${this.#scanner.at}`;
      throw new LogError("INVALID_REQUEST", detail);
    }
    this.#record();
    this.#left--;
    this.#index++;
    return true;
  }

  /** True when `next` will answer false, unless the body's end is broken. */
  get isLast(): boolean {
    return this.#left === 0;
  }

  #record(): void {
    const scanner = this.#scanner;
    this.#draft.reset();
    const fieldCount = scanner.map();
    if (fieldCount < 0) throw this.#broken("a record must be a map");
    let seen = 0;
    for (let count = 0; count < fieldCount; count++) {
      if (scanner.kind() !== "text" || !scanner.span()) throw this.#broken("expected a field name");
      const field = recordFieldAt(scanner.bytes, scanner.spanStart, scanner.spanEnd);
      if (field === null) {
        this.#wish();
        continue;
      }
      seen = noteField(seen, field, this.#index);
      this.#field(field);
    }
  }

  // A field that only messages to a queue have.
  #wish(): void {
    const scanner = this.#scanner;
    const wishes = this.#wishes;
    const name = this.#text();
    if (wishes === null) throw unknownField(this.#index, name);
    const field = messageFieldOf(name);
    if (field === null) throw unknownField(this.#index, name, messageFields);
    if (scanner.nil()) {
      wishes.set(field, null, this.#index);
    } else if (field !== "dedupId") {
      wishes.set(field, scanner.number(), this.#index);
    } else {
      if (!scanner.span()) throw this.#broken("'dedupId' must be str or bin");
      wishes.set(field, this.#text(), this.#index);
    }
  }

  #field(field: RecordField): void {
    const scanner = this.#scanner;
    const draft = this.#draft;
    if (scanner.nil()) return;
    if (field === "headers") {
      draft.headers = this.#headers();
    } else if (field === "partition") {
      draft.partition = checkedPartition(scanner.number(), this.#index);
    } else if (field === "timestampMs") {
      draft.timestampMs = checkedTimestamp(scanner.number(), this.#index);
    } else {
      this.#bytesField(field);
    }
  }

  #bytesField(field: "key" | "keyB64" | "value" | "text" | "b64"): void {
    const scanner = this.#scanner;
    const draft = this.#draft;
    if (!scanner.span()) throw this.#broken(`'${field}' must be bin or str`);
    const { bytes, spanStart, spanEnd } = scanner;
    if (field === "key") {
      draft.key = bytes.subarray(spanStart, spanEnd);
    } else if (field === "value" || field === "text") {
      draft.setValue(bytes, spanStart, spanEnd);
    } else {
      const decoded = strictBase64(this.#text(), this.#index);
      if (field === "keyB64") draft.key = decoded;
      else draft.setValue(decoded, 0, decoded.length);
    }
  }

  #headers(): readonly RecordHeader[] {
    const scanner = this.#scanner;
    const headers: RecordHeader[] = [];
    const nameCount = scanner.map();
    if (nameCount < 0) throw this.#broken("'headers' must be a map");
    for (let count = 0; count < nameCount; count++) {
      if (scanner.kind() !== "text" || !scanner.span())
        throw this.#broken("expected a header name");
      const key = this.#text();
      const isArray = scanner.kind() === "array";
      const valueCount = isArray ? scanner.array() : 1;
      if (valueCount < 0) throw this.#broken("a header's array is cut short");
      for (let index = 0; index < valueCount; index++) {
        headers.push({ key, value: this.#headerValue() });
      }
    }
    return headers;
  }

  #headerValue(): Uint8Array | null {
    const scanner = this.#scanner;
    if (scanner.nil()) return null;
    const wanted = "a header value must be bin, str or {b64: str}, or an array of those";
    if (scanner.kind() === "map") {
      const isWrapped = scanner.map() === 1 && scanner.span() && this.#text() === "b64";
      if (!isWrapped || scanner.kind() !== "text" || !scanner.span()) throw this.#broken(wanted);
      return strictBase64(this.#text(), this.#index);
    }
    if (!scanner.span()) throw this.#broken(wanted);
    return scanner.bytes.subarray(scanner.spanStart, scanner.spanEnd);
  }

  // The text just taken. Only names pass here; values stay bytes.
  #text(): string {
    const { bytes, spanStart, spanEnd } = this.#scanner;
    const span = bytes.subarray(spanStart, spanEnd);
    if (!isUtf8(span)) throw this.#broken("a name is not valid UTF-8");
    return Buffer.from(span).toString("utf8");
  }

  #broken(expected: string): LogError {
    const { at, isAtEnd } = this.#scanner;
    const where = isAtEnd ? "the body ends too early" : `at byte ${at}`;
    const facts = { index: this.#index, position: at };
    return new LogError("INVALID_RECORD", `record ${this.#index}: ${where}: ${expected}`, {
      facts,
    });
  }
}
