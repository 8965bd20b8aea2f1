import { expect, test } from "vitest";
import { isWithin, refusal, requireEmpty } from "../../src/backup/backup-place.ts";
import { outcomeOf } from "../support/engines.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

test("backup place: missing or empty, also as a file system makes a disk; else refused", async () => {
  const disk = new FaultyDisk();
  await disk.makeDirectory("/empty");
  await disk.makeDirectory("/disk/lost+found");
  disk.setContents("/full/a", new Uint8Array());
  for (const path of ["/missing", "/empty", "/disk"]) {
    expect(await outcomeOf(requireEmpty(disk, path))).toBe("ok");
  }
  for (const path of ["/full", "/full/a"]) {
    expect(await outcomeOf(requireEmpty(disk, path))).toBe("BACKUP_PLACE_REFUSED");
  }
  expect(refusal("/x", "is bad").message).toBe("/x is bad");
});

test.each([
  ["/a/b", "/a", true],
  ["/a", "/a/", true],
  ["/ab", "/a", false],
  ["/a/../b", "/a", false],
  ["/b/../a/c", "/a", true],
  ["/a//b/./c", "/a/b", true],
  ["/x", "/", true],
])("backup place: %s within %s: %s", (path, directory, expected) => {
  expect(isWithin(path, directory)).toBe(expected);
});
