// One reply's worth of records with what follows them, in the encoding asked for.

import type { RecordCursor } from "../../record/record-cursor.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordPlace } from "./record-writer.ts";
import { writeJsonRecord, writeMsgpackRecord } from "./record-writer.ts";
import { packValue } from "./replies.ts";

/** The encodings a page of records has. */
export type PageEncoding = "json" | "msgpack" | "ndjson";

const initialBytes = 64 * 1024;
const arrayHeadBytes = 5;

/** Collects records, then closes the reply with the fields that follow them. */
export class RecordPage {
  readonly #writer = new ByteWriter(initialBytes);
  readonly #encoding: PageEncoding;
  readonly #countAt: number;
  #count = 0;

  /**
   * @param encoding `ndjson` has a line a record and nothing around them.
   * @param name     Of the array that the records are in.
   */
  constructor(encoding: PageEncoding, name: "records" | "messages" = "records") {
    this.#encoding = encoding;
    const writer = this.#writer;
    if (encoding === "json") writer.ascii(`{"${name}":[`);
    if (encoding === "msgpack") {
      // The map's size is not known yet; `close` writes it over the first byte.
      const nameHead = String.fromCharCode(0xa0 + name.length);
      writer.copyAll(Buffer.from(`\x80${nameHead}${name}\xdd0000`, "latin1"));
    }
    this.#countAt = writer.length - arrayHeadBytes + 1;
  }

  /** Records in the page. */
  get count(): number {
    return this.#count;
  }

  /** Appends the cursor's record. @throws RECORD_NOT_JSON */
  add(cursor: RecordCursor, place: RecordPlace): void {
    const writer = this.#writer;
    if (this.#encoding === "msgpack") {
      writeMsgpackRecord(writer, cursor, place);
    } else {
      if (this.#encoding === "json" && this.#count > 0) writer.byte(0x2c);
      writeJsonRecord(writer, cursor, place);
      if (this.#encoding === "ndjson") writer.byte(0x0a);
    }
    this.#count++;
  }

  /**
   * Ends the page.
   *
   * @param tail Fields after the records, at most 14; NDJSON has no place for them.
   * @returns    The reply's body.
   */
  close(tail: Readonly<Record<string, unknown>>): Buffer {
    const writer = this.#writer;
    const fields = Object.entries(tail);
    if (this.#encoding === "json") {
      writer.byte(0x5d);
      for (const [name, value] of fields) writer.utf8(`,"${name}":${JSON.stringify(value)}`);
      writer.byte(0x7d);
    } else if (this.#encoding === "msgpack") {
      writer.patchUint32(this.#countAt, this.#count);
      for (const [name, value] of fields) {
        writer.copyAll(packValue(name));
        writer.copyAll(packValue(value));
      }
    }
    const bytes = writer.bytes();
    if (this.#encoding === "msgpack") bytes[0] = 0x81 + fields.length;
    return bytes;
  }
}
