import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { replayFiles } from "../../src/cli/state-replay.ts";
import { LogError } from "../../src/base/error.ts";
import type { StateMachine } from "../../src/coordinator/state-machine.ts";
import { batchOf } from "../support/batches.ts";
import { nameOf } from "../support/segment-files.ts";

// Keeps what it was given; knows no key that begins with "new", and cannot read "bad".
class Words implements StateMachine<string> {
  readonly seen: string[] = [];
  apply(event: string): void {
    this.seen.push(event);
  }
  encode(event: string) {
    return { key: Buffer.from(event), value: null };
  }
  decode(key: Uint8Array, value: Uint8Array | null): string | null {
    const text = Buffer.from(key).toString();
    if (text === "bad") throw new LogError("KAFKA_STORAGE_ERROR", "no word");
    return text.startsWith("new") ? null : `${text}=${value === null ? "gone" : value.length}`;
  }
  snapshot(): Iterable<string> {
    return [];
  }
  clear(): void {
    this.seen.length = 0;
  }
}

test("every segment in order, from the log start on, up to a batch that is not whole", async () => {
  const directory = mkdtempSync(join(tmpdir(), "varve-replay-"));
  const batch = (baseOffset: number, keys: readonly (readonly [string, string | null])[]) =>
    batchOf(
      keys.map(([key, value]) => ({ key, value })),
      { baseOffset, leaderEpoch: 0 },
    );
  const torn = batch(6, [["never", "x"]]);
  torn[70] = (torn[70] ?? 0) ^ 1;
  const segments = [
    [
      0,
      [
        batch(0, [
          ["a", "1"],
          ["b", "22"],
        ]),
        batch(2, [
          ["newer", null],
          ["c", null],
        ]),
      ],
    ],
    [4, [batch(4, [["bad", "x"]]), batch(5, [["d", ""]]), torn]],
  ] as const;
  for (const [base, batches] of segments) {
    writeFileSync(join(directory, nameOf(base, ".log")), Buffer.concat(batches));
  }
  writeFileSync(join(directory, "other.log"), "no segment");
  const words = new Words();
  const replay = await replayFiles(directory, 1, words);
  expect(words.seen).toEqual(["b=2", "c=gone", "d=0"]);
  expect([replay.events, replay.unknown]).toEqual([4, 1]);
  expect(replay.problems).toMatchObject([
    { file: join(directory, nameOf(4, ".log")), position: 0 },
  ]);
  expect(replay.problems[0]?.detail).toBe("the event at offset 4 cannot be read: no word");
  rmSync(directory, { recursive: true });
});
