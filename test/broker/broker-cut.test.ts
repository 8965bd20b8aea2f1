import { expect, test, vi } from "vitest";
import { cutOf, filesSettled } from "../../src/broker/broker-cut.ts";
import { Partition } from "../../src/broker/partition.ts";
import { parseConfigs, settingsOf } from "../../src/broker/topic-config.ts";
import { Topics, topicFrom } from "../../src/broker/topics.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";

const configs = parseConfigs({});
const settings = settingsOf(configs, new Map());

async function topics(problem: string | null) {
  const log = await new LogFixture({ disk: new FaultyDisk() }).open();
  const made = new Topics();
  const partition = (number: number, isWell: boolean): Partition =>
    new Partition({
      topic: "t",
      partition: number,
      log: isWell ? log : null,
      problem: isWell ? null : problem,
      settings,
    });
  const partitions = [partition(0, true), partition(1, problem === null)];
  made.set(topicFrom({ name: "t", topicId: "x", configs, settings, partitions }));
  return { made, log };
}

test("every partition by its directory's name", async () => {
  const { made, log } = await topics(null);
  const cut = cutOf(made, 5);
  expect([cut?.atMs, [...(cut?.logs.keys() ?? [])]]).toEqual([5, ["t-0", "t-1"]]);
  for (const each of cut?.logs.values() ?? []) each.release();
  await log.uncut();
});

test("one that is not well: named, and nothing stays held", async () => {
  const { made, log } = await topics("is gone");
  expect(() => cutOf(made, 5)).toThrow(/partition t-1 is failed: is gone/);
  await log.uncut();
});

test("while files of one are being replaced: none is held, and it is said when to try again", async () => {
  const { made, log } = await topics(null);
  const isChanging = vi.spyOn(log, "isChanging", "get").mockReturnValue(true);
  expect(cutOf(made, 5)).toBeNull();
  isChanging.mockRestore();
  await filesSettled(made);
  const cut = cutOf(made, 6);
  expect(cut?.logs.size).toBe(2);
  for (const each of cut?.logs.values() ?? []) each.release();
  await log.uncut();
});
