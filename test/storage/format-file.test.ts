import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import {
  clusterIdIn,
  decodeFormat,
  encodeFormat,
  encodeMetaProperties,
  newFormat,
} from "../../src/storage/format-file.ts";

test("format: new ones: read back; ids are version 4 UUIDs, none begins with a dash", () => {
  for (let seed = 0; seed < 500; seed++) {
    const format = newFormat(seededRandom(seed), 1_700_000_000_000);
    expect(decodeFormat(encodeFormat(format))).toEqual({ kind: "known", format });
    for (const id of [format.clusterId, format.directoryId]) {
      expect([seed, id]).toEqual([seed, expect.stringMatching(/^\w[\w-]{21}$/)]);
      const bytes = Buffer.from(id, "base64url");
      expect([bytes.length, (bytes[6] ?? 0) >> 4, (bytes[8] ?? 0) >> 6]).toEqual([16, 4, 2]);
    }
    expect(format.clusterId).not.toBe(format.directoryId);
    expect(clusterIdIn(encodeMetaProperties(format))).toBe(format.clusterId);
  }
});

test("format: newer, older, foreign, incomplete: told apart", () => {
  const ids = { clusterId: "a".repeat(22), directoryId: "b".repeat(22), createdMs: 1 };
  const cases: readonly (readonly [unknown, string])[] = [
    [{ format: "varve", version: 1, ...ids }, "known"],
    [{ format: "varve", version: 2 }, "newer"],
    [{ format: "varve", version: 0, ...ids }, "damaged"],
    [{ format: "varve", version: "1", ...ids }, "damaged"],
    [{ format: "other", version: 1, ...ids }, "damaged"],
    [{ format: "varve", version: 1, ...ids, clusterId: "short" }, "damaged"],
    [{ format: "varve", version: 1, ...ids, createdMs: 0.5 }, "damaged"],
    [[], "damaged"],
    [null, "damaged"],
  ];
  const found = cases.map(([value]) => decodeFormat(Buffer.from(JSON.stringify(value))).kind);
  expect(found).toEqual(cases.map(([, kind]) => kind));
});

test("format: any bytes: damaged, without a throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(decodeFormat(bytes).kind).toBe("damaged");
    }),
  );
});

test("meta.properties: as Kafka writes it, with comments and spaces: its cluster id", () => {
  const id = `abc_-1${"x".repeat(16)}`;
  const text = `#\n#Mon Jan 01 2024\nnode.id=1\ncluster.id = ${id} \nversion=1\n`;
  expect(clusterIdIn(Buffer.from(text))).toBe(id);
  expect(clusterIdIn(Buffer.from(`#cluster.id=${id}\nnot.cluster.id=${id}\n`))).toBeNull();
  expect(clusterIdIn(Buffer.from(`cluster.id=${id.slice(1)}\n`))).toBeNull();
});

test("format: a time that is no number when it is written again: damaged", () => {
  const encoded = Buffer.from(encodeFormat(newFormat(seededRandom(1), 5))).toString();
  const text = JSON.stringify({ ...JSON.parse(encoded), createdMs: 7 });
  expect(decodeFormat(Buffer.from(text)).kind).toBe("known");
  expect(decodeFormat(Buffer.from(text.replace(":7}", ":1e999}"))).kind).toBe("damaged");
});
