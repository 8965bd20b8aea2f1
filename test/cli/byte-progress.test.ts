import { PassThrough, Writable } from "node:stream";
import { expect, test } from "vitest";
import { ByteProgress, sizeText } from "../../src/cli/byte-progress.ts";

test("byte progress: silent where nobody looks", () => {
  const shown: string[] = [];
  const stderr = new Writable({
    write(chunk: Buffer, _encoding, done) {
      shown.push(chunk.toString());
      done();
    },
  });
  const progress = new ByteProgress(stderr);
  progress.show(1, 2);
  progress.end();
  expect(shown).toEqual([]);
});

test("byte progress: at a terminal a bar comes with the first total and goes at the end", () => {
  const terminal = Object.assign(new PassThrough(), {
    isTTY: true,
    columns: 80,
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
  });
  const progress = new ByteProgress(terminal);
  progress.show(0, 0);
  progress.show(1 << 20, 4 << 20);
  progress.show(2 << 20, 4 << 20);
  progress.end();
  progress.end();
  expect(String(terminal.read())).toMatch(/1 of 4 MiB/);
});

test.each([
  [0, "0 bytes"],
  [1023, "1023 bytes"],
  [1536, "1.5 KiB"],
  [5 << 20, "5.0 MiB"],
  [3 * 2 ** 40, "3.0 TiB"],
])("sizes: %d is %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
