import { expect, test } from "vitest";
import { stage, stagingName } from "../../src/backup/staging.ts";
import { seededRandom } from "../../src/base/random.ts";
import { newFormat } from "../../src/storage/format-file.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture } from "../support/log-fixture.ts";

async function staged(links: boolean) {
  const disk = new FaultyDisk({ links });
  const fixture = new LogFixture({ disk });
  const log = await fixture.open();
  for (let count = 0; count < 5; count++) await log.append([batchOfSize(400)]).durable;
  const cut = log.cut();
  await log.append([batchOfSize(400)]).durable;
  const plan = await stage(
    {
      disk,
      path: "/data",
      format: newFormat(seededRandom(1), 1),
      batchBytesMax: 4096,
      onFile: () => undefined,
    },
    { atMs: 7, logs: new Map([["orders-0", cut]]) },
  );
  return { disk, log, cut, plan };
}

test.each([[true], [false]])(
  "links %s: a plan of the instant; names are held as long as they are needed",
  async (links) => {
    const { log, cut, plan } = await staged(links);
    const logs = plan.files.filter(({ path }) => path.endsWith(".log"));
    expect(
      logs.map(({ mayLink, bytes, segment }) => [mayLink, bytes, segment?.baseOffset]),
    ).toEqual([
      [true, null, 0],
      [true, null, 2],
      [false, 400, 4],
    ]);
    expect(logs.at(-1)?.segment?.endOffset).toBe(5);
    const isStaged = (path: string): boolean => path.startsWith(`/data/${stagingName}/`);
    expect(logs.every(({ from }) => isStaged(from) === links)).toBe(true);
    let isFree = false;
    void log.uncut().then(() => (isFree = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isFree).toBe(links);
    cut.release();
    await log.uncut();
  },
);

test("what an earlier one left is gone", async () => {
  const disk = new FaultyDisk();
  disk.setContents(`/data/${stagingName}/x-0/old`, new Uint8Array(1));
  const parts = { disk, path: "/data", format: newFormat(seededRandom(1), 1), batchBytesMax: 1 };
  const cut = { atMs: 1, logs: new Map() };
  const plan = await stage({ ...parts, onFile: () => undefined }, cut);
  expect(plan.files).toEqual([]);
  expect(disk.paths()).toEqual([]);
});
