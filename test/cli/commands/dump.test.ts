import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codecNames } from "../../../src/record/compression.ts";
import { encodeSnapshot } from "../../../src/log/producer-snapshot.ts";
import { encodeAborted } from "../../../src/log/transaction-index.ts";
import { varve } from "../../support/cli-run.ts";
import { nameOf, writeSegment } from "../../support/segment-files.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-dump-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

const dump = (...words: readonly string[]) => varve(["dump", ...words]);
const file = (ending: string) => join(directory, nameOf(20, ending));

test.each(codecNames)(
  "dump: a segment packed with %s: batches and records come out",
  async (codec) => {
    writeSegment(directory, { base: 20, batches: 3, recordsInBatch: 2, codec });
    const got = await dump(file(".log"), "--records");
    const lines = got.stdout.toString().trimEnd().split("\n");
    expect(got.code).toBe(0);
    expect(lines.length).toBe(1 + 3 + 6);
    expect(lines[1]).toContain(`baseOffset=20 lastOffset=21 records=2 codec=${codec}`);
    expect(lines[1]).toMatch(/^batch position=0 .*crc=ok$/);
    expect(lines[2]).toBe(
      '  record offset=20 timestampMs=1700000020000 key="key 0" value="value of offset 20" headers=[["h","1"]]',
    );
    expect(lines[3]).toContain("key=null");
  },
);

test("dump: a directory: segment and both indexes, in name order", async () => {
  writeSegment(directory, { base: 20, batches: 3, recordsInBatch: 2 });
  const text = (await dump(directory)).stdout.toString();
  expect(text).toMatch(/\.index \(1 entries\)\nentry offset=23 position=\d+\n/);
  expect(text).toMatch(/\.timeindex \(1 entries\)\nentry timestampMs=1700000022001 offset=23\n/);
});

test("dump: what is kept of producers: aborted transactions, and producers of a snapshot", async () => {
  writeSegment(directory, { base: 20, batches: 1, recordsInBatch: 2 });
  const span = { producerId: 7, firstOffset: 20, lastOffset: 21, lastStableOffset: 22 };
  writeFileSync(file(".txnindex"), encodeAborted([span]));
  const producer = { producerId: 7, producerEpoch: 1, coordinatorEpoch: 0, lastTimestampMs: 5 };
  const rest = { lastSeenMs: 0, currentTransactionStart: -1, batches: [] };
  writeFileSync(file(".snapshot"), encodeSnapshot([{ ...producer, ...rest }]));
  const text = (await dump(directory)).stdout.toString();
  expect(text).toContain(
    ".txnindex (1 entries)\naborted producerId=7 firstOffset=20 lastOffset=21 lastStableOffset=22\n",
  );
  expect(text).toContain(
    ".snapshot (1 producers)\nproducer producerId=7 producerEpoch=1 coordinatorEpoch=0 " +
      "lastTimestampMs=5 currentTransactionStart=-1 firstSequence=-1 lastSequence=-1 lastOffset=-1\n",
  );
});

test("dump: --json: one object a line, bytes that are no text as hexadecimal digits", async () => {
  writeSegment(directory, { base: 20, batches: 1, recordsInBatch: 1 });
  const bytes = readFileSync(file(".log"));
  // The first letter of the value, which makes the checksum wrong as well.
  bytes[bytes.indexOf("value of")] = 0xff;
  writeFileSync(file(".log"), bytes);
  const got = await dump(file(".log"), "--records", "--json");
  const [batch, record] = got.stdout.toString().trimEnd().split("\n");
  expect(JSON.parse(batch ?? "")).toMatchObject({ kind: "batch", crc: "BAD", position: 0 });
  expect(JSON.parse(record ?? "")).toMatchObject({
    kind: "record",
    offset: 20,
    value: { hex: expect.stringMatching(/^ff/) as string },
  });
  expect(got.code).toBe(4);
});

test("dump: a file cut short and one that turns to garbage: shows what is whole, then where it ends", async () => {
  writeSegment(directory, { base: 20, batches: 2, recordsInBatch: 2 });
  const whole = readFileSync(file(".log"));
  writeFileSync(file(".log"), whole.subarray(0, whole.length - 1));
  const short = await dump(file(".log"));
  expect(short.stdout.toString()).toMatch(
    /batch position=0 [^]*cut position=\d+ leftBytes=\d+ detail=/,
  );
  expect(short.code).toBe(4);
  writeFileSync(file(".log"), Buffer.concat([whole, Buffer.alloc(100, 7)]));
  const garbage = await dump(file(".log"));
  expect(garbage.stdout.toString()).toContain(`damage position=${whole.length} leftBytes=100`);
});

test("dump: hostile lengths: end the reading instead of taking the memory", async () => {
  for (const length of [-1, 0, 48, 2 ** 31 - 1]) {
    const header = Buffer.alloc(200);
    header.writeInt32BE(length, 8);
    header[16] = 2;
    writeFileSync(file(".log"), header);
    expect((await dump(file(".log"))).code).toBe(4);
  }
});

test("dump: paths that hold nothing to show: one line", async () => {
  expect((await dump(directory)).stderr).toMatch(/holds no segment; name a partition\n$/);
  expect((await dump(join(directory, "none"))).stderr).toMatch(/no such file or directory\n$/);
  expect((await dump()).code).toBe(2);
});
