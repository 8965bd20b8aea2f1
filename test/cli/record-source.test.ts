import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { recordsFrom, type SourceOptions } from "../../src/cli/record-source.ts";

async function read(chunks: readonly string[], changes: Partial<SourceOptions> = {}) {
  const options = {
    format: "lines",
    keySeparator: null,
    headers: {},
    skip: 0,
    ...changes,
  } as const;
  const records: string[] = [];
  let readBytes = 0;
  for await (const portion of recordsFrom(
    Readable.from(chunks.map((one) => Buffer.from(one))),
    options,
  )) {
    for (const { key = null, value } of portion.records) {
      const text = (bytes: Uint8Array | string | null) =>
        bytes === null ? null : Buffer.from(bytes as string).toString();
      records.push(`${text(key)}:${text(value)}`);
    }
    readBytes = portion.readBytes;
  }
  return { records, readBytes };
}

test("record source: lines over chunks, the last without a newline: each a record", async () => {
  const got = await read(["a\r\nb", "c\n\nd"]);
  expect(got).toEqual({ records: ["null:a\r", "null:bc", "null:", "null:d"], readBytes: 8 });
});

test("record source: nothing: no record", async () => {
  expect((await read([])).records).toEqual([]);
});

test("record source: skip: leaves out records, not blank lines of ndjson", async () => {
  expect((await read(["a\nb\nc\n"], { skip: 2 })).records).toEqual(["null:c"]);
  const lines = ['{"text":"a"}\n\n{"text":"b"}\n'];
  expect((await read(lines, { skip: 1, format: "ndjson" })).records).toEqual(["null:b"]);
});

test("record source: a separator of several bytes: the first one divides", async () => {
  expect((await read(["k=>v=>w\n"], { keySeparator: "=>" })).records).toEqual(["k:v=>w"]);
});

test("record source: broken JSON: the error names the line", async () => {
  await expect(read(['{"text":"a"}\n{"text"\n'], { format: "ndjson" })).rejects.toThrow(
    /^input line 2: /,
  );
});

test("record source: messages: what a line says of its delivery, and nothing of the line before", async () => {
  const lines = [
    '{"text":"a","delayMs":5,"priority":2}',
    '{"text":"b","dedupId":"d"}',
    '{"text":"c"}',
  ];
  const input = Readable.from([Buffer.from(lines.join("\n"))]);
  const options = { format: "messages", keySeparator: null, headers: {}, skip: 0 } as const;
  const found: object[] = [];
  for await (const { records } of recordsFrom(input, options)) {
    found.push(...records.map(({ value: _value, key: _key, ...rest }) => rest));
  }
  expect(found).toEqual([{ delayMs: 5, priority: 2 }, { dedupId: "d" }, {}]);
});

test("record source: ndjson records: have no fields of messages", async () => {
  await expect(read(['{"text":"a","delayMs":5}'], { format: "ndjson" })).rejects.toThrow(/delayMs/);
});
