import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { encodeCheckpoint, hexOfCrc } from "../../../src/storage/checkpoint-file.ts";
import { encodeFormat, encodeMetaProperties, newFormat } from "../../../src/storage/format-file.ts";
import { varve } from "../../support/cli-run.ts";
import { nameOf, writeSegment } from "../../support/segment-files.ts";

let root: string;
let partition: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-check-"));
  const format = newFormat(seededRandom(1), 1_700_000_000_000);
  writeFileSync(join(root, "format.json"), encodeFormat(format));
  writeFileSync(join(root, "meta.properties"), encodeMetaProperties(format));
  partition = join(root, "orders-0");
  mkdirSync(partition);
  writeFileSync(join(partition, "partition.metadata"), `version: 0\ntopic_id: ${"A".repeat(22)}\n`);
  // Two sealed segments of 40 records each and an active one.
  for (const base of [0, 40, 80]) writeSegment(partition, { base, batches: 8, recordsInBatch: 5 });
  setCheckpoint(120);
});

afterEach(() => rmSync(root, { recursive: true }));

function setCheckpoint(recoveryPoint: number, isClean = true): void {
  const entry = { recoveryPoint, logStartOffset: 0, segmentBase: 80, position: 0 };
  const { bytes, crc } = encodeCheckpoint(new Map([["orders-0", entry]]));
  writeFileSync(join(root, "checkpoint"), bytes);
  if (!isClean) return;
  const marker = { version: 1, checkpoint: hexOfCrc(crc) };
  writeFileSync(join(root, "clean-shutdown"), JSON.stringify(marker));
}

const check = (...words: readonly string[]) => varve(["check", ...words]);
const segment = (base: number, ending: ".log" | ".index" | ".timeindex" = ".log") =>
  join(partition, nameOf(base, ending));

function flip(file: string, position: number): void {
  const bytes = readFileSync(file);
  bytes[position] = (bytes[position] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

describe("check: sound files", () => {
  test.each([[[]], [["--deep"]]])("a data directory %j: ok, exit code 0", async (options) => {
    const got = await check(root, ...options);
    expect(got.stdout.toString()).toMatch(
      /^orders-0: ok, 3 segments, 120 records, \d+ bytes, offsets 0 to 120 .*\n1 partitions, .*no damage found\n$/,
    );
    expect(got).toMatchObject({ code: 0, stderr: "" });
  });

  test("one partition, one segment: ok", async () => {
    expect((await check(partition)).code).toBe(0);
    expect((await check(segment(40))).stdout.toString()).toContain("1 segments, 40 records");
  });

  test("Kafka's zero-padded indexes: ok", async () => {
    appendFileSync(segment(80, ".index"), Buffer.alloc(800));
    appendFileSync(segment(80, ".timeindex"), Buffer.alloc(1200));
    expect(await check(root)).toMatchObject({ code: 0 });
  });
});

describe("check: damage", () => {
  test("any flipped bit of a sealed segment: exit code 4, with file and position", async () => {
    const original = readFileSync(segment(40));
    const random = seededRandom(7);
    // Every byte of the first batch's header, and some elsewhere.
    const positions = Array.from({ length: 61 }, (_, at) => at);
    for (let more = 0; more < 40; more++) positions.push(random.below(original.length));
    for (const position of positions) {
      flip(segment(40), position);
      const got = await check(segment(40));
      writeFileSync(segment(40), original);
      expect([position, got.code]).toEqual([position, 4]);
      expect(got.stdout.toString()).toMatch(/damage: \S+00000000000000000040\.\w+: position \d+: /);
    }
  });

  const cases: readonly (readonly [string, () => void, RegExp])[] = [
    ["a segment missing in the middle", () => rmSync(segment(40)), /offsets 40 to 79 are missing/],
    ["the first segment missing", () => rmSync(segment(0)), /offsets 0 to 39 are missing/],
    [
      "a sealed segment cut",
      () => truncateSync(segment(0), 500),
      /bytes from here on cannot be read/,
    ],
    [
      "a sealed segment emptied",
      () => truncateSync(segment(0), 0),
      /is empty, though not the last/,
    ],
    [
      "two segments swapped",
      () => {
        const other = readFileSync(segment(0));
        writeFileSync(segment(0), readFileSync(segment(40)));
        writeFileSync(segment(40), other);
      },
      /batch begins at offset 40, expected 0/,
    ],
    ["zeros over a batch", () => zero(segment(0), 100, 300), /position/],
    ["an index entry astray", () => flip(segment(0, ".index"), 7), /no batch ends with offset/],
    [
      "an index with odd bytes",
      () => appendFileSync(segment(0, ".index"), "abc"),
      /3 bytes behind/,
    ],
    ["a time index entry astray", () => flip(segment(0, ".timeindex"), 6), /largest time so far/],
    [
      "fewer records than promised",
      () => setCheckpoint(500),
      /offsets 120 to 499 were on the disk/,
    ],
    ["the checkpoint damaged", () => flip(join(root, "checkpoint"), 40), /match its checksum/],
    ["format.json damaged", () => writeFileSync(join(root, "format.json"), "{"), /be understood/],
    ["a partition gone", () => rmSync(partition, { recursive: true }), /in the checkpoint but not/],
  ];
  test.each(cases)("%s: exit code 4", async (_name, damage, expected) => {
    damage();
    const got = await check(root);
    expect(got.stdout.toString()).toMatch(expected);
    expect(got.code).toBe(4);
  });

  test("--json: the same facts for programs", async () => {
    flip(segment(0), 70);
    const got = await check(root, "--json");
    expect(JSON.parse(got.stdout.toString())).toMatchObject({
      isSound: false,
      problems: [
        { file: segment(0), position: 0, detail: expect.stringContaining("checksum") as string },
      ],
    });
    expect(got.code).toBe(4);
  });
});

describe("check: the end of an active segment", () => {
  const cut = () => truncateSync(segment(80), readFileSync(segment(80)).length - 3);

  test("cut short after an orderly stop: damage", async () => {
    cut();
    expect((await check(root)).code).toBe(4);
  });

  test("cut short without an orderly stop, past the recovery point: a note", async () => {
    rmSync(join(root, "clean-shutdown"));
    rmSync(segment(80, ".index"));
    rmSync(segment(80, ".timeindex"));
    setCheckpoint(115, false);
    cut();
    const got = await check(root);
    expect(got.stdout.toString()).toContain("an unfinished write");
    expect(got.code).toBe(0);
    // A batch with a wrong checksum there may be torn just as well.
    writeSegment(partition, { base: 80, batches: 8, recordsInBatch: 5, withIndexes: false });
    flip(segment(80), readFileSync(segment(80)).length - 3);
    expect((await check(root)).code).toBe(0);
    setCheckpoint(120, false);
    expect((await check(root)).code).toBe(4);
  });
});

describe("check: command line", () => {
  test("a missing path and a file of another kind: one line", async () => {
    expect(await check(join(root, "none"))).toMatchObject({ code: 1 });
    const other = await check(join(root, "format.json"));
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/^varve: .*cannot be checked: name a data directory.*\n$/);
  });
});

function zero(file: string, from: number, to: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0, from, to);
  writeFileSync(file, bytes);
}
