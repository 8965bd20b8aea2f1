// The machine stops before and after every call to the disk that a workload makes; then the disk is opened, held to
// what was promised, used, stopped again and opened again. Once more with the recovery itself stopped at every call.

import { type Random, seededRandom } from "../../src/base/random.ts";
import { settle } from "../support/fake-clock.ts";
import type { FaultyDisk } from "../support/faulty-disk.ts";
import type { CrashMode } from "../support/memory-file.ts";
import { Choices } from "./choices.ts";
import { patiently } from "./patience.ts";
import type { Subject, Workload } from "./subject.ts";

/** What a stop leaves: the page cache (`kill`), or a kind of power cut. */
export type Left = "kill" | CrashMode;

/** Every kind of stop. */
export const everyLeft: readonly Left[] = ["kill", "none", "all", "prefix", "subset", "garbage"];

/** How much is tried. */
export interface CrashPointOptions {
  /** Every so many calls one is stopped at; 1 for all. */
  readonly stride: number;
  /** Every so many of those the recovery is stopped as well, at every call; 0 for none. */
  readonly recoveryStride: number;
  /** What stops leave: each of these at each call. Null: one each, drawn from the seed. */
  readonly left: readonly Left[] | null;
  readonly seed: number;
  /** Called after each call of the workload. */
  readonly onProgress?: (facts: CrashPointFacts) => void;
}

/** How much is tried of what power cuts lose. */
export interface LostSectorOptions {
  /** Every so many calls one is stopped at; 1 for all. */
  readonly stride: number;
  /** Outcomes that are gone through at each; of more, so many are drawn from the seed. */
  readonly outcomesMax: number;
  readonly seed: number;
  /** Called after each call of the workload. */
  readonly onProgress?: (facts: LostSectorFacts) => void;
}

/** What was tried of one workload and what was found. */
export interface LostSectorFacts {
  readonly workload: string;
  readonly calls: number;
  /** Calls after which every outcome was gone through. */
  whole: number;
  /** Calls after which there were more outcomes than that. */
  sampled: number;
  cases: number;
  readonly problems: string[];
}

/** What was tried of one workload and what was found. */
export interface CrashPointFacts {
  readonly workload: string;
  /** Calls to the disk that the workload makes. */
  readonly calls: number;
  /** Stops of the workload. */
  cases: number;
  /** Stops of a recovery. */
  recoveries: number;
  /** Broken promises, with what repeats them. */
  readonly problems: string[];
}

interface StopAt {
  readonly nth: number;
  readonly effect: "halt-before" | "halt-after";
  readonly left: Left;
  readonly random: Random;
}

interface Stopped {
  readonly subject: Subject;
  readonly disk: FaultyDisk;
}

/** Tries one workload. Never rejects for what it finds. */
export async function tryCrashPoints(
  workload: Workload,
  options: CrashPointOptions,
): Promise<CrashPointFacts> {
  const base = await workload.base();
  const calls = await countCalls(workload, base);
  const facts: CrashPointFacts = {
    workload: workload.name,
    calls,
    cases: 0,
    recoveries: 0,
    problems: [],
  };
  for (let nth = 1; nth <= calls; nth += options.stride) {
    const random = seededRandom(options.seed * 1_000_003 + nth);
    const drawn = everyLeft[random.below(everyLeft.length)] ?? "none";
    const effects = ["halt-before", "halt-after"] as const;
    const chosen = options.left === null ? [effects[random.below(2)] ?? "halt-before"] : effects;
    for (const left of options.left ?? [drawn]) {
      for (const effect of chosen) {
        const how = { nth, effect, left, random };
        const name = `${workload.name}: ${effect} call ${nth}, ${left}, seed ${options.seed}`;
        facts.cases++;
        facts.problems.push(...(await named(name, tryStop(workload, base, how))));
      }
    }
    const isDeep =
      options.recoveryStride > 0 && Math.floor(nth / options.stride) % options.recoveryStride === 0;
    if (isDeep)
      await tryRecoveries(workload, { base, nth, left: drawn, random, seed: options.seed, facts });
    options.onProgress?.(facts);
  }
  return facts;
}

async function named(name: string, found: Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return (await found).map((problem) => `${name}: ${problem}`);
  } catch (error) {
    return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function copyOf(disk: FaultyDisk): FaultyDisk {
  return disk.afterCrash(seededRandom(0), "all");
}

async function begun(workload: Workload, base: FaultyDisk): Promise<Stopped> {
  const disk = copyOf(base);
  const subject = workload.make();
  await subject.open(disk);
  await subject.prepare();
  return { subject, disk };
}

async function countCalls(workload: Workload, base: FaultyDisk): Promise<number> {
  const { subject, disk } = await begun(workload, base);
  const before = disk.operationCount;
  await subject.run();
  return disk.operationCount - before;
}

// Runs the work until the machine stops at the call, or to its end.
async function stoppedAt(workload: Workload, base: FaultyDisk, how: StopAt): Promise<Stopped> {
  const { subject, disk } = await begun(workload, base);
  disk.plan({ nth: how.nth, effect: how.effect });
  await untilDead(disk, subject.run());
  return { subject, disk: leftOf(disk, subject, how) };
}

function leftOf(disk: FaultyDisk, subject: Subject, { left, random }: StopAt): FaultyDisk {
  subject.stopped(left === "kill" ? "kill" : "power");
  return left === "kill" ? disk.kill() : disk.crash(random, left);
}

// Runs work until it ends or the machine has stopped; on a dead disk whatever it throws is no news.
async function untilDead(disk: FaultyDisk, work: Promise<void>): Promise<void> {
  try {
    await patiently(work, () => disk.isDead);
  } catch (error) {
    if (!disk.isDead) throw error;
  }
  await settle(3);
}

async function openedWithin(subject: Subject, disk: FaultyDisk): Promise<void> {
  await untilDead(disk, subject.open(disk));
}

async function tryStop(
  workload: Workload,
  base: FaultyDisk,
  how: StopAt,
): Promise<readonly string[]> {
  const { subject, disk } = await stoppedAt(workload, base, how);
  const problems: string[] = [];
  // Half of the stops are enough for what costs two recoveries more.
  if (how.effect === "halt-after")
    problems.push(...(await changesOfSecondRecovery(workload, disk)));
  await openedWithin(subject, disk);
  problems.push(...(await subject.check()));
  await subject.goOn();
  const again = leftOf(disk, subject, { ...how, left: how.left === "kill" ? "none" : "kill" });
  await openedWithin(subject, again);
  problems.push(...(await subject.check()).map((problem) => `the second time: ${problem}`));
  return problems;
}

// A recovery that nobody asks anything of, and another after it: the second one finds nothing to do.
async function changesOfSecondRecovery(
  workload: Workload,
  disk: FaultyDisk,
): Promise<readonly string[]> {
  let current = copyOf(disk);
  const images: ReadonlyMap<string, string>[] = [];
  for (let lap = 0; lap < 2; lap++) {
    await openedWithin(workload.make(), current);
    await settle(10);
    current = current.kill();
    images.push(imageOf(current));
  }
  const [first = new Map<string, string>(), second = new Map<string, string>()] = images;
  const paths = new Set([...first.keys(), ...second.keys()]);
  return [...paths]
    .filter((path) => first.get(path) !== second.get(path))
    .map((path) => `a second recovery changes ${path}`);
}

function imageOf(disk: FaultyDisk): ReadonlyMap<string, string> {
  const paths = disk
    .paths()
    .filter((path) => path.endsWith(".log") || path.includes("/quarantine/"));
  return new Map(
    paths.map((path) => [path, Buffer.from(disk.contents(path) ?? []).toString("base64")] as const),
  );
}

interface RecoveryCase {
  readonly base: FaultyDisk;
  readonly nth: number;
  readonly left: Left;
  readonly random: Random;
  readonly seed: number;
  readonly facts: CrashPointFacts;
}

// The recovery after one stop, itself stopped at each of its calls, each time from the same disk.
async function tryRecoveries(workload: Workload, each: RecoveryCase): Promise<void> {
  const { base, nth, left, random, seed, facts } = each;
  const before = await stoppedAt(workload, base, { nth, effect: "halt-after", left, random });
  const image = before.disk;
  for (let step = 1, isMore = true; isMore; step++) {
    const effect = random.below(2) === 0 ? "halt-before" : "halt-after";
    const next = everyLeft[random.below(everyLeft.length)] ?? "none";
    const name = `${workload.name}: call ${nth}, ${left}, then ${effect} call ${step} of the recovery, ${next}, seed ${seed}`;
    const found = async (): Promise<readonly string[]> => {
      // The work is done anew, for promises are kept by who made them.
      const { subject } = await stoppedAt(workload, base, {
        nth,
        effect: "halt-after",
        left,
        random,
      });
      const disk = copyOf(image);
      const plan = disk.plan({ nth: step, effect });
      await openedWithin(subject, disk);
      isMore = plan.hits > 0;
      const after = leftOf(disk, subject, { nth, effect, left: next, random });
      await openedWithin(subject, after);
      return subject.check();
    };
    facts.recoveries++;
    const problems = await named(name, found());
    facts.problems.push(...problems);
    if (step > 5000) return;
  }
}

/** The power goes after each call: every subset of unsynced sectors, sizes and names is lost, where they are few. */
export async function tryLostSectors(
  workload: Workload,
  options: LostSectorOptions,
): Promise<LostSectorFacts> {
  const base = await workload.base();
  const calls = await countCalls(workload, base);
  const { name } = workload;
  const facts: LostSectorFacts = {
    workload: name,
    calls,
    whole: 0,
    sampled: 0,
    cases: 0,
    problems: [],
  };
  for (let nth = 1; nth <= calls; nth += options.stride) {
    const outcomes = await outcomesAfter(workload, { base, nth }, options);
    if (outcomes.isWhole) facts.whole++;
    else facts.sampled++;
    for (const [index, outcome] of outcomes.found.entries()) {
      const { subject } = await deadAfter(workload, base, nth);
      subject.stopped("power");
      const what = `${name}: power cut after call ${nth}, outcome ${index}, seed ${options.seed}`;
      const found = async (): Promise<readonly string[]> => {
        await openedWithin(subject, outcome);
        return subject.check();
      };
      facts.cases++;
      facts.problems.push(...(await named(what, found())));
    }
    options.onProgress?.(facts);
  }
  return facts;
}

async function deadAfter(workload: Workload, base: FaultyDisk, nth: number): Promise<Stopped> {
  const { subject, disk } = await begun(workload, base);
  disk.plan({ nth, effect: "halt-after" });
  await untilDead(disk, subject.run());
  return { subject, disk };
}

async function outcomesAfter(
  workload: Workload,
  { base, nth }: { readonly base: FaultyDisk; readonly nth: number },
  { outcomesMax, seed }: LostSectorOptions,
): Promise<{ readonly found: readonly FaultyDisk[]; readonly isWhole: boolean }> {
  const { disk } = await deadAfter(workload, base, nth);
  const choices = new Choices();
  const found: FaultyDisk[] = [];
  do found.push(disk.afterCrash(choices, "choice"));
  while (choices.advance() && found.length <= outcomesMax);
  if (found.length <= outcomesMax) return { found, isWhole: true };
  const random = seededRandom(seed * 1_000_003 + nth);
  const drawn = Array.from({ length: outcomesMax }, () => disk.afterCrash(random, "subset"));
  return { found: drawn, isWhole: false };
}
