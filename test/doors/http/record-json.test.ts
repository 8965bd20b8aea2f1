import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import { RecordDraft } from "../../../src/doors/http/record-draft.ts";
import { JsonRecordReader } from "../../../src/doors/http/record-json.ts";

function readAll(body: string | Buffer): object[] {
  const draft = new RecordDraft();
  const reader = new JsonRecordReader(draft);
  reader.openBody(Buffer.from(body));
  const records: object[] = [];
  while (reader.next()) {
    const { value, valueStart, valueEnd, key, headers, partition, timestampMs } = draft;
    records.push({
      key: key === null ? null : Buffer.from(key).toString("latin1"),
      value: value === null ? null : Buffer.from(value).toString("latin1", valueStart, valueEnd),
      headers: headers.map((header) => [header.key, header.value]),
      partition,
      timestampMs,
    });
  }
  return records;
}

function refusal(body: string | Buffer): LogError {
  try {
    readAll(body);
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
  throw new Error("the body was taken");
}

const plain = { key: null, value: null, headers: [], partition: -1, timestampMs: -1 };

describe("record-json: taken", () => {
  test.each([
    ['{"value":null}', { value: "null" }],
    ['{"value" : [1, 2.50]\n}', { value: "[1, 2.50]" }],
    ['{"value":"x"}', { value: '"x"' }],
    ['{"text":null}', {}],
    ["{}", {}],
    ['{"text":"a\\nb"}', { value: "a\nb" }],
    ['{"text":"\\ud83d\\ude00"}', { value: "\u00f0\u009f\u0098\u0080" }],
    ['{"b64":""}', { value: "" }],
    ['{"key":"","text":""}', { key: "", value: "" }],
    ['{"keyB64":"/w=="}', { key: "\u00ff" }],
    ['{"\\u006bey":"k"}', { key: "k" }],
    ['{"partition":2.0,"timestampMs":1e3}', { partition: 2, timestampMs: 1000 }],
    ['{"partition":null,"key":null,"headers":null}', {}],
    [
      '{"headers":{"b":"1","a":["2",null],"b":"3"}}',
      {
        headers: [
          ["b", "1"],
          ["a", "2"],
          ["a", null],
          ["b", "3"],
        ],
      },
    ],
    ['{"headers":{"n":{"b64":"AA=="},"e":[]}}', { headers: [["n", Buffer.from([0])]] }],
    ['{"headers":{"__proto__":"x"}}', { headers: [["__proto__", "x"]] }],
  ])("%s", (record, fields) => {
    expect(readAll(` {"records":[ ${record} , {} ]} `)).toEqual([{ ...plain, ...fields }, plain]);
  });

  test("a byte order mark before the body is ignored", () => {
    expect(readAll('\ufeff{"records":[{}]}')).toEqual([plain]);
  });

  test("any JSON value: its own text is what is stored", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const [record] = readAll(`{"records":[{"value":${json}}]}`);
        const text = (record as { value: string }).value;
        return Buffer.from(text, "latin1").toString("utf8") === json;
      }),
      { seed: 3 },
    );
  });
});

describe("record-json: refused with the index", () => {
  test.each([
    '{"key":"a","key":"b"}',
    '{"value":1,"value":2}',
    '{"__proto__":1}',
    '{"text":"\\ud800"}',
    '{"key":"\\udc00x"}',
    '{"b64":"AP8"}',
    '{"b64":"AP9="}',
    '{"b64":"AP-_"}',
    '{"b64":" AP8="}',
    '{"partition":"1"}',
    '{"partition":1.5}',
    '{"partition":1e300}',
    '{"timestampMs":-1}',
    '{"timestampMs":9007199254740993}',
    '{"key":5}',
    '{"headers":{"a":1}}',
    '{"headers":{"a":{"b64":"AA==","x":1}}}',
    '{"headers":{"a":[["x"]]}}',
    '{"value":01}',
    '{"value":}',
    '{"value":1',
    "5",
    "null",
    `{"value":${"[".repeat(300)}${"]".repeat(300)}}`,
  ])("%s", (record) => {
    const error = refusal(`{"records":[{},${record}]}`);
    expect(error.code).toBe("INVALID_RECORD");
    expect(error.facts["index"]).toBe(1);
  });
});

test.each([
  "",
  "[]",
  "{}",
  '{"record":[]}',
  '{"records":{}}',
  '{"records":[]',
  '{"records":[]}x',
  '{"records":[]} {}',
  '{"records":[],"acks":1}',
  '{"records":[{}{}]}',
  '{"records":[{},]}',
  Buffer.from([0xff, 0xfe]),
  Buffer.from('{"records":[{"text":"\xff"}]}', "latin1"),
])("record-json: body %j: refused", (body) => {
  expect(["INVALID_REQUEST", "INVALID_RECORD"]).toContain(refusal(body).code);
});
