import { expect, test } from "vitest";
import { WatchedDisk } from "../../src/storage/watched-disk.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { describeDiskContract } from "./disk-contract.ts";

describeDiskContract({
  name: "a watched disk",
  hasMaps: true,
  make: async () => {
    const disk = WatchedDisk.over(new FaultyDisk(), new FakeClock());
    await disk.makeDirectory("/root");
    return { disk, root: "/root", dispose: async () => undefined };
  },
});

test("over: a disk is watched once", () => {
  const clock = new FakeClock();
  const watched = WatchedDisk.over(new FaultyDisk(), clock);
  expect(WatchedDisk.over(watched, clock)).toBe(watched);
});

test("stalled: calls that change something, from their age on until they end, well or not", async () => {
  const clock = new FakeClock();
  const inner = new FaultyDisk();
  const disk = WatchedDisk.over(inner, clock);
  const names = (): string[] => [...disk.stalled(1000)].map(({ action }) => action);
  const file = await disk.open("/a", "write");
  const release = inner.hold({ path: /a$/ });
  inner.plan({ kind: "sync", effect: "fail" });
  const write = file.write([Buffer.from("text")], 0);
  clock.advance(500);
  const sync = file.sync().catch(() => undefined);
  clock.advance(499);
  expect(names()).toEqual([]);
  clock.advance(1);
  expect(names()).toEqual(["write"]);
  clock.advance(500);
  expect(names()).toEqual(["write", "sync"]);
  release();
  await Promise.all([write, sync]);
  await settle();
  expect(names()).toEqual([]);
});

test("stalled: reads are nobody's trouble but their reader's", async () => {
  const clock = new FakeClock();
  const inner = new FaultyDisk();
  inner.setContents("/a", Buffer.from("text"));
  const disk = WatchedDisk.over(inner, clock);
  const file = await disk.open("/a", "read");
  const release = inner.hold({ kind: ["read", "size"] });
  const read = Promise.all([file.read(new Uint8Array(4), 0), file.size()]);
  clock.advance(60_000);
  expect([...disk.stalled(1000)]).toEqual([]);
  release();
  await read;
});
