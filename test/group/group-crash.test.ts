// Groups on a real log on a disk that dies: at every call to the disk, and with whatever a power cut may leave, what
// was answered is there after the restart.

import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { LogStateLog } from "../../src/coordinator/log-state-log.ts";
import type { GroupServicesOver } from "../../src/group/group-services.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { GroupClient, openGroups, TopicTable } from "../support/group-world.ts";
import { LogFixture } from "../support/log-fixture.ts";

const roomy = { groupBytesMax: 1 << 16, unsyncedBytesMax: 1 << 20, queuedBytesMax: 1 << 20 };

async function openOn(disk: FaultyDisk, growthBytes = 2000) {
  const topics = new TopicTable();
  topics.set("t", 4);
  const fixture = new LogFixture({ disk, limits: roomy, config: { segmentBytes: 4096 } });
  const log = await fixture.open();
  const { groups } = await openGroups({
    log: new LogStateLog(log),
    topics,
    clock: fixture.clock,
    snapshotGrowthBytes: growthBytes,
  });
  return { fixture, groups };
}

/** What clients were told: the least that must be there after a crash. */
interface Ledger {
  /** Highest answered and highest tried offset by partition. */
  readonly answered: Map<number, number>;
  readonly tried: Map<number, number>;
  memberEpoch: number;
  isDeletedAnswered: boolean;
  /** The transaction whose end was answered last, and the one whose end was tried last; 0 for none. */
  endAnswered: number;
  endTried: number;
}

function newLedger(): Ledger {
  const nothing = { memberEpoch: 0, isDeletedAnswered: false, endAnswered: 0, endTried: 0 };
  return { answered: new Map(), tried: new Map(), ...nothing };
}

async function scenario(groups: GroupServicesOver, ledger: Ledger): Promise<void> {
  const other = { group: "old", memberId: "", memberEpoch: -1 };
  await groups.commitOffsets({
    ...other,
    offsets: [{ topic: "t", partition: 0, offset: 1, metadata: "" }],
  });
  const client = new GroupClient("a", () => groups);
  await client.join({ subscribedTopics: ["t"] });
  ledger.memberEpoch = client.epoch;
  for (let offset = 1; offset <= 14; offset++) {
    const commits = [0, 1, 2, 3].map(async (partition) => {
      ledger.tried.set(partition, offset);
      await groups.commitOffsets({
        group: "g",
        memberId: "a",
        memberEpoch: client.epoch,
        offsets: [{ topic: "t", partition, offset, metadata: `at ${offset}` }],
      });
      ledger.answered.set(partition, offset);
    });
    await Promise.all(commits);
    if (offset % 4 === 1) await transaction(groups, offset, ledger);
    if (offset === 6) {
      await groups.delete("old");
      ledger.isDeletedAnswered = true;
    }
  }
}

/** One transaction of two partitions; the second is aborted. */
async function transaction(
  groups: GroupServicesOver,
  offset: number,
  ledger: Ledger,
): Promise<void> {
  const producer = { producerId: 1, producerEpoch: 0 };
  await groups.commitTransactional({
    group: "txn",
    transactionalId: "tx",
    ...producer,
    memberId: "",
    groupInstanceId: null,
    generationIdOrMemberEpoch: -1,
    offsets: [0, 1].map((partition) => ({ topic: "t", partition, offset, metadata: "" })),
  });
  const isCommit = offset !== 5;
  if (isCommit) ledger.endTried = offset;
  await groups.endTransaction("txn", producer, isCommit);
  if (isCommit) ledger.endAnswered = offset;
}

async function checkTransactions(ledger: Ledger, groups: GroupServicesOver): Promise<void> {
  const places = [0, 1].map((partition) => ({ topic: "t", partition }));
  const [first, second] = await groups.committedOffsets("txn", places);
  expect(first?.offset, "all of a transaction or nothing").toBe(second?.offset);
  const offset = Math.max(0, first?.offset ?? 0);
  expect(offset).toBeGreaterThanOrEqual(ledger.endAnswered);
  expect(offset).toBeLessThanOrEqual(ledger.endTried);
}

async function checkAgainst(ledger: Ledger, groups: GroupServicesOver): Promise<void> {
  await checkTransactions(ledger, groups);
  const committed = await groups.committedOffsets("g", null);
  for (const [partition, answered] of ledger.answered) {
    const { offset = -1, metadata } = committed.find((one) => one.partition === partition) ?? {};
    expect(offset, `partition ${partition}`).toBeGreaterThanOrEqual(answered);
    expect(offset).toBeLessThanOrEqual(ledger.tried.get(partition) ?? 0);
    expect(metadata).toBe(`at ${offset}`);
  }
  if (ledger.memberEpoch > 0) {
    const { members, state } = await groups.describe("g");
    expect(members.map(({ memberId }) => memberId)).toEqual(["a"]);
    expect([state, members[0]?.memberEpoch]).toEqual(["STABLE", ledger.memberEpoch]);
  }
  const names = (await groups.list()).map(({ group }) => group);
  if (ledger.isDeletedAnswered) expect(names).not.toContain("old");
}

async function runOnce(disk: FaultyDisk): Promise<Ledger> {
  const ledger = newLedger();
  try {
    const { groups } = await openOn(disk);
    await scenario(groups, ledger);
    await groups.close();
  } catch {
    // The machine stopped; what was answered until then is in the ledger.
  }
  await settle(2);
  return ledger;
}

test("groups: power cut before any call to the disk: all that was answered is there", async () => {
  const whole = new FaultyDisk();
  const complete = await runOnce(whole);
  expect(complete.answered.get(3)).toBe(14);
  const { operationCount } = whole;
  expect(operationCount).toBeGreaterThan(60);
  const names = whole.paths().filter((path) => path.endsWith(".log"));
  expect(names, "the log was trimmed").not.toContain("/data/orders-0/00000000000000000000.log");
  for (let nth = 1; nth <= operationCount; nth++) {
    const disk = new FaultyDisk();
    disk.plan({ nth, effect: nth % 2 === 0 ? "halt-before" : "halt-after" });
    const ledger = await runOnce(disk);
    const random = seededRandom(nth);
    const survivor = disk.crash(random);
    const { groups } = await openOn(survivor);
    await checkAgainst(ledger, groups);
    // And it goes on from there.
    await groups.commitOffsets({
      group: "new",
      memberId: "",
      memberEpoch: -1,
      offsets: [{ topic: "t", partition: 0, offset: 1, metadata: "" }],
    });
    await groups.close();
    const { groups: third } = await openOn(survivor.crash(random));
    await checkAgainst(ledger, third);
    expect((await third.committedOffsets("new", null)).length).toBe(1);
  }
});

test("groups: any one call to the disk fails: nothing is answered that is not kept", async () => {
  const whole = new FaultyDisk();
  await runOnce(whole);
  for (let nth = 1; nth <= whole.operationCount; nth += 2) {
    const disk = new FaultyDisk();
    disk.plan({ nth, effect: nth % 4 === 1 ? "fail" : "full" });
    const ledger = await runOnce(disk);
    const { groups } = await openOn(disk.crash(seededRandom(nth)));
    await checkAgainst(ledger, groups);
  }
});
