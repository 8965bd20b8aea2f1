import { expect, test } from "vitest";
import {
  decodeCompaction,
  encodeCompaction,
  neverCompacted,
  readCompaction,
  writeCompaction,
} from "../../src/log/compaction-file.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const state = { holesBelow: 9_007_199_254_740_991, cleanBelow: 12, horizonMs: -1 };

test("compaction file: comes back as it was written; no flipped bit is taken for another state", () => {
  const bytes = encodeCompaction(state);
  expect(decodeCompaction(bytes)).toEqual(state);
  expect(decodeCompaction(encodeCompaction({ ...state, horizonMs: 5 }))?.horizonMs).toBe(5);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Uint8Array.from(bytes);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const read = decodeCompaction(damaged);
    // Case of a hexadecimal digit says nothing.
    if (read !== null) expect(read).toEqual(state);
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(decodeCompaction(bytes.subarray(0, length))).toBeNull();
  }
});

test("compaction file: missing, nothing was compacted; damaged, holes may be anywhere", async () => {
  const disk = new FaultyDisk();
  await disk.makeDirectory("/data");
  expect(await readCompaction(disk, "/data")).toEqual(neverCompacted);
  await writeCompaction(disk, "/data", state);
  expect(await readCompaction(disk, "/data")).toEqual(state);
  disk.setContents("/data/compaction", Buffer.from("varve-compaction 1 00000000 1 2 3\n"));
  const damaged = await readCompaction(disk, "/data");
  expect(damaged).toEqual({ ...neverCompacted, holesBelow: Number.MAX_SAFE_INTEGER });
});
