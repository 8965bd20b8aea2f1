import { describe, expect, test } from "vitest";
import { decodeManifest, encodeManifest } from "../../src/backup/backup-manifest.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { hexOfCrc } from "../../src/storage/checkpoint-file.ts";

const manifest = {
  createdMs: 1_700_000_000_000,
  format: { clusterId: "a".repeat(22), directoryId: "b".repeat(22), createdMs: 5 },
  partitions: 1,
  files: [
    { path: "t-0/00000000000000000000.log", bytes: 12, crc: 0xfedc_ba98 },
    { path: ".hidden-0/partition.metadata", bytes: 0, crc: 0 },
    { path: "checkpoint", bytes: 40, crc: 7 },
  ],
};

function sealed(header: string, body: string): Uint8Array {
  return Buffer.from(`${header} ${hexOfCrc(crc32c(Buffer.from(body)))}\n${body}`);
}

describe("backup manifest", () => {
  test("reads what it wrote", () => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual({ kind: "whole", manifest });
  });

  test("every flipped bit and every cut end is noticed", () => {
    const bytes = encodeManifest(manifest);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeManifest(flipped).kind).not.toBe("whole");
    }
    for (let end = 0; end < bytes.length; end++) {
      expect(decodeManifest(bytes.subarray(0, end)).kind).not.toBe("whole");
    }
  });

  test("a newer manifest, or of a newer layout, says so", () => {
    expect(decodeManifest(sealed("varve-backup 2", "anything"))).toEqual({
      kind: "newer",
      version: 2,
    });
    expect(decodeManifest(sealed("varve-backup 1", '{"formatVersion":9}'))).toEqual({
      kind: "newer",
      version: 9,
    });
  });

  test.each([
    ["../x"],
    ["../x/y"],
    ["/etc/x"],
    ["a/../b"],
    ["a/b/c"],
    ["./a"],
    [""],
    ["a/"],
    ["a\\b"],
  ])("a path that leads elsewhere is damage: %j", (path) => {
    const files = [{ path, bytes: 1, crc: 1 }];
    expect(decodeManifest(encodeManifest({ ...manifest, files })).kind).toBe("damaged");
  });

  test.each([["null"], ["[]"], ["{}"], ['{"files":[{}]}']])("no manifest: %s", (body) => {
    expect(decodeManifest(sealed("varve-backup 1", body)).kind).toBe("damaged");
  });
});
