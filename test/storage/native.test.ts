import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, expect, test } from "vitest";
import { assert } from "../../src/base/assert.ts";
import { errno, native } from "../../src/storage/native.ts";

const base = fs.mkdtempSync(path.join(os.tmpdir(), "varve-native-"));
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

const isHere = native !== null;

test("native: 64-bit Linux with its prebuilt binary: there", () => {
  expect(isHere).toBe(process.platform === "linux" && ["x64", "arm64"].includes(process.arch));
});

test.runIf(isHere)("map: a bad descriptor or no length: an errno, never an address", () => {
  assert(native !== null, "native calls are here");
  const descriptor = fs.openSync(`${base}/f`, "w+");
  expect(native.map(999_999, 4_096)).toEqual({ address: null, errno: 9 });
  expect(native.map(descriptor, 0)).toEqual({ address: null, errno: errno.EINVAL });
  fs.closeSync(descriptor);
});

test.runIf(isHere)(
  "asynchronous calls: many times more than may run at once: each gets its own answer",
  async () => {
    assert(native !== null, "native calls are here");
    const calls = native;
    const descriptor = fs.openSync(`${base}/g`, "w+");
    const readOnly = fs.openSync(`${base}/g`, "r");
    const codes = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        calls.reserve(index % 2 === 0 ? descriptor : readOnly, 4_096),
      ),
    );
    // EBADF: blocks cannot be reserved through a descriptor that only reads.
    expect(codes).toEqual(Array.from({ length: 1_000 }, (_, index) => (index % 2 === 0 ? 0 : 9)));
    fs.closeSync(descriptor);
    fs.closeSync(readOnly);
  },
);
