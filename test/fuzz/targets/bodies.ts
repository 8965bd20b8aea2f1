// Bodies of HTTP requests in every encoding, and the same records as lines for the command line.

import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { pack } from "msgpackr";
import { faultOf } from "../../../src/base/schema.ts";
import { decodeBody, encodeBody } from "../../../src/client/message-pack.ts";
import { LineSplitter } from "../../../src/cli/line-splitter.ts";
import { decodeValue } from "../../../src/doors/http/bodies.ts";
import { isJson, jsonDepthMax } from "../../../src/doors/http/json-scan.ts";
import { MessageWishes } from "../../../src/doors/http/message-wishes.ts";
import { linesOf } from "../../../src/doors/http/ndjson-lines.ts";
import { RecordDraft } from "../../../src/doors/http/record-draft.ts";
import { JsonRecordReader } from "../../../src/doors/http/record-json.ts";
import { MsgpackRecordReader } from "../../../src/doors/http/record-msgpack.ts";
import { readRawRecord } from "../../../src/doors/http/record-raw.ts";
import { recordBytesBound } from "../../../src/doors/http/staging.ts";
import { BatchBuilder } from "../../../src/record/batch-builder.ts";
import { RecordCursor } from "../../../src/record/record-cursor.ts";
import { queueSettingsSchema } from "../../../src/share/share-settings.ts";
import { type FuzzTarget, holds, sameBytes } from "../target.ts";

const nowMs = 1_700_000_000_000;
const draft = new RecordDraft();
const wishes = new MessageWishes();
const json = new JsonRecordReader(draft, wishes);
const msgpack = new MsgpackRecordReader(draft, wishes);
const builder = new BatchBuilder();
const cursor = new RecordCursor();
const nothing = new Uint8Array(0);

/** Takes the draft into the batch that is built. */
function stage(index: number): void {
  wishes.finish(draft, nowMs, index);
  if (draft.timestampMs < 0) draft.timestampMs = nowMs;
  const before = builder.sizeBytes;
  const valueEnd = draft.value === null ? -1 : draft.valueEnd;
  const expected = builder.sizeAfter(draft, draft.valueStart, valueEnd);
  builder.append(draft, draft.valueStart, valueEnd);
  holds(builder.sizeBytes === expected, "a record of another size than was said");
  holds(builder.sizeBytes - before <= recordBytesBound(draft), "a record above its bound");
  wishes.reset();
}

/** The last record of the batch is the one in the draft. */
function isStaged(count: number): number {
  if (count === 0) return 1;
  cursor.reset(builder.build());
  let read = 0;
  while (cursor.next()) {
    read++;
    if (read < count) continue;
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    const key = keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd);
    holds((key === null) === (draft.key === null), "a key that came or went");
    sameBytes(key ?? nothing, draft.key ?? nothing, "another key");
    const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
    holds((value === null) === (draft.value === null), "a value that came or went");
    const given = draft.value?.subarray(draft.valueStart, draft.valueEnd) ?? nothing;
    sameBytes(value ?? nothing, given, "another value");
    let headers = 0;
    while (cursor.nextHeader()) headers++;
    holds(headers === draft.headers.length, "another number of headers");
  }
  holds(read === count, "another number of records");
  return 2 + Math.min(count, 3);
}

const refusals = ["INVALID_REQUEST", "INVALID_RECORD"] as const;
const bound = {
  text: "192 KiB and 320 bytes a byte: texts of names and headers, objects of headers, the batch",
  bytes: (length: number) => 196_608 + 320 * length,
};

const fields = [
  '"records":[',
  '"key":',
  '"keyB64":',
  '"value":',
  '"text":',
  '"b64":',
  '"headers":{',
  '"partition":',
  '"timestampMs":',
  '"delayMs":',
  '"deliverAtMs":',
  '"priority":',
  '"ttlMs":',
  '"dedupId":',
  "\ud83d\ude00",
  '"\\u00e9"',
  "\\ud83d\\ude00",
  "\\n",
  "[[[[",
  "{",
  "}",
  "null",
  "-0.0e-1",
  "1e5",
  '{"b64":"AA=="}',
  "\n",
  "\r\n",
  " ",
  ",",
];

const record =
  '{"key":"k","value":{"a":[1,2.5e3,"x\\n"]},"headers":{"h":"1","g":["2",null,{"b64":"AAE="}]},"partition":0,"timestampMs":5}';

/** `{"records":[…]}` */
export const jsonRecords: FuzzTarget = {
  name: "records-json",
  bound,
  refusals,
  words: fields,
  weight: 2,
  isJson: true,
  samples: () => [
    Buffer.from(`{"records":[${record}]}`),
    Buffer.from(
      '{"records":[{"text":"é","delayMs":5,"priority":3,"ttlMs":9,"dedupId":"d"},{"b64":"AAE="},{}]}',
    ),
    Buffer.from('\ufeff{ "records" : [ {"keyB64":"AA==","value":null} ] }\n'),
    Buffer.from('{"records":[]}'),
  ],
  run(input) {
    builder.reset();
    wishes.reset();
    json.openBody(input);
    let count = 0;
    while (json.next()) stage(count++);
    return isStaged(count);
  },
};

/** NDJSON, from HTTP and from the command line. */
export const ndjsonRecords: FuzzTarget = {
  name: "records-ndjson",
  bound,
  refusals,
  words: fields,
  isJson: true,
  samples: () => [Buffer.from(`${record}\n{"value":1}\r\n\n{"text":"x","dedupId":"e"}`)],
  run(input) {
    builder.reset();
    wishes.reset();
    let count = 0;
    for (const line of linesOf(input)) {
      json.readLine(line, count);
      stage(count++);
    }
    const cut = input.length >>> 1;
    const splitter = new LineSplitter(1 << 20);
    const lines = [...splitter.push(input.subarray(0, cut)), ...splitter.push(input.subarray(cut))];
    const rest = splitter.finish();
    const whole = Buffer.concat([...lines.flatMap((line) => [line, newline]), rest ?? nothing]);
    sameBytes(whole, input, "lines that make another text");
    return isStaged(count);
  },
};

const newline = Buffer.from("\n");

const packed = (value: unknown): Buffer => Buffer.from(encodeBody(value));

/** MessagePack with records. */
export const msgpackRecords: FuzzTarget = {
  name: "records-msgpack",
  bound,
  refusals,
  weight: 2,
  words: [
    ...[
      "records",
      "key",
      "keyB64",
      "value",
      "text",
      "b64",
      "headers",
      "partition",
      "timestampMs",
      "delayMs",
      "dedupId",
    ].map((name) => packed(name)),
    Buffer.from([0xc0]),
    Buffer.from([0xdc, 0xff, 0xff]),
    Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0xc4, 1, 0]),
    Buffer.from([0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]),
    Buffer.from([0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1]),
    Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0xd6, 0xff]),
  ],
  samples: () => [
    packed({
      records: [
        {
          key: Buffer.from("k"),
          value: Buffer.from("v"),
          headers: { h: Buffer.from("1"), g: ["2", null, { b64: "AAE=" }] },
          partition: 0,
          timestampMs: 5,
        },
      ],
    }),
    packed({
      records: [
        { text: "é", delayMs: 5, priority: 3, ttlMs: 9, dedupId: "d" },
        { b64: "AAE=" },
        {},
      ],
    }),
    packed({ records: [{ keyB64: "AA==", value: null }] }),
  ],
  run(input) {
    builder.reset();
    wishes.reset();
    msgpack.openBody(input);
    let count = 0;
    while (msgpack.next()) stage(count++);
    return isStaged(count);
  },
};

/** Any JSON: the scanner takes what JSON.parse takes. */
export const jsonText: FuzzTarget = {
  name: "json-scan",
  bound: { text: "64 KiB: nothing is built", bytes: (length) => 65_536 + 64 * length },
  refusals: [],
  words: [...fields, "\u2028", "[".repeat(120), "-", "e", ".", '"', "\\u12"],
  isJson: true,
  samples: () => [
    Buffer.from(record),
    Buffer.from('[1,-2.5e+3,"a\\u0041\\n",true,false,null,{"x":{}},[]]'),
    Buffer.from(" \t\r\n7 "),
  ],
  run(input) {
    const isTaken = isJson(input, 0, input.length);
    if (!isUtf8(input)) return isTaken ? 2 : 0;
    const text = input.toString();
    // A byte order mark is for the callers to step over.
    const isParsed = canParse(text);
    const depth = (text.match(/[[{]/g) ?? []).length;
    holds(isTaken ? isParsed : !isParsed || depth > jsonDepthMax, `JSON.parse says ${isParsed}`);
    return isTaken ? 1 : 0;
  },
};

function canParse(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Bodies that become plain values, in JSON (a first byte below 128) and MessagePack, with a schema behind them. */
export const plainBodies: FuzzTarget = {
  name: "plain-bodies",
  bound: {
    text: "192 KiB and 200 bytes a byte: the value",
    bytes: (length) => 196_608 + 200 * length,
  },
  refusals: ["INVALID_REQUEST", "UNSUPPORTED_MEDIA_TYPE"],
  isJson: true,
  words: [
    '"topic":',
    '"backoff":{',
    '"leaseMs":',
    '"__proto__":{',
    packed("topic"),
    packed({ a: 1 }),
    packed("__proto__"),
    Buffer.from([0xd4, 0x72, 0x40]),
    Buffer.from([0xc7, 1, 1]),
    ...fields.slice(0, 4),
  ],
  samples: () => {
    const settings = {
      topic: "t",
      leaseMs: 5000,
      backoff: { type: "fixed", baseMs: 5 },
      rate: 0.5,
      maxDepth: null,
    };
    return [
      Buffer.concat([Buffer.from([1]), Buffer.from(JSON.stringify(settings))]),
      Buffer.concat([Buffer.from([200]), packed(settings)]),
      Buffer.concat([
        Buffer.from([200]),
        packed([1, -1, 2 ** 40, 0.1, true, null, "x".repeat(40), Buffer.alloc(3)]),
      ]),
      Buffer.concat([Buffer.from([200]), pack(new Map<unknown, unknown>([[1, 2]]))]),
    ];
  },
  run(input) {
    const isText = (input[0] ?? 0) < 128;
    const type = isText ? "application/json; charset=utf-8" : "application/msgpack";
    const value = decodeValue(input.subarray(1), type);
    if (value === undefined) return 0;
    const fault = faultOf(queueSettingsSchema, value);
    if (isText && fault === null) {
      const again = decodeValue(Buffer.from(JSON.stringify(value)), type);
      holds(JSON.stringify(again) === JSON.stringify(value), "another value the second time");
    }
    return (fault === null ? 1 : 2) + (isText ? 0 : 2);
  },
};

/** Replies as the client reads them: a value, or undefined for what is broken. */
export const clientReplies: FuzzTarget = {
  name: "client-replies",
  bound: plainBodies.bound,
  refusals: [],
  isJson: true,
  words: plainBodies.words ?? [],
  samples: () => plainBodies.samples(),
  run(input) {
    const type = (input[0] ?? 0) < 128 ? "application/problem+json" : "application/x-msgpack";
    return decodeBody(input.subarray(1), type) === undefined ? 0 : 1;
  },
};

/** A body that is one value, with what stands around it: key, time and headers, a line each, then the body. */
export const rawRecords: FuzzTarget = {
  name: "records-raw",
  bound,
  refusals,
  usualBytesMax: 400,
  words: [
    "\n",
    "varve-header-a",
    "varve-header-",
    "content-type",
    ":",
    "9007199254740991",
    "-1",
    "é",
  ],
  samples: () => [
    Buffer.from("key\n17\ncontent-type:text/plain\nvarve-header-a: b\nthe body"),
    Buffer.from("\n\nx-other:1\nvarve-header-\xe9:\xff\n"),
  ],
  run(input) {
    const [key = "", timestampMs = "", first = "", second = "", ...rest] = input
      .toString("latin1")
      .split("\n");
    const rawHeaders = [first, second].flatMap((line) => {
      const cut = line.indexOf(":");
      return cut < 0 ? [] : [line.slice(0, cut), line.slice(cut + 1)];
    });
    const headers = { "content-type": key === "" ? undefined : second };
    const raw = { rawHeaders, headers } as unknown as IncomingMessage;
    const query = {
      key: key === "" ? undefined : key,
      timestampMs: timestampMs === "" ? undefined : timestampMs,
    };
    builder.reset();
    wishes.reset();
    readRawRecord(draft, Buffer.from(rest.join("\n"), "latin1"), { query, raw });
    stage(0);
    return isStaged(1);
  },
};
