import fc from "fast-check";
import { pack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import { MsgpackScanner } from "../../../src/doors/http/msgpack-scan.ts";
import { RecordDraft } from "../../../src/doors/http/record-draft.ts";
import { MsgpackRecordReader } from "../../../src/doors/http/record-msgpack.ts";

function readAll(body: Uint8Array): object[] {
  const draft = new RecordDraft();
  const reader = new MsgpackRecordReader(draft);
  reader.openBody(body);
  const records: object[] = [];
  while (reader.next()) {
    const { value, valueStart, valueEnd, key, headers, partition, timestampMs } = draft;
    records.push({
      key: key === null ? null : Buffer.from(key).toString("hex"),
      value: value === null ? null : Buffer.from(value).toString("hex", valueStart, valueEnd),
      headers: headers.map((header) => [header.key, header.value]),
      partition,
      timestampMs,
    });
  }
  return records;
}

const plain = { key: null, value: null, headers: [], partition: -1, timestampMs: -1 };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("record-msgpack: taken", () => {
  test.each([
    [
      { key: Buffer.from([1]), value: Buffer.from([255]) },
      { key: "01", value: "ff" },
    ],
    [
      { key: "é", text: "x" },
      { key: "c3a9", value: "78" },
    ],
    [{ value: null, key: null, headers: null }, {}],
    [
      { b64: "AP8=", keyB64: "AA==" },
      { value: "00ff", key: "00" },
    ],
    [
      { partition: 300, timestampMs: 1_700_000_000_000 },
      { partition: 300, timestampMs: 1_700_000_000_000 },
    ],
    [{ value: Buffer.alloc(70_000, 7) }, { value: "07".repeat(70_000) }],
    [
      { headers: { a: ["x", Buffer.from([1])], b: null, c: { b64: "AA==" } } },
      {
        headers: [
          ["a", Buffer.from("x")],
          ["a", Buffer.from([1])],
          ["b", null],
          ["c", Buffer.from([0])],
        ],
      },
    ],
  ])("%j", (record, fields) => {
    expect(readAll(pack({ records: [record, {}] }))).toEqual([{ ...plain, ...fields }, plain]);
  });
});

describe("record-msgpack: refused", () => {
  test.each([
    ["nothing", ""],
    ["an array", "90"],
    ["cut before the records", "81 a7 7265636f726473"],
    ["a lying array", "81 a7 7265636f726473 dd ffffffff"],
    ["a lying str", "81 a7 7265636f726473 91 81 a5 76616c7565 db 7fffffff 00"],
    ["a lying bin", "81 a7 7265636f726473 91 81 a5 76616c7565 c6 ffffffff 00"],
    ["a value that is a number", "81 a7 7265636f726473 91 81 a5 76616c7565 01"],
    ["a value that is an extension", "81 a7 7265636f726473 91 81 a5 76616c7565 d6 ff 00000000"],
    ["a field name that is bytes", "81 a7 7265636f726473 91 81 c4 05 76616c7565 c0"],
    ["an unknown field", "81 a7 7265636f726473 91 81 a1 78 c0"],
    ["bytes after the end", "81 a7 7265636f726473 90 c0"],
    ["a negative partition", "81 a7 7265636f726473 91 81 a9 706172746974696f6e ff"],
    ["NaN as time", "81 a7 7265636f726473 91 81 ab 74696d657374616d704d73 cb 7ff8000000000000"],
    ["2^64-1 as time", "81 a7 7265636f726473 91 81 ab 74696d657374616d704d73 cf ffffffffffffffff"],
    ["a header name that is no UTF-8", "81 a7 7265636f726473 91 81 a7 68656164657273 81 a1 ff c0"],
  ])("%s", (_name, bytes) => {
    expect(() => readAll(hex(bytes))).toThrow(LogError);
  });

  test("the same field twice: the index is named", () => {
    const body = hex("81 a7 7265636f726473 92 80 82 a3 6b6579 a1 61 a3 6b6579 a1 62");
    expect(() => readAll(body)).toThrow(/record 1: 'key' is given twice/);
  });

  test("random and changed bytes: only named errors, never a crash", () => {
    const good = pack({ records: [{ key: "k", value: Buffer.from("v"), headers: { a: "b" } }] });
    const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      return bytes;
    });
    const bodies = fc.oneof(fc.uint8Array({ maxLength: 60 }), changed);
    fc.assert(
      fc.property(bodies, (body) => {
        try {
          readAll(body);
        } catch (error) {
          expect(error).toBeInstanceOf(LogError);
        }
      }),
      { seed: 9, numRuns: 5000 },
    );
  });
});

describe("msgpack-scan: skip", () => {
  const skips = (bytes: Uint8Array): boolean => {
    const scanner = new MsgpackScanner();
    scanner.reset(bytes);
    return scanner.value() && scanner.isAtEnd;
  };

  test("any value: stepped over exactly", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => skips(pack(value))),
      { seed: 4 },
    );
  });

  test("nesting without end and claims without bytes: refused", () => {
    expect(skips(Buffer.alloc(100_000, 0x91))).toBe(false);
    expect(skips(hex("df ffffffff"))).toBe(false);
    expect(skips(hex("c1"))).toBe(false);
    expect(skips(hex("d4 01 00"))).toBe(false);
    expect(skips(hex("cb 00"))).toBe(false);
  });
});
