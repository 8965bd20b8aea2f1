import { describe, expect, test } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture, logDirectory } from "../support/log-fixture.ts";
import { producerBatch } from "../support/producer-batches.ts";

const atOnce = async (): Promise<void> => undefined;
const fileOf = (base: number, ending = ".log"): string =>
  `${logDirectory}/${String(base).padStart(20, "0")}${ending}`;

function flip(disk: FaultyDisk, path: string, position: number): void {
  const bytes = disk.contents(path) ?? new Uint8Array();
  bytes[position] = (bytes[position] ?? 0) ^ 0x10;
  disk.setContents(path, bytes);
}

// Segments at 0, 2 and 4, two batches of 400 bytes each; the last one is active.
async function filled(maps = true) {
  const disk = new FaultyDisk({ maps });
  const fixture = new LogFixture({ disk });
  const log = await fixture.open();
  for (let count = 0; count < 5; count++)
    await log.append([batchOfSize(400, 1000 + count)]).durable;
  return { disk, fixture, log };
}

async function valueAt(fixture: LogFixture, offset: number): Promise<string> {
  try {
    const read = await fixture.log.read({ offset, maxBytes: 1, upTo: "highWatermark" });
    read.release();
    return "read";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("scrub: segments", () => {
  test("sound: every sealed byte is read, nothing is written", async () => {
    const { disk, log } = await filled();
    const before = disk.operationCount;
    let bytes = 0;
    const result = await log.scrub(async (more) => {
      bytes += more;
    });
    expect(result).toEqual({ segments: 2, rebuiltIndexes: 0 });
    expect(bytes).toBe(1600);
    const kinds = new Set(disk.operations.slice(before).map(({ kind }) => kind));
    for (const kind of ["write", "rename", "remove", "truncate"]) {
      expect(kinds.has(kind as "write")).toBe(false);
    }
    expect(log.damage()).toEqual([]);
  });

  test("a rotten batch: named by file, position and offsets; it is not served, the others are", async () => {
    const { disk, fixture, log } = await filled(false);
    const before = disk.contents(fileOf(2));
    flip(disk, fileOf(2), 450);
    // This process wrote it, and believes what it wrote.
    expect(await valueAt(fixture, 3)).toBe("read");
    await log.scrub(atOnce);
    const place = { file: fileOf(2), position: 400, fromOffset: 3, toOffset: 4, what: "checksum" };
    expect(log.damage()).toEqual([place]);
    expect(fixture.kept.errors).toEqual(["a sealed segment is damaged; nothing of it was changed"]);
    expect(await valueAt(fixture, 3)).toBe("CORRUPT_MESSAGE");
    for (const offset of [0, 1, 2, 4]) expect(await valueAt(fixture, offset)).toBe("read");
    await log.append([batchOfSize(400)]).durable;
    expect(log.health()).toEqual({ state: "ok" });
    await log.scrub(atOnce);
    expect(fixture.kept.errors).toHaveLength(1);
    disk.setContents(fileOf(2), before ?? new Uint8Array());
    await log.scrub(atOnce);
    expect(log.damage()).toEqual([]);
    expect(await valueAt(fixture, 3)).toBe("read");
  });

  test.each([
    ["cut short", 700, { position: 400, fromOffset: 3, what: "read" }],
    ["cut at a batch", 400, { position: 400, fromOffset: 3, what: "read" }],
    ["empty", 0, { position: 0, fromOffset: 2, what: "read" }],
    ["missing", null, { position: 0, fromOffset: 2, what: "read" }],
  ])("%s: found", async (_what, length, place) => {
    const { disk, log } = await filled(false);
    // What is known of its size is known from writing it.
    const bytes = disk.contents(fileOf(2)) ?? new Uint8Array();
    if (length === null) await disk.remove(fileOf(2));
    else disk.setContents(fileOf(2), bytes.subarray(0, length));
    await log.scrub(atOnce);
    expect(log.damage()).toMatchObject([{ ...place, file: fileOf(2), toOffset: 4 }]);
  });

  test("a segment that retention takes meanwhile is no damage, and one that was damaged is forgotten with it", async () => {
    const { disk, fixture, log } = await filled(false);
    flip(disk, fileOf(0), 450);
    await log.scrub(atOnce);
    expect(log.damage()).toHaveLength(1);
    await log.trim(2);
    expect(log.damage()).toEqual([]);
    let isTrimmed = false;
    await log.scrub(async () => {
      if (isTrimmed) return;
      isTrimmed = true;
      await log.trim(4);
      await disk.remove(fileOf(2));
    });
    expect(log.damage()).toEqual([]);
    expect(fixture.kept.errors).toHaveLength(1);
  });

  test("the pace ends it", async () => {
    const { disk, log } = await filled();
    const stop = new Error("stop");
    await expect(log.scrub(() => Promise.reject(stop))).rejects.toBe(stop);
    await log.close();
    expect(disk.openFiles).toBe(0);
  });
});

describe("scrub: indexes", () => {
  test.each([
    ["missing", ".index", null],
    ["missing", ".timeindex", null],
    ["cut short", ".index", -1],
    ["with another position", ".index", 7],
    ["with another offset", ".index", 3],
    ["with another time", ".timeindex", 7],
    ["with another offset", ".timeindex", 11],
  ])("%s %s: made again as it was", async (_what, ending, at) => {
    const { disk, fixture, log } = await filled();
    const path = fileOf(0, ending);
    const before = disk.contents(path) ?? new Uint8Array();
    expect(before.length).toBeGreaterThan(0);
    if (at === null) await disk.remove(path);
    else if (at < 0) disk.setContents(path, before.subarray(0, before.length - 1));
    else flip(disk, path, at);
    expect(await log.scrub(atOnce)).toEqual({ segments: 2, rebuiltIndexes: 1 });
    expect(disk.contents(path)).toEqual(before);
    expect(disk.isDurable(path)).toBe(true);
    expect(fixture.kept.warnings).toEqual(["an index was not that of its segment: made again"]);
    expect(await log.scrub(atOnce)).toEqual({ segments: 2, rebuiltIndexes: 0 });
  });

  test("of a damaged segment they are left alone", async () => {
    const { disk, log } = await filled();
    flip(disk, fileOf(0), 450);
    await disk.remove(fileOf(0, ".index"));
    expect((await log.scrub(atOnce)).rebuiltIndexes).toBe(0);
    expect(disk.contents(fileOf(0, ".index"))).toBeNull();
  });

  test.each([["missing"], ["shorter"], ["of another producer"]])(
    "a transaction index that is %s: made again, so that what was aborted stays hidden",
    async (what) => {
      const disk = new FaultyDisk();
      const fixture = new LogFixture({ disk });
      const log = await fixture.open();
      for (const id of [1, 2]) {
        await log.append([producerBatch({ id, sequence: 0, isTransactional: true })]).durable;
        const marker = { producerId: id, producerEpoch: 0, coordinatorEpoch: 0, isCommit: false };
        await log.appendMarker(marker, 1000).durable;
      }
      for (let count = 0; count < 4; count++) await log.append([batchOfSize(400)]).durable;
      const path = fileOf(0, ".txnindex");
      const before = disk.contents(path) ?? new Uint8Array();
      expect(before.length).toBe(80);
      if (what === "missing") await disk.remove(path);
      else if (what === "shorter") disk.setContents(path, before.subarray(0, 34));
      else flip(disk, path, 9);
      expect((await log.scrub(atOnce)).rebuiltIndexes).toBe(1);
      const readable = (bytes: Uint8Array | null) =>
        [0, 34].map((at) => Buffer.from(bytes?.subarray(at, at + 26) ?? []).toString("hex"));
      expect(readable(disk.contents(path))).toEqual(readable(before));
      expect((await log.scrub(atOnce)).rebuiltIndexes).toBe(0);
    },
  );
});
