// Turns the input of `produce` and `queue send` into records: a line each, or a JSON record a line.

import type { Readable } from "node:stream";
import type { MessageInput } from "../client/client.ts";
import { type MessageField, MessageWishes } from "../doors/http/message-wishes.ts";
import { RecordDraft } from "../doors/http/record-draft.ts";
import { JsonRecordReader } from "../doors/http/record-json.ts";
import { CliError, exitCode } from "./exit.ts";
import { LineSplitter } from "./line-splitter.ts";

/** How input becomes records. */
export interface SourceOptions {
  /** `lines`: a line is a value. `ndjson`: a line is a record as in the HTTP API; `messages`: one for a queue. */
  readonly format: "lines" | "ndjson" | "messages";
  /** With `lines`: what separates a key from the value; null when there are no keys. */
  readonly keySeparator: string | null;
  /** Added to every record of `lines`. */
  readonly headers: Readonly<Record<string, string>>;
  /** How many records to leave out at the beginning. */
  readonly skip: number;
}

/** Records that were read together, with the bytes of input read so far. */
export interface SourcePortion {
  /** With fields of messages where the format has them. */
  readonly records: readonly MessageInput[];
  readonly readBytes: number;
}

// Above the largest record a server can be set to take.
const lineBytesMax = 64 * 1024 * 1024;

/**
 * Reads records from a stream, a portion for each chunk of it. The last line counts whether or not it ends with \n.
 *
 * @throws CliError naming the line, when it has no key or is no JSON record
 */
export async function* recordsFrom(
  input: Readable,
  options: SourceOptions,
): AsyncGenerator<SourcePortion, void, undefined> {
  const splitter = new LineSplitter(lineBytesMax);
  const parse = options.format === "lines" ? lineParser(options) : jsonParser(options.format);
  let readBytes = 0;
  let lineNumber = 0;
  let left = options.skip;
  const portion = (lines: readonly Uint8Array[]): SourcePortion => {
    const records: MessageInput[] = [];
    for (const line of lines) {
      lineNumber++;
      const record = parse(line, lineNumber);
      if (record === null) continue;
      if (left > 0) left--;
      else records.push(record);
    }
    return { records, readBytes };
  };
  for await (const chunk of input as AsyncIterable<Buffer>) {
    readBytes += chunk.length;
    yield portion(splitLines(splitter, chunk, lineNumber));
  }
  const last = splitter.finish();
  if (last !== null) yield portion([last]);
}

function splitLines(splitter: LineSplitter, chunk: Buffer, lineNumber: number): Uint8Array[] {
  try {
    return splitter.push(chunk);
  } catch (error) {
    throw inputError(lineNumber + 1, (error as Error).message);
  }
}

type Parse = (line: Uint8Array, lineNumber: number) => MessageInput | null;

function lineParser({ keySeparator, headers }: SourceOptions): Parse {
  const common = Object.keys(headers).length === 0 ? {} : { headers };
  if (keySeparator === null) return (line) => ({ value: line, ...common });
  const separator = Buffer.from(keySeparator);
  return (line, lineNumber) => {
    const bytes = Buffer.from(line.buffer, line.byteOffset, line.length);
    const cut = bytes.indexOf(separator);
    if (cut < 0) throw inputError(lineNumber, `has no '${keySeparator}' behind a key`);
    return {
      key: bytes.subarray(0, cut),
      value: bytes.subarray(cut + separator.length),
      ...common,
    };
  };
}

/** Keeps what a message says of its delivery as it was given: delays count from when the server has it. */
class NotedWishes extends MessageWishes {
  noted: { -readonly [Field in MessageField]?: MessageInput[Field] } = {};

  override set(field: MessageField, value: string | number | null, index: number): void {
    super.set(field, value, index);
    if (value !== null) this.noted = { ...this.noted, [field]: value };
  }

  override reset(): void {
    super.reset();
    this.noted = {};
  }
}

function jsonParser(format: "ndjson" | "messages"): Parse {
  const draft = new RecordDraft();
  const wishes = format === "messages" ? new NotedWishes() : null;
  const reader = new JsonRecordReader(draft, wishes);
  return (line, lineNumber) => {
    if (isBlank(line)) return null;
    wishes?.reset();
    try {
      reader.readLine(line, lineNumber);
    } catch (error) {
      throw inputError(lineNumber, (error as Error).message);
    }
    const { key, value, valueStart, valueEnd, timestampMs, partition } = draft;
    return {
      // Both may be views of the line, which nobody changes any more.
      key,
      value: value === null ? null : value.subarray(valueStart, valueEnd),
      ...headersOf(draft),
      ...(timestampMs < 0 ? {} : { timestampMs }),
      ...(partition < 0 ? {} : { partition }),
      ...wishes?.noted,
    };
  };
}

function headersOf(draft: RecordDraft): Pick<MessageInput, "headers"> {
  if (draft.headers.length === 0) return {};
  const headers = new Map<string, (Uint8Array | string)[]>();
  for (const { key, value } of draft.headers) {
    const values = headers.get(key) ?? [];
    values.push(value ?? "");
    headers.set(key, values);
  }
  return { headers: Object.fromEntries(headers) };
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}

function inputError(lineNumber: number, detail: string): CliError {
  return new CliError(exitCode.failed, `input line ${lineNumber}: ${detail}`);
}
