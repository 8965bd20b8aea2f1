import { describe, expect, test } from "vitest";
import {
  longTopicId,
  readPartitionMetadata,
  shortTopicId,
  writePartitionMetadata,
} from "../../src/broker/partition-metadata.ts";
import { randomUuid, seededRandom } from "../../src/base/random.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const topicId = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";

describe("partition metadata", () => {
  test("the file: is Kafka's, byte for byte, and durable", async () => {
    const disk = new FaultyDisk();
    await disk.makeDirectory("data/orders-0");
    await writePartitionMetadata(disk, { directory: "data/orders-0", topicId });
    const path = "/data/orders-0/partition.metadata";
    expect(Buffer.from(disk.contents(path) ?? []).toString()).toBe(
      "version: 0\ntopic_id: -B1Prn3sQdCnZQCgyR5r9g\n",
    );
    expect(disk.isDurable(path)).toBe(true);
    expect(await readPartitionMetadata(disk, "data/orders-0")).toBe(topicId);
  });

  test("any id: survives both spellings", () => {
    const random = seededRandom(7);
    for (let round = 0; round < 100; round++) {
      const id = randomUuid(random);
      expect(longTopicId(shortTopicId(id))).toBe(id);
    }
  });

  test("missing, cut short, of another version: no id", async () => {
    const disk = new FaultyDisk();
    expect(await readPartitionMetadata(disk, "/data/none-0")).toBeNull();
    const bad = ["", "version: 0\n", "version: 1\ntopic_id: -B1PrnOsQdCnZQCgyR5r9g\n", "topic_id"];
    for (const text of bad) {
      disk.setContents("/data/bad-0/partition.metadata", Buffer.from(text));
      expect(await readPartitionMetadata(disk, "/data/bad-0"), text).toBeNull();
    }
  });
});
