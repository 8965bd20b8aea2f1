import { expect, describe, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { entries, entry, open, root, stopped, textOf } from "./data-directory-fixture.ts";
import { failure } from "./disk-contract.ts";

describe("checkpoint", () => {
  test("power cut at every call, before and after: the old or the new, never none", async () => {
    const seen = new Set<number | undefined>();
    for (const effect of ["halt-before", "halt-after"] as const) {
      for (let nth = 1, isDone = false; !isDone; nth++) {
        const disk = await stopped();
        const data = await open(disk);
        disk.plan({ effect, nth });
        isDone = await data.writeCheckpoint(entries(9)).then(
          () => true,
          () => false,
        );
        for (let seed = 0; seed < 30; seed++) {
          const next = await open(disk.crash(seededRandom(seed)));
          const point = next.checkpointOf("orders-1")?.recoveryPoint;
          expect([5, 9]).toContain(point);
          if (isDone) expect(point).toBe(9);
          seen.add(point);
        }
      }
    }
    expect(seen.size).toBe(2);
  });

  test("damaged: said in the log, treated as absent, nothing else touched", async () => {
    const disk = await stopped();
    disk.setContents(`${root}/orders-0/00000000000000000000.log`, Buffer.from("log"));
    const file = disk.contents(`${root}/checkpoint`) ?? new Uint8Array(0);
    disk.setContents(`${root}/checkpoint`, file.with(20, (file[20] ?? 0) ^ 1));
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, text: string) => warnings.push(text) };
    const data = await open(disk, { logger });
    expect([data.wasClean, data.checkpointOf("orders-0")]).toEqual([false, null]);
    expect(warnings).toEqual(["the checkpoint is damaged; logs are scanned instead"]);
    expect(await data.partitionDirectories()).toEqual(["orders-0"]);
    expect(textOf(disk, "orders-0/00000000000000000000.log")).toBe("log");
  });

  test("calls while one is written: share the next, which has the last one's entries", async () => {
    const disk = new FaultyDisk();
    const data = await open(disk);
    const release = disk.hold({ kind: "sync" });
    const before = disk.operationCount;
    const calls = [1, 2, 3, 4, 5].map((point) => data.writeCheckpoint(entries(point)));
    let settled = 0;
    for (const call of calls) void call.then(() => settled++);
    await settle();
    expect(settled).toBe(0);
    release();
    await Promise.all(calls);
    const renames = disk.operations.slice(before).filter(({ kind }) => kind === "rename");
    expect(renames).toHaveLength(2);
    const next = await open(disk.crash(seededRandom(1), "none"));
    expect(next.checkpointOf("orders-0")).toEqual(entry(5));
  });

  test("a call from whoever waited for the one before: never two at once", async () => {
    const disk = new FaultyDisk();
    const data = await open(disk);
    const points = Array.from({ length: 20 }, (_, index) => index + 1);
    const chain = async (start: number): Promise<void> => {
      for (const point of points) await data.writeCheckpoint(entries(start + point));
    };
    const before = disk.operationCount;
    await Promise.all([chain(0), chain(100), chain(200)]);
    const steps = disk.operations.slice(before).map(({ kind }) => kind);
    const once = ["open", "truncate", "write", "sync", "rename", "syncDirectory"];
    expect(steps).toEqual(Array.from({ length: steps.length / 6 }, () => once).flat());
  });

  test("calls at every instant of the others: never two at once, the last one wins", async () => {
    const disk = new FaultyDisk();
    const data = await open(disk);
    const before = disk.operationCount;
    const calls: Promise<void>[] = [];
    for (let point = 1; point <= 500; point++) {
      calls.push(data.writeCheckpoint(entries(point)));
      await Promise.resolve();
    }
    await Promise.all(calls);
    const steps = disk.operations.slice(before).map(({ kind }) => kind);
    const once = ["open", "truncate", "write", "sync", "rename", "syncDirectory"];
    expect(steps).toEqual(Array.from({ length: steps.length / 6 }, () => once).flat());
    const next = await open(disk.crash(seededRandom(1), "none"));
    expect(next.checkpointOf("orders-0")).toEqual(entry(500));
  });

  test("a failed sync: this and every later call refused, the old one kept", async () => {
    const disk = await stopped();
    const data = await open(disk);
    disk.plan({ effect: "fail", kind: "sync" });
    const both = [data.writeCheckpoint(entries(8)), data.writeCheckpoint(entries(9))];
    for (const call of both) expect((await failure(call)).code).toBe("KAFKA_STORAGE_ERROR");
    await failure(data.writeCheckpoint(entries(9)));
    await failure(data.markClean());
    await data.close();
    const next = await open(disk.crash(seededRandom(1)));
    expect([next.wasClean, next.checkpointOf("orders-0")]).toEqual([false, entry(5)]);
  });

  test("disk full: refused, and accepted again once there is room", async () => {
    const disk = await stopped();
    const data = await open(disk);
    disk.capacityBytes = disk.usedBytes + 10;
    expect((await failure(data.writeCheckpoint(entries(8)))).code).toBe("DISK_FULL");
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await data.writeCheckpoint(entries(9));
    await data.markClean();
    const next = await open(disk.crash(seededRandom(1), "none"));
    expect([next.wasClean, next.checkpointOf("orders-0")]).toEqual([true, entry(9)]);
  });

  test("closing during one: waits for it; afterwards calls are refused", async () => {
    const disk = new FaultyDisk();
    const data = await open(disk);
    const calls = [data.writeCheckpoint(entries(1)), data.writeCheckpoint(entries(2))];
    await data.close();
    await Promise.all(calls);
    expect((await failure(data.writeCheckpoint(entries(3)))).code).toBe("KAFKA_STORAGE_ERROR");
    expect((await open(disk)).checkpointOf("orders-0")).toEqual(entry(2));
  });
});
