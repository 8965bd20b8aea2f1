import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { errnoError, storageError, systemCodeOf } from "../../src/storage/storage-error.ts";

test("storageError: full or failed by the system's code, no directory named", () => {
  const names = ["ENOSPC", "EDQUOT", "EIO", "EACCES"].map((code) => {
    const cause = Object.assign(new Error(`${code}: /secret/f`), { code });
    const error = storageError("write", "/secret/f", cause);
    expect([error.cause, error.message]).toEqual([cause, `write of f failed (${code})`]);
    return error.code;
  });
  expect(names).toEqual(["DISK_FULL", "DISK_FULL", "KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"]);
  expect(storageError("open", "f", "odd").message).toBe("open of f failed");
});

test("systemCodeOf: through any number of LogErrors, or null", () => {
  const system = errnoError("mmap", { name: "ENOMEM", number: 12 });
  const inner = new LogError("KAFKA_STORAGE_ERROR", "x", { cause: system });
  const outer = new LogError("KAFKA_STORAGE_ERROR", "y", { cause: inner });
  expect([system, inner, outer].map(systemCodeOf)).toEqual(["ENOMEM", "ENOMEM", "ENOMEM"]);
  expect([new Error("z"), "text", null].map(systemCodeOf)).toEqual([null, null, null]);
});
