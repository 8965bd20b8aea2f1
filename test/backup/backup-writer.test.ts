import { describe, expect, test } from "vitest";
import { decodeManifest, manifestName } from "../../src/backup/backup-manifest.ts";
import { writeBackup } from "../../src/backup/backup-writer.ts";
import { seededRandom } from "../../src/base/random.ts";
import { newFormat } from "../../src/storage/format-file.ts";
import { outcomeOf } from "../support/engines.ts";
import { backedUp, copyParts } from "../support/small-backup.ts";

describe("writing a backup", () => {
  test("links what may be linked, copies the rest, all of it durable, the manifest last", async () => {
    const disk = await backedUp();
    expect(disk.areNamesDurable).toBe(true);
    for (const path of disk.paths()) expect([path, disk.isDurable(path)]).toEqual([path, true]);
    const manifest = decodeManifest(
      disk.contents(`/backups/one/${manifestName}`) ?? new Uint8Array(),
    );
    expect(manifest).toMatchObject({
      kind: "whole",
      manifest: { partitions: 2, files: [{ bytes: 3 }, { bytes: 2 }, { path: "checkpoint" }] },
    });
    const renames = disk.operations.filter(({ kind }) => kind === "rename");
    expect(renames.at(-1)?.path).toBe(`/backups/one/${manifestName}.tmp`);
  });

  test("what is there is never written over", async () => {
    const disk = await backedUp();
    const plan = {
      createdMs: 9,
      format: newFormat(seededRandom(1), 5),
      partitions: [],
      files: [],
      checkpoint: null,
    };
    const again = writeBackup(copyParts(disk), plan, "/backups/one");
    expect(await outcomeOf(again)).toBe("BACKUP_PLACE_REFUSED");
  });
});
