import { describe, expect, test } from "vitest";
import { createTopic, openTestEngine, outcomeOf, produce, readValues } from "../support/engines.ts";

describe("broker: damage", () => {
  test("one log damaged: it is named and refuses appends, the others go on", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "good");
    await createTopic(engine, "bad");
    for (const topic of ["good", "bad"]) {
      for (const value of ["a", "b", "c"]) await produce(engine, { topic, values: [value] });
    }
    await clock.run(2000);
    const survivor = disk.kill();
    const path = "/data/bad-0/00000000000000000000.log";
    const bytes = survivor.contents(path) ?? new Uint8Array();
    // The checkpoint says that more than this was on the disk.
    survivor.setContents(path, bytes.subarray(0, 100));
    const again = await openTestEngine({ disk: survivor, clock, seed: 2 });
    expect((await produce(again.engine, { topic: "bad", values: ["d"] })).error).toBe(
      "KAFKA_STORAGE_ERROR",
    );
    expect((await produce(again.engine, { topic: "good", values: ["d"] })).error).toBeNull();
    expect(await readValues(again.engine, "good")).toEqual(["a", "b", "c", "d"]);
    const { ready, problems } = await again.engine.services.health();
    expect(ready).toBe(false);
    expect(problems.join()).toMatch(/partition bad-0 is corrupt/);
  });

  test("the catalog's log fails: changes are refused, what there is goes on", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    disk.plan({ kind: "sync", path: /__cluster_metadata-0\/.*log$/, effect: "fail" });
    expect(await outcomeOf(createTopic(engine, "more"))).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(engine.services.topics.lookup("more")).toBeNull();
    expect((await produce(engine, { topic: "orders", values: ["a"] })).error).toBeNull();
    expect((await engine.services.health()).problems.join()).toMatch(/__cluster_metadata-0/);
  });
});

describe("broker: the checkpoint", () => {
  test("cannot be written: is a problem, appends go on", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "orders");
    await clock.run(2000);
    disk.plan({ kind: "write", path: /checkpoint/, effect: "fail", times: 100 });
    expect((await produce(engine, { topic: "orders", values: ["a"] })).error).toBeNull();
    await clock.run(2000);
    expect((await engine.services.health()).problems.join()).toMatch(/checkpoint/);
    expect((await produce(engine, { topic: "orders", values: ["b"] })).error).toBeNull();
  });

  test("after a kill: only what was appended since is scanned", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "old");
    await createTopic(engine, "new");
    await produce(engine, { topic: "old", values: ["a"] });
    await clock.run(2000);
    await produce(engine, { topic: "new", values: ["b"] });
    const survivor = disk.kill();
    const again = await openTestEngine({ disk: survivor, clock, seed: 2 });
    const read = survivor.operations.filter(
      ({ kind, path }) => kind === "write" && path.endsWith(".log"),
    );
    expect(read.map(({ path }) => path.split("/")[2])).not.toContain("old-0");
    expect(await readValues(again.engine, "old")).toEqual(["a"]);
    expect(await readValues(again.engine, "new")).toEqual(["b"]);
  });
});
