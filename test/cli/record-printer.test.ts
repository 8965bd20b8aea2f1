import { expect, test } from "vitest";
import { arrayJson, recordJson, RecordPrinter } from "../../src/cli/record-printer.ts";
import type { ConsumedRecord } from "../../src/client/client.ts";

const record = (value: string | Uint8Array | null, more: Partial<ConsumedRecord> = {}) => ({
  partition: 1,
  offset: 2,
  timestampMs: 3,
  key: null,
  value: value === null ? null : Buffer.from(value as string),
  headers: {},
  ...more,
});

const place = '"partition":1,"offset":2,"timestampMs":3';

test.each([
  [
    record('{"n":1.00000000000000000001}'),
    '"key":null,"value":{"n":1.00000000000000000001},"headers":{}',
  ],
  [record('{\n"a":\r\n1}'), '"key":null,"value":{ "a":  1},"headers":{}'],
  [record("plain\ntext"), '"key":null,"text":"plain\\ntext","headers":{}'],
  [record(Buffer.from([0xff])), '"key":null,"b64":"/w==","headers":{}'],
  [record(null), '"key":null,"text":null,"headers":{}'],
  [record("\ufeff1"), '"key":null,"text":"\ufeff1","headers":{}'],
  [record("", { key: Buffer.from([0xff]) }), '"keyB64":"/w==","text":"","headers":{}'],
  [
    record("1", { key: Buffer.from("k"), headers: { a: [Buffer.from("x"), Buffer.from([0xff])] } }),
    '"key":"k","value":1,"headers":{"a":["x",{"b64":"/w=="}]}',
  ],
])("record json: %j", (one, expected) => {
  expect(recordJson(one)).toBe(`{${place},${expected}}`);
  expect(recordJson(one)).not.toContain("\n");
});

test("record json: a member's record: names its topic", () => {
  expect(recordJson({ ...record("1"), topic: "t" } as ConsumedRecord)).toMatch(/^\{"topic":"t",/);
});

test("printer: portions: separators go on across them", () => {
  const options = {
    format: "value",
    withKey: false,
    keySeparator: "\t",
    delimiter: "\n",
    isDelimiterLast: false,
    nullText: "",
  } as const;
  const printer = new RecordPrinter(options);
  const text = [["a", "b"], [], ["c"]].map((values) =>
    Buffer.from(printer.print(values.map((value) => record(value)))).toString(),
  );
  expect(text.join("")).toBe("a\nb\nc");
  expect(printer.end()).toBe("");
});

test("record printer: JSON texts as an array: an element a line", () => {
  expect(arrayJson([])).toBe("[]\n");
  expect(arrayJson(['{"a":1}', "2"])).toBe('[\n{"a":1},\n2\n]\n');
});
