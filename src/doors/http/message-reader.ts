// Reads the messages of one request, whatever its encoding, one after the other into one draft.
//
// A body of lines is read whole like every other: ids and room for all of it are asked for before anything is appended,
// so that it may be no longer than a body may be.

import type { FastifyRequest } from "fastify";
import { MessageWishes, messageFields } from "./message-wishes.ts";
import { bodyEncoding } from "./negotiation.ts";
import { linesOf } from "./ndjson-lines.ts";
import type { Query } from "./query.ts";
import { integerText } from "./query.ts";
import { RecordDraft } from "./record-draft.ts";
import { JsonRecordReader } from "./record-json.ts";
import { MsgpackRecordReader } from "./record-msgpack.ts";
import { readRawRecord } from "./record-raw.ts";

/** A body of one encoding, record by record. */
interface Records {
  /** Reads the next one; false after the last, when the body has also ended as it must. */
  next(): boolean;
  /** True when `next` will answer false, unless the body's end is broken. */
  readonly isLast: boolean;
}

const none: Records = { next: () => false, isLast: true };

/** Reads messages. Decoding never waits, so that one serves all requests. */
export class MessageReader {
  /** The message that `next` read, its headers complete. */
  readonly draft = new RecordDraft();
  readonly #wishes = new MessageWishes();
  readonly #json = new JsonRecordReader(this.draft, this.#wishes);
  readonly #msgpack = new MsgpackRecordReader(this.draft, this.#wishes);
  #records = none;
  #index = 0;
  #nowMs = 0;

  /**
   * Starts on a request's body; `next` then reads its messages.
   *
   * @param nowMs From when on delays count, Unix ms.
   * @throws INVALID_REQUEST when the body does not begin as it must.
   */
  open(request: FastifyRequest, body: Buffer, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#index = 0;
    const encoding = bodyEncoding(request.headers["content-type"]);
    if (encoding === "json" || encoding === "msgpack") {
      const reader = encoding === "json" ? this.#json : this.#msgpack;
      reader.openBody(body);
      this.#records = reader;
    } else {
      this.#records = encoding === "ndjson" ? this.#linesIn(body) : this.#rawOf(request, body);
    }
  }

  /** Reads the next message; false after the last. @throws INVALID_RECORD, INVALID_REQUEST */
  next(): boolean {
    this.#wishes.reset();
    if (!this.#records.next()) return false;
    this.#wishes.finish(this.draft, this.#nowMs, this.#index++);
    return true;
  }

  /** By what the message that was read is told apart from others; null when it is not. */
  get dedupId(): string | null {
    return this.#wishes.dedupId;
  }

  /** True when `next` will answer false, unless the body's end is broken. */
  get isLast(): boolean {
    return this.#records.isLast;
  }

  #linesIn(body: Buffer): Records {
    const lines = linesOf(body);
    let line = lines.next();
    return {
      next: () => {
        if (line.value === undefined) return false;
        this.#json.readLine(line.value, this.#index);
        line = lines.next();
        return true;
      },
      get isLast() {
        return line.done === true;
      },
    };
  }

  #rawOf(request: FastifyRequest, body: Buffer): Records {
    const query = request.query as Query;
    let isRead = false;
    return {
      next: () => {
        if (isRead) return false;
        isRead = true;
        readRawRecord(this.draft, body, { query, raw: request.raw });
        for (const field of messageFields) {
          const text = query[field];
          if (text === undefined) continue;
          const value = field === "dedupId" ? text : (integerText(text) ?? Number.NaN);
          this.#wishes.set(field, value, 0);
        }
        return true;
      },
      get isLast() {
        return isRead;
      },
    };
  }
}
