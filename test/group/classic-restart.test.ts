import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { ClassicWorld, joinOf, outcomeOf, speaker, syncOf } from "../support/classic-world.ts";
import { settle } from "../support/fake-clock.ts";
import { codeOf } from "../support/group-world.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

function commit(group: string) {
  const offsets = [{ topic: "t", partition: 0, offset: 5, metadata: "m" }];
  return { group, memberId: "", memberEpoch: -1, offsets };
}

describe("classic groups: restarts and failures", () => {
  test("a restart at rest: members go on, with their whole session time", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    const joined = await world.stable(joinOf(), joinOf({ groupInstanceId: "i" }));
    const before = await world.classic.describe("g");
    await world.clock.run(9_000);
    await world.opened.groups.close();
    const again = await ClassicWorld.open({ log: log.afterCrash(), clock: world.clock });
    expect(await again.classic.describe("g")).toEqual(before);
    await world.clock.run(9_000);
    const [first] = joined;
    if (first === undefined) return;
    await again.classic.heartbeat(speaker(first));
    expect(Buffer.from((await again.classic.sync(syncOf(first))).assignment).toString()).toBe(
      `for ${first.memberId}`,
    );
    await world.clock.run(1_001);
    expect(await again.state()).toBe("PreparingRebalance 1");
  });

  test("a restart before the assignment: the leader may still hand it out", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    const joined = await world.joined(joinOf(), joinOf());
    await world.opened.groups.close();
    const again = await ClassicWorld.open({ log: log.afterCrash(), clock: world.clock });
    expect(await again.state()).toBe("CompletingRebalance 2");
    const synced = await again.syncAll(joined);
    expect(synced.every(({ assignment }) => assignment.length > 0)).toBe(true);
  });

  test("a restart before the assignment, and nobody comes: not for longer than they may take", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    const patient = joinOf({ sessionTimeoutMs: 100_000 });
    await world.joined(patient, patient);
    await world.opened.groups.close();
    const again = await ClassicWorld.open({ log: log.afterCrash(), clock: world.clock });
    await world.clock.run(30_001);
    expect(await again.state()).toBe("Empty 0");
  });

  test("the log fails, or all is closed: parked calls are told", async () => {
    for (const end of ["fail", "close"] as const) {
      const log = new MemoryStateLog();
      const world = await ClassicWorld.open({ log });
      const [, second] = await world.joined(joinOf(), joinOf());
      if (second === undefined) return;
      const calls = [
        world.classic.sync(syncOf(second)),
        world.classic.join(joinOf({ group: "h" })),
      ].map(codeOf);
      await settle();
      log.autoSync = false;
      const committed = codeOf(world.opened.groups.commitOffsets(commit("i")));
      if (end === "fail") log.fail(new LogError("KAFKA_STORAGE_ERROR", "sync failed"));
      else log.sync();
      await committed;
      if (end === "close") await world.opened.groups.close();
      expect(await Promise.all(calls)).toEqual(
        Array.from({ length: 2 }, () => "COORDINATOR_NOT_AVAILABLE"),
      );
    }
  });

  test("no room: the generation is undone, those who waited join again", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    await world.stable(joinOf({ group: "h" }));
    const join = codeOf(world.classic.join(joinOf()));
    const other = codeOf(world.classic.join(joinOf({ group: "h" })));
    await settle();
    log.autoSync = false;
    await world.clock.run(500);
    log.fail(new LogError("DISK_FULL", "no room"));
    expect(await join).toBe("DISK_FULL");
    expect(await other).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    log.autoSync = true;
    await settle();
    expect([await world.state(), await world.state("h")]).toEqual(["Empty 0", "Stable 1"]);
    const [next] = await world.joined(joinOf());
    expect(next?.generationId).toBe(1);
  });

  test("a generation that is refused: who waits is refused, and may join again", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    const join = codeOf(world.classic.join(joinOf()));
    await settle();
    log.refusal = new LogError("SERVER_OVERLOADED", "full");
    await world.clock.run(500);
    expect(await join).toBe("SERVER_OVERLOADED");
    log.refusal = null;
    const { members } = await world.classic.describe("g");
    const again = world.classic.join(joinOf({ memberId: members[0]?.memberId ?? "" }));
    await world.clock.run(30_000);
    expect((await again).generationId).toBe(1);
    await world.syncAll([await again]);
    log.refusal = new LogError("SERVER_OVERLOADED", "full");
    const left = world.classic.leave("g", [
      { memberId: (await again).memberId, groupInstanceId: null },
    ]);
    expect((await left)[0]?.error).toBe(null);
    log.refusal = null;
    expect(await world.state()).toBe("PreparingRebalance 0");
    await world.clock.run(1_000);
    expect(await world.state()).toBe("Empty 0");
  });

  test("an assignment that is refused: the leader may say it again", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    const [first, second] = await world.joined(joinOf(), joinOf());
    if (first === undefined || second === undefined) return;
    const follower = world.classic.sync(syncOf(second));
    log.refusal = new LogError("SERVER_OVERLOADED", "full");
    expect(await codeOf(world.classic.sync(syncOf(first)))).toBe("SERVER_OVERLOADED");
    expect(await outcomeOf(follower)).toBe("waiting");
    log.refusal = null;
    await world.classic.sync(syncOf(first));
    await follower;
  });
});
