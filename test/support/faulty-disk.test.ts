import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { readWhole, replaceWhole } from "../../src/storage/disk.ts";
import { FaultyDisk } from "./faulty-disk.ts";

const text = (value: string) => new TextEncoder().encode(value);

test("faulty disk: replaced whole, then power cut at every call: old or new, never none", async () => {
  const seen = new Set<string>();
  for (let at = 1; ; at++) {
    const disk = new FaultyDisk();
    disk.setContents("/d/f", text("old"));
    disk.plan({ effect: "halt-after", nth: at });
    const isDone = await replaceWhole(disk, "/d/f", text("newer")).then(
      () => true,
      () => false,
    );
    for (let seed = 0; seed < 30; seed++) {
      const left = disk.crash(seededRandom(seed));
      const bytes = await readWhole(left, "/d/f");
      const found = bytes === null ? "none" : new TextDecoder().decode(bytes);
      expect(["old", "newer"]).toContain(found);
      if (isDone) expect(found).toBe("newer");
      seen.add(found);
    }
    if (isDone) break;
  }
  expect(seen.size).toBe(2);
});
