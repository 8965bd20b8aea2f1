import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  asideName,
  isRetiredName,
  parsePartitionName,
  partitionNameOf,
} from "../../src/storage/partition-name.ts";

const topic = fc
  .stringMatching(/^[a-zA-Z0-9._-]{1,249}$/)
  .filter((text) => text !== "." && text !== "..");
const partition = fc.nat(2 ** 31 - 1);
const uuid = "01234567-89AB-cdef-0123-456789abcdef";

test("partition name: any topic and partition: come back, split at the last dash", () => {
  fc.assert(
    fc.property(topic, partition, (name, number) => {
      const parts = { topic: name, partition: number };
      expect(parsePartitionName(partitionNameOf(parts))).toEqual(parts);
    }),
  );
});

test("partition name: moved aside: at most 255 bytes, never taken for a partition", () => {
  fc.assert(
    fc.property(topic, partition, (text, number) => {
      const name = partitionNameOf({ topic: text, partition: number });
      const retired = asideName(name, uuid, "delete");
      const stray = asideName(name, uuid, "stray");
      expect(Math.max(retired.length, stray.length)).toBeLessThanOrEqual(255);
      expect([retired, stray].map(parsePartitionName)).toEqual([null, null]);
      expect([name, retired, stray].map(isRetiredName)).toEqual([false, true, false]);
      expect(retired).toContain(`-${number}.0123456789abcdef0123456789abcdef-delete`);
    }),
  );
});

test("partition name: what is none", () => {
  const names = ["a", "-0", "a-", "a-01", "a-x", "a-2147483648", "a b-0", ".-0", "..-0", "a-0\n"];
  names.push("a-0.deleted", `${"t".repeat(250)}-0`, "checkpoint", "a/b-0");
  expect(names.filter((name) => parsePartitionName(name) !== null)).toEqual([]);
});

test("partition name: topics that look like other names: still theirs", () => {
  const hex = "0123456789abcdef0123456789abcdef";
  for (const odd of [`a-0.${hex}-delete`, "a-0", "checkpoint", "...", "-", "a-0.tmp"]) {
    const name = partitionNameOf({ topic: odd, partition: 7 });
    expect([isRetiredName(name), parsePartitionName(name)?.topic]).toEqual([false, odd]);
  }
});

test("partition name: a topic id in Kafka's spelling: the same digits", () => {
  const kafka = Buffer.from(uuid.replaceAll("-", ""), "hex").toString("base64url");
  expect(asideName("a-0", kafka, "delete")).toBe(asideName("a-0", uuid, "delete"));
});
