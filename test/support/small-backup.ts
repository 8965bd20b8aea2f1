// A backup of a few bytes on a disk in memory, for tests of what is done with one.

import type { CopyParts } from "../../src/backup/file-copy.ts";
import { writeBackup } from "../../src/backup/backup-writer.ts";
import { LoopShare } from "../../src/base/loop-share.ts";
import { seededRandom } from "../../src/base/random.ts";
import { newFormat } from "../../src/storage/format-file.ts";
import { FakeClock } from "./fake-clock.ts";
import { FaultyDisk } from "./faulty-disk.ts";

/** What copying on a disk needs. */
export const copyParts = (disk: FaultyDisk): CopyParts => ({
  disk,
  share: new LoopShare(new FakeClock()),
  onBytes: () => undefined,
});

/** A disk with the backup at `/backups/one`. */
export async function backedUp(): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  disk.setContents("/src/a", Uint8Array.of(1, 2, 3));
  disk.setContents("/src/b", Uint8Array.of(4, 5));
  const file = { bytes: null, segment: null };
  await writeBackup(
    copyParts(disk),
    {
      createdMs: 9,
      format: newFormat(seededRandom(1), 5),
      partitions: ["t-0", "t-1"],
      files: [
        { ...file, from: "/src/a", path: "t-0/00000000000000000000.log", mayLink: true },
        { ...file, from: "/src/b", path: "t-1/partition.metadata", mayLink: false },
      ],
      checkpoint: Buffer.from("checkpoint"),
    },
    "/backups/one",
  );
  return disk;
}
